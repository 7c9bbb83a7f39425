"""The connector: reading, writing and describing put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from connectors.transport import Meter, Retrier
from connectors.zoho.bulk_read import BulkReader
from connectors.zoho.bulk_write import BulkWriter
from connectors.zoho.client import Client
from connectors.zoho.describe import Describer
from connectors.zoho.jobs import Jobs
from connectors.zoho.read import COQL_PAGE, IDS, Reader
from connectors.zoho.write import BATCH, Writer

#: A module with more records is read by Bulk Read: 50 credits a 200,000 records, against 1 a
#: 200, but minutes until the first comes.
BULK_FROM = 50_000

#: More writes of one kind go by Bulk Write: 500 credits, against 1 for every 10.
BULK_WRITE_FROM = 5_000

#: Seconds between two looks at a module's deleted records.
DELETES_EVERY = 900


def _whole(access: Access, name: str, default: int, of: str = "records") -> int:
    text = access.options.get(name, str(default))
    if not text.isdecimal():
        raise Misconfigured(
            f"{access.connection}: the option {name} is a whole number of {of}, not {text!r}",
            connection=access.connection,
        )
    return int(text)


class ZohoConnector:
    """One Zoho CRM account. See `connectors.base.Connector`.

    Its options ``bulk_from`` and ``bulk_write_from`` say from how many records on Zoho's bulk
    APIs are used, ``deletes_every`` how many seconds lie between two looks at the deleted records
    (900; with 0 every pull looks). `retrier`, which also waits for bulk jobs, is for tests, which
    bring a clock that does not wait.
    """

    vendor = "zoho"
    capabilities = Capabilities(
        write_batch=BATCH,
        bulk_write=25_000,
        fetch_batch=IDS,
        page_size=COQL_PAGE,
        reports_merges=False,
        stamp_precision="second",
        deletes_lag=float(DELETES_EVERY),
    )

    def __init__(self, access: Access, retrier: Retrier | None = None) -> None:
        self.connection = access.connection
        self.meter = Meter()
        deletes_every = _whole(access, "deletes_every", DELETES_EVERY, "seconds")
        self.capabilities = replace(type(self).capabilities, deletes_lag=float(deletes_every))
        retrier = retrier or Retrier()
        self._client = Client(access, self.meter, retrier)
        self._describer = Describer(self._client, Descriptions(access))
        jobs = Jobs(self._client, retrier)
        self._reader = Reader(
            self._client,
            self._describer,
            BulkReader(jobs, self._describer),
            _whole(access, "bulk_from", BULK_FROM),
            timedelta(seconds=deletes_every),
        )
        least = _whole(access, "bulk_write_from", BULK_WRITE_FROM)
        bulk = BulkWriter(self._client, jobs, self._describer, retrier, least)
        self._writer = Writer(self._client, self._describer, retrier, bulk)

    def check(self) -> Account:
        """Prove the credentials and say whose account this is."""
        return self._describer.check()

    def describe(self, object: str) -> ObjectInfo:
        """The module's fields as our credentials see them."""
        return self._describer.describe(object)

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """Everything that changed since the cursor, deletions included; all of it for None."""
        return self._reader.pull(object, fields, since)

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The named records as they are now."""
        return self._reader.fetch(object, ids, fields)

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """Live records whose `field` equals one of `values`, letter case aside."""
        return self._reader.find(object, field, values, fields)

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """Carry out the writes, one result each, in the order given."""
        return self._writer.push(object, writes)

    def users(self) -> list[User]:
        """Everyone who can own a record, inactive ones included."""
        return self._describer.users()

    def pipelines(self, object: str) -> list[Pipeline]:
        """Pipelines and stages of Deals, statuses of Cases."""
        return self._describer.pipelines(object)

    def provision(self, object: str, field: str) -> Provisioned:
        """Make sure the external-id field exists."""
        return self._describer.provision(object, field)

    def close(self) -> None:
        """Release sockets."""
        self._client.close()
