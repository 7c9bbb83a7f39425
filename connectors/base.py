"""What every connector is: the protocol, and the plain values that cross it.

Terms
    native      in the vendor's own words: object ``Contact``, field ``LastName``.
    record      one row of a vendor's account.
    value       JSON as the vendor gives and takes it (see `Value`), decimals as `Decimal`.
    cursor      an opaque text that says how far an object was read; only the connector
                that made it can read it.
    version     an opaque text that changes whenever the vendor says the record changed.

A connector knows nothing of fields, entities or other vendors. It is synchronous; one
instance is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

from connectors.budget import Budget
from connectors.errors import ConnectorError, ItemError
from connectors.tokens import TokenKeeper
from connectors.transport import Meter

#: What a native field can hold. Numbers that carry a fraction are always `Decimal`.
#: Lookups are the other record's id as text; several of them are a tuple of ids.
Value = None | bool | int | Decimal | str | tuple[str, ...]

#: What a record in a stage has come to.
StageStatus = Literal["open", "won", "lost", "closed"]

#: What a write does to a record.
WriteKind = Literal["create", "update", "archive"]


class NativeType(StrEnum):
    """The types vendors' fields are reduced to, for checking a mapping against an account."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    CHOICE = "choice"
    CHOICES = "choices"
    LOOKUP = "lookup"
    LOOKUPS = "lookups"
    ID = "id"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a picklist; `value` is what the API takes."""

    value: str
    label: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One native field as the account describes it to our credentials."""

    name: str
    label: str
    type: NativeType
    native_type: str = ""
    required: bool = False
    """No record can be created without it."""
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    length: int | None = None
    """Longest text in characters, None where unlimited or meaningless."""
    digits: int | None = None
    """Decimal places kept, None where meaningless."""
    choices: tuple[Choice, ...] = ()
    open_choices: bool = False
    """The vendor takes values outside `choices` (an unrestricted picklist)."""
    targets: tuple[str, ...] = ()
    """Native objects a lookup points to."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One native object, with its fields (association pseudo-fields included)."""

    name: str
    label: str
    fields: Mapping[str, FieldInfo]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """One row as last read. Equal `version` means an equal record.

    `values` holds only fields that were asked for and that the vendor gave: a missing key
    is *absent*, a None is *empty*. A deleted record has no values.
    """

    object: str
    id: str
    values: Mapping[str, Value]
    version: str
    modified_at: datetime
    created_at: datetime | None = None
    modified_by: str = ""
    """Vendor user id of the last editor, '' where the vendor does not say."""
    deleted: bool = False
    merged_into: str = ""
    """Id of the surviving record when this one was merged away."""
    field_times: Mapping[str, datetime] = field(default_factory=dict)
    """When single fields changed, where the vendor tells."""
    certain: bool = True
    """False for a `deleted` one that the vendor merely does not show: it may be hidden from our
    user, and nothing says that it was deleted."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some records and the cursor to store with them, in one transaction.

    Reading again from `cursor` loses nothing, whatever happens after the page; it may
    repeat records. `expected` is the vendor's estimate of how many records the whole pull
    will give, None where it does not say.
    """

    records: tuple[Record, ...]
    cursor: str
    last: bool
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One planned write, in native words.

    `key` is the caller's name for it and comes back in the result. A create that carries
    `external` is an upsert on that (field, value): sent twice, it makes one record. `before`
    holds the values last read for the fields in `values` (association pseudo-fields need
    it to know what to remove); `version` is the version it was planned on, '' if unknown.
    """

    key: str
    kind: WriteKind
    values: Mapping[str, Value] = field(default_factory=dict)
    id: str = ""
    external: tuple[str, str] | None = None
    before: Mapping[str, Value] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of one `Write`: `error` is None when it was applied.

    `field_errors` names parts that failed although the record was written (an association,
    for instance). `version` and `modified_at` are those the write produced, where the
    vendor returns them ('' and None where it does not).
    """

    key: str
    id: str = ""
    created: bool = False
    version: str = ""
    modified_at: datetime | None = None
    error: ConnectorError | None = None
    field_errors: Mapping[str, ItemError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """What `check` found: whose account this is and what it is set to."""

    id: str
    name: str
    currency: str
    """ISO 4217 of the account; amounts without a currency of their own are in it."""
    time_zone: str
    """IANA name."""
    user_id: str = ""
    """Our own vendor user id: records it modified were modified by the hub."""
    multi_currency: bool = False
    currencies: tuple[str, ...] = ()
    api_version: str = ""
    quota_left: int | None = None
    quota_limit: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A person who can own records. `id` is what owner fields hold."""

    id: str
    name: str
    email: str
    active: bool = True
    version: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline; `id` is what the stage field holds. `probability` is 0 to 1."""

    id: str
    label: str
    order: int
    status: StageStatus
    probability: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A sales or ticket pipeline; `id` is what the pipeline field holds, '' if there is none."""

    id: str
    label: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What `provision` did: the field exists now; `created` says whether it was us."""

    object: str
    field: str
    created: bool
    advice: str = ""
    """What an administrator must still do; '' when everything is in place."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a vendor's API can do, for the caller's choices and for the documentation."""

    write_batch: int
    """Most records in one batch call."""
    fetch_batch: int
    page_size: int
    bulk_write: int = 0
    """Most records in one job of the vendor's bulk API, 0 where there is none."""
    upsert: bool = True
    """Creates can be keyed on the external id."""
    reports_deletes: bool = True
    reports_merges: bool = True
    field_times: bool = False
    checks_version: bool = False
    stamp_precision: Literal["second", "millisecond"] = "second"
    read_lag: float = 0.0
    """Seconds a change may take to show in `pull`."""
    deletes_lag: float = 0.0
    """Seconds a deletion may take to show in `pull`, beyond `read_lag`."""


class Shelf(Protocol):
    """Where descriptions of one connection's objects are kept for a day. Safe to call from any
    thread."""

    def load(self, object: str) -> bytes | None:
        """What was saved of the object last; None if nothing was, or a day ago."""
        ...

    def save(self, object: str, sealed: bytes) -> None:
        """Keep this instead of what was kept before."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """How to reach one account. Holds secrets: it has no repr and is never stored.

    Attributes:
        connection: name in settings.yaml.
        url: base address; '' for the vendor's own (where the vendor has one for everybody).
        auth: the `auth` block of settings.yaml with secrets resolved.
        sandbox: the address is one of our sandboxes on this machine.
        options: vendor-specific settings, e.g. ``api_version``.
        time_zone: IANA name of the account's zone, as an earlier check found it; '' if unknown.
        keeper: keeps access tokens from one process to the next; None keeps none.
        shelf: keeps descriptions of the account's objects; None keeps none.
        budget: what may be spent; None spends without counting.
    """

    connection: str
    url: str = ""
    auth: Mapping[str, str] = field(default_factory=dict)
    sandbox: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = ""
    keeper: TokenKeeper | None = None
    shelf: Shelf | None = None
    budget: Budget | None = None


class Connector(Protocol):
    """One configured account of one vendor.

    Every method may raise `Stop`, `Wait` (after its own retries) or `Bug`; trouble with a
    single record is a value in the answer, never an exception.
    """

    connection: str
    vendor: str
    capabilities: Capabilities
    meter: Meter

    def check(self) -> Account:
        """Prove the credentials and say whose account this is. A handful of calls at most."""
        ...

    def describe(self, object: str) -> ObjectInfo:
        """The object's fields as our credentials see them.

        Raises:
            Misconfigured: the account has no such object.
        """
        ...

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """Everything that changed since the cursor, deletions included; all of it for None.

        Yields at least one page; the last one has ``last=True``. Records come at least
        once, possibly repeated; a record changed during the pull comes in this pull or in
        the next. Fields the account does not show are absent from the records.
        """
        ...

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The named records as they are now, in no particular order.

        A record that is gone comes as ``deleted=True`` (with `merged_into` where known).
        When an id was merged away and the vendor resolves it, two records come: the
        survivor, and the asked id with ``deleted=True, merged_into=<survivor>``. A record of
        which the vendor neither shows anything nor says that it was deleted comes as
        ``deleted=True, certain=False``.
        """
        ...

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """Live records whose `field` equals one of `values`, by an immediate read where the
        vendor has one for that field (never an index that lags, for unique fields)."""
        ...

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """Carry out up to any number of writes in the vendor's batches, one result per write,
        in the order given. Neighbours of a failing item are written. After `Wait` was met
        midway, the items not sent yet come back with that error."""
        ...

    def users(self) -> list[User]:
        """Everyone who can own a record, inactive ones included."""
        ...

    def pipelines(self, object: str) -> list[Pipeline]:
        """Pipelines and stages of a deal or ticket object; [] for other objects."""
        ...

    def provision(self, object: str, field: str) -> Provisioned:
        """Make sure the external-id field exists: text, unique, usable for upserts."""
        ...

    def close(self) -> None:
        """Release sockets. The connector is not used afterwards."""
        ...
