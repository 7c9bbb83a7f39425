"""The connector: one account of Salesforce behind the protocol of `connectors.base`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from connectors.salesforce.account import AccountReader
from connectors.salesforce.batch import BATCH
from connectors.salesforce.bulk import Jobs
from connectors.salesforce.bulk_write import BULK_WRITE_FROM, BulkWriter
from connectors.salesforce.client import Client
from connectors.salesforce.describe import Schema
from connectors.salesforce.read import BULK_FROM, OVERLAP, Reader
from connectors.salesforce.write import Writer
from connectors.transport import Meter, Retrier


class SalesforceConnector:
    """One account. Nothing is sent before the first method is called.

    Options: ``api_version`` (``62.0``), ``overlap_seconds`` (60: how long a transaction may
    take to become visible), ``audience`` (for JWT, where it cannot be told from the address),
    ``bulk_from`` (20000: first loads of more records go through the Bulk API) and
    ``bulk_write_from`` (2000: so do pushes of more writes of one kind).
    """

    vendor = "salesforce"
    capabilities = Capabilities(
        write_batch=BATCH,
        bulk_write=10_000,
        fetch_batch=400,
        page_size=2000,
        upsert=True,
        reports_deletes=True,
        reports_merges=True,
        stamp_precision="second",
    )

    def __init__(self, access: Access, retrier: Retrier | None = None) -> None:
        """See `connectors.connect`.

        Raises:
            Misconfigured: `access` lacks something or is unsafe.
        """
        self.connection = access.connection
        self.meter = Meter()
        retrier = retrier or Retrier()
        self._client = Client(access, self.meter, retrier)
        self._schema = Schema(self._client, Descriptions(access))
        self._account = AccountReader(self._client, self._schema)
        jobs = Jobs(self._client, retrier)
        self._reader = Reader(
            self._client,
            self._schema,
            self._account.user_id,
            jobs,
            _overlap(access),
            _count(access, "bulk_from", BULK_FROM),
        )
        bulk = BulkWriter(
            access.connection, jobs, _count(access, "bulk_write_from", BULK_WRITE_FROM)
        )
        self._writer = Writer(self._client, self._schema, retrier, bulk)

    def check(self) -> Account:
        """Prove the credentials and say whose account this is."""
        return self._account.check()

    def describe(self, object: str) -> ObjectInfo:
        """The object's fields as our credentials see them now."""
        return self._schema.refresh(object)

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """Everything that changed since the cursor, deletions included; all of it for None."""
        return self._reader.pull(object, fields, since)

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The named records as they are now."""
        return self._reader.fetch(object, ids, fields)

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """Live records whose `field` equals one of `values`."""
        return self._reader.find(object, field, values, fields)

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """Carry out writes, one result per write, in the order given."""
        return self._writer.push(object, writes)

    def users(self) -> list[User]:
        """Everyone who can own a record, inactive ones included."""
        return self._account.users()

    def pipelines(self, object: str) -> list[Pipeline]:
        """Stages of opportunities, statuses of cases."""
        return self._account.pipelines(object)

    def provision(self, object: str, field: str) -> Provisioned:
        """Make sure the external-id field exists."""
        return self._account.provision(object, field)

    def close(self) -> None:
        """Release sockets."""
        self._client.close()


def _overlap(access: Access) -> timedelta:
    text = access.options.get("overlap_seconds")
    if text is None:
        return OVERLAP
    try:
        return timedelta(seconds=max(0.0, float(text)))
    except ValueError:
        raise Misconfigured(
            f"{access.connection}: options.overlap_seconds must be a number, not {text!r}",
            connection=access.connection,
        ) from None


def _count(access: Access, option: str, usual: int) -> int:
    text = access.options.get(option, str(usual)).strip()
    if not text.isdecimal():
        raise Misconfigured(
            f"{access.connection}: options.{option} must be a whole number, not {text!r}",
            connection=access.connection,
        )
    return int(text)
