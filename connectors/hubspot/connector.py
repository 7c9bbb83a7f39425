"""The HubSpot connector: the protocol's methods, each in a module of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from connectors.base import (
    Access,
    Account,
    Capabilities,
    ObjectInfo,
    Page,
    Pipeline,
    Provisioned,
    Record,
    User,
    Write,
    WriteResult,
)
from connectors.descriptions import Descriptions
from connectors.errors import Misconfigured
from connectors.hubspot import pull, versions
from connectors.hubspot.cursor import Plan, parse
from connectors.hubspot.describe import Describer
from connectors.hubspot.links import Links
from connectors.hubspot.owners import Owners
from connectors.hubspot.read import Reader
from connectors.hubspot.wire import Wire
from connectors.hubspot.words import BATCH, SEARCH_PAGE
from connectors.hubspot.write import Writer
from connectors.transport import Meter

#: Seconds pulls reach back behind their cursor: search was seen to trail by 3 to 30.
OVERLAP = 60.0
READ_LAG = 30.0
#: Seconds between two looks into the recycling bin, and for one round of everything to see
#: changed associations.
DELETES_EVERY = 900.0
ASSOCIATIONS_EVERY = 21_600.0


class HubSpotConnector:
    """One HubSpot account; see `connectors.base.Connector`.

    Association changes bump no modified stamp and do not show in `Record.version`: they come in
    `fetch`, in a pull of everything, and in pulls of changes within `associations_every`.
    """

    vendor = "hubspot"

    def __init__(self, access: Access, sleep: Callable[[float], None] = time.sleep) -> None:
        self.connection = access.connection
        self.meter = Meter()
        history = access.options.get("history", "").lower() == "true"
        self._plan = Plan(
            overlap=_seconds(access, "overlap", OVERLAP),
            deletes_every=_seconds(access, "deletes_every", DELETES_EVERY),
            associations_every=_seconds(access, "associations_every", ASSOCIATIONS_EVERY),
        )
        self.capabilities = Capabilities(
            write_batch=BATCH,
            fetch_batch=BATCH,
            page_size=SEARCH_PAGE,
            field_times=history,
            stamp_precision="millisecond",
            read_lag=READ_LAG,
            deletes_lag=self._plan.deletes_every.total_seconds(),
        )
        paths = versions.paths(access.options.get("api_version", ""), access.connection)
        self._wire = Wire(access, self.meter, sleep)
        self._links = Links(self._wire, paths)
        self._reader = Reader(self._wire, paths, self._links, history)
        self._describer = Describer(self._wire, paths)
        self._owners = Owners(self._wire, paths, Descriptions(access))
        self._writer = Writer(self._wire, paths, self._links, self._describer.is_unique)

    def check(self) -> Account:
        """See `connectors.base.Connector.check`."""
        return self._describer.check()

    def describe(self, object: str) -> ObjectInfo:
        """See `connectors.base.Connector.describe`."""
        return self._describer.describe(object)

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """See `connectors.base.Connector.pull`.

        Everything: one call per 100 records. Changes: one search per 200, a batch read per 100
        and one call per 1,000 and association field. When due, one call per 100 records in the
        recycling bin, and per 100 records of the object that are read for their associations.
        """
        cursor = parse(since, self.connection)
        return self._looked_at(pull.pull(self._reader, object, fields, cursor, self._plan))

    def _looked_at(self, pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            self._owners.met(page.records)
            yield page

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See `connectors.base.Connector.fetch`."""
        found = self._reader.fetch(object, ids, fields)
        self._owners.met(found)
        return found

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """See `connectors.base.Connector.find`."""
        if not values:
            return []
        unique = self._describer.is_unique(object, field)
        return self._reader.find(object, field, values, fields, unique)

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """See `connectors.base.Connector.push`."""
        return self._writer.push(object, writes)

    def users(self) -> list[User]:
        """See `connectors.base.Connector.users`. One call per 100 owners; those that are archived
        are kept for a day."""
        return self._owners.users()

    def pipelines(self, object: str) -> list[Pipeline]:
        """See `connectors.base.Connector.pipelines`."""
        return self._describer.pipelines(object)

    def provision(self, object: str, field: str) -> Provisioned:
        """See `connectors.base.Connector.provision`."""
        return self._describer.provision(object, field)

    def close(self) -> None:
        """See `connectors.base.Connector.close`."""
        self._wire.close()


def _seconds(access: Access, name: str, default: float) -> timedelta:
    text = access.options.get(name, "") or str(default)
    try:
        seconds = float(text)
        if seconds < 0:
            raise ValueError("negative")
        return timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise Misconfigured(
            f"{access.connection}: {name} {text!r} is not a number of seconds",
            connection=access.connection,
        ) from None
