"""A vendor's sandbox on a socket, records in it, and a connector that waits for nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from connectors.base import Access, Connector
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce import SalesforceConnector
from connectors.sandbox.server import Call, Server
from connectors.transport import Retrier
from connectors.zoho import ZohoConnector
from mapping.document import catalog
from tests.contract.rig import OLD, ServedRig
from tests.contract.words import SETUPS, WORDS, Thing

#: Paths that are asked for once per process, whatever there is to do: of descriptions, and of
#: whose account it is. Signing in is at the `token_path` of `tests.contract.words`.
_DESCRIBING = {
    "salesforce": r"/services/data/v[\d.]+/sobjects/\w+/describe",
    "hubspot": r"/crm/[\w-]+/properties/.+|/account-info/.+",
    "zoho": r"/crm/v8/(settings/.+|org)",
}
#: Paths of bulk jobs that may still be at work.
_JOBS = {
    "salesforce": r"/services/data/v[\d.]+/jobs/(query|ingest)/\w+",
    "hubspot": r"/crm/[\w-]+/(imports|exports)/.+",
    "zoho": r"/crm/bulk/v8/(read|write)/\d+",
}


@dataclass(slots=True)
class Spent:
    """Calls as the sandbox counted them.

    Attributes:
        calls: those that did the work.
        sign_in, describe: those that are made once per process.
        waiting: further looks at bulk jobs, after the first of each.
        metered: all calls, as the connector's own meter counted them; None without a meter.
    """

    calls: int = 0
    sign_in: int = 0
    describe: int = 0
    waiting: int = 0
    metered: int | None = None

    @property
    def total(self) -> int:
        """All calls."""
        return self.calls + self.sign_in + self.describe + self.waiting

    def add(self, vendor: str, calls: Sequence[Call]) -> None:
        """Count lines of a vendor's log."""
        looked: set[str] = set()
        for call in calls:
            if re.fullmatch(WORDS[vendor].token_path, call.path):
                self.sign_in += 1
            elif re.fullmatch(_DESCRIBING[vendor], call.path):
                self.describe += 1
            elif call.method == "GET" and re.fullmatch(_JOBS[vendor], call.path):
                if call.path in looked:
                    self.waiting += 1
                else:
                    self.calls += 1
                looked.add(call.path)
            else:
                self.calls += 1


def connect(vendor: str, access: Access) -> Connector:
    """A connector that takes no time between tries, nor between looks at bulk jobs."""

    def at_once(seconds: float) -> None:
        """No time passes."""

    makers: Mapping[str, Callable[[], Connector]] = {
        "salesforce": lambda: SalesforceConnector(access, Retrier(sleep=at_once)),
        "hubspot": lambda: HubSpotConnector(access, at_once),
        "zoho": lambda: ZohoConnector(access, Retrier(sleep=at_once)),
    }
    return makers[vendor]()


def fields(vendor: str, object: str) -> list[str]:
    """The native fields that the hub reads of a common object."""
    document = catalog(vendor, object)
    named = [field.native for field in document.fields.values() if field.readable]
    return list(dict.fromkeys([*named, document.external_id]))


class Stand:
    """One vendor's sandbox and a connector to it; a context manager.

    `rig` is the sandbox as the contract suite uses it: its words, its users, its clock.
    `options` are the connection's.
    """

    def __init__(self, vendor: str, options: Mapping[str, str] | None = None) -> None:
        setup = SETUPS[vendor]
        self._server = Server(None)
        self.rig = ServedRig(replace(setup, options=dict(options or {})), self._server)
        self.vendor = vendor
        self.connector = connect(vendor, self.rig.access())

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *_: object) -> None:
        self.connector.close()
        self.rig.close()
        self._server.close()

    @contextmanager
    def counting(self) -> Iterator[Spent]:
        """The calls made inside."""
        spent = Spent()
        log, meter = len(self.rig.calls), self.connector.meter.total
        yield spent
        spent.add(self.vendor, self.rig.calls[log:])
        spent.metered = self.connector.meter.total - meter

    def things(self) -> dict[str, Thing]:
        """Common name -> native object."""
        words = self.rig.words
        return {
            "company": words.company,
            "contact": words.contact,
            "deal": words.deal,
            "ticket": words.ticket,
        }

    def fill(self, contacts: int) -> list[str]:
        """So many contacts that nobody touched for long, one company for every hundred of them;
        their ids."""
        words = self.rig.words
        companies = self.rig.load(
            words.company,
            (words.company.row(f"Company {n}") for n in range(contacts // 100 + 1)),
            at=OLD,
        )
        rows = (
            words.contact.row(
                f"Person {n}",
                **{words.email: f"person{n}@example.com", words.employer: companies[n // 100]},
            )
            for n in range(contacts)
        )
        return self.rig.load(words.contact, rows, at=OLD)

    def read(self, object: str, since: str | None) -> tuple[set[str], str]:
        """A whole pull of a common object: the ids that came, and the cursor after it."""
        seen: set[str] = set()
        cursor = ""
        native = self.things()[object].object
        for page in self.connector.pull(native, fields(self.vendor, object), since):
            seen.update(record.id for record in page.records)
            cursor = page.cursor
        return seen, cursor
