"""The common schema: objects and fields, with types.

A field's value travels in canonical JSON, so that equal values are equal texts and a body
can be stored, hashed and compared as it is:

============ ============================================== ===========================
kind         canonical value                                example
============ ============================================== ===========================
text         str, NFC, trimmed                              ``"Ann"``
email        str as written, trimmed                        ``"Ann@Example.com"``
phone        str as written, trimmed                        ``"081 234 5678"``
url          str as written, trimmed                        ``"https://acme.example/"``
domain       str, lower case, without ``www.``              ``"acme.example"``
money        str, plain decimal, no exponent                ``"12500.5"``
decimal      str, plain decimal, no exponent                ``"0.25"``
integer      int                                            ``42``
boolean      bool                                           ``true``
date         str, ISO                                       ``"2026-01-31"``
instant      str, ISO, UTC, ``Z``, milliseconds             ``"2026-01-31T08:00:00.000Z"``
choice       str, a common name                             ``"proposal"``
choices      list of str, sorted, no doubles                ``["email", "phone"]``
country      str, ISO 3166-1 alpha-2                        ``"TH"``
currency     str, ISO 4217                                  ``"THB"``
reference    str: a native record id in a replica, an entity id in a merged row
references   list of str, sorted: ids likewise
============ ============================================== ===========================

None is *empty*. A missing key is *absent*: the field was not read and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

#: One field's canonical value.
FieldValue: TypeAlias = bool | int | str | list[str] | None

#: Canonical values by field name.
Fields: TypeAlias = dict[str, FieldValue]


class Kind(StrEnum):
    """The value types of the common schema."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    DOMAIN = "domain"
    MONEY = "money"
    DECIMAL = "decimal"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    CHOICE = "choice"
    CHOICES = "choices"
    COUNTRY = "country"
    CURRENCY = "currency"
    REFERENCE = "reference"
    REFERENCES = "references"


class Policy(StrEnum):
    """Who decides when records of one entity disagree about a field."""

    NEWEST = "newest"
    PRIORITY = "priority"
    LONGEST = "longest"
    UNION = "union"
    OLDEST = "oldest"
    RESTRICTIVE = "restrictive"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Field:
    """One named, typed slot.

    Attributes:
        target: the object a reference points to, '' for other kinds.
        group: fields of one group are decided as one ('' for a field of its own).
        policy: what applies where settings.yaml says nothing.
        choices: the common names a choice may have, () where they are open.
        computed: set by the hub from other fields, never mapped.
    """

    name: str
    kind: Kind
    label: str
    target: str = ""
    group: str = ""
    policy: Policy = Policy.NEWEST
    choices: tuple[str, ...] = ()
    computed: bool = False


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object of the common schema; `title` is the field that names an entity to people."""

    name: str
    plural: str
    title: str
    fields: Mapping[str, Field]


def _object(name: str, plural: str, title: str, *fields: Field) -> ObjectSchema:
    return ObjectSchema(name, plural, title, {field.name: field for field in fields})


def _address() -> tuple[Field, ...]:
    return (
        Field("street", Kind.TEXT, "Street", group="address"),
        Field("city", Kind.TEXT, "City", group="address"),
        Field("region", Kind.TEXT, "State or province", group="address"),
        Field("postal_code", Kind.TEXT, "Postal code", group="address"),
        Field("country", Kind.COUNTRY, "Country", group="address"),
    )


_OWNER = Field("owner", Kind.REFERENCE, "Owner", target="user")
_CREATED = Field("created_at", Kind.INSTANT, "Created at", policy=Policy.OLDEST)

INDUSTRIES: tuple[str, ...] = (
    "agriculture", "construction", "education", "finance", "healthcare", "hospitality",
    "logistics", "manufacturing", "retail", "technology", "other",
)  # fmt: skip
INTERESTS: tuple[str, ...] = (
    "analytics",
    "events",
    "integration",
    "pricing",
    "support",
    "training",
)
DEAL_STAGES: tuple[str, ...] = (
    "qualification", "needs_analysis", "proposal", "negotiation", "won", "lost",
)  # fmt: skip
STATUSES: tuple[str, ...] = ("open", "won", "lost")
TICKET_STATUSES: tuple[str, ...] = ("new", "waiting", "in_progress", "closed")

USER = _object(
    "user", "users", "name",
    Field("name", Kind.TEXT, "Name"),
    Field("email", Kind.EMAIL, "E-mail"),
    Field("active", Kind.BOOLEAN, "Active"),
)  # fmt: skip

COMPANY = _object(
    "company", "companies", "name",
    Field("name", Kind.TEXT, "Name"),
    Field("domain", Kind.DOMAIN, "Domain"),
    Field("phone", Kind.PHONE, "Phone"),
    Field("industry", Kind.CHOICE, "Industry", choices=INDUSTRIES),
    Field("employees", Kind.INTEGER, "Employees"),
    Field("annual_revenue", Kind.MONEY, "Annual revenue"),
    Field("description", Kind.TEXT, "Description", policy=Policy.LONGEST),
    *_address(),
    _OWNER,
    _CREATED,
)  # fmt: skip

CONTACT = _object(
    "contact", "contacts", "email",
    Field("email", Kind.EMAIL, "E-mail"),
    Field("first_name", Kind.TEXT, "First name"),
    Field("last_name", Kind.TEXT, "Last name"),
    Field("phone", Kind.PHONE, "Phone"),
    Field("mobile", Kind.PHONE, "Mobile"),
    Field("job_title", Kind.TEXT, "Job title"),
    Field("birth_date", Kind.DATE, "Birth date"),
    Field("interests", Kind.CHOICES, "Interests", policy=Policy.UNION, choices=INTERESTS),
    Field("email_opt_out", Kind.BOOLEAN, "E-mail opt-out", policy=Policy.RESTRICTIVE),
    *_address(),
    Field("company", Kind.REFERENCE, "Company", target="company"),
    _OWNER,
    _CREATED,
)  # fmt: skip

DEAL = _object(
    "deal", "deals", "name",
    Field("name", Kind.TEXT, "Name"),
    Field("amount", Kind.MONEY, "Amount", group="amount"),
    Field("currency", Kind.CURRENCY, "Currency", group="amount"),
    Field("stage", Kind.CHOICE, "Stage", choices=DEAL_STAGES, group="stage"),
    Field("probability", Kind.DECIMAL, "Probability (0 to 1)", group="stage"),
    Field("close_date", Kind.DATE, "Close date"),
    Field("deal_type", Kind.CHOICE, "Type", choices=("new_business", "existing_business")),
    Field("description", Kind.TEXT, "Description", policy=Policy.LONGEST),
    Field("company", Kind.REFERENCE, "Company", target="company"),
    Field("contacts", Kind.REFERENCES, "Contacts", target="contact", policy=Policy.UNION),
    _OWNER,
    _CREATED,
    Field("status", Kind.CHOICE, "Status", choices=STATUSES, computed=True),
)  # fmt: skip

TICKET = _object(
    "ticket", "tickets", "subject",
    Field("subject", Kind.TEXT, "Subject"),
    Field("description", Kind.TEXT, "Description", policy=Policy.LONGEST),
    Field("status", Kind.CHOICE, "Status", choices=TICKET_STATUSES, group="status"),
    Field("priority", Kind.CHOICE, "Priority", choices=("low", "medium", "high", "urgent")),
    Field("rating", Kind.INTEGER, "Satisfaction (1 to 5)"),
    Field("closed_at", Kind.INSTANT, "Closed at", group="status"),
    Field("company", Kind.REFERENCE, "Company", target="company"),
    Field("contacts", Kind.REFERENCES, "Contacts", target="contact", policy=Policy.UNION),
    _OWNER,
    _CREATED,
)  # fmt: skip

#: Groups of which a fuller version beats an emptier one when records are first linked.
FULLER_FIRST: frozenset[str] = frozenset({"address"})

#: Groups whose fields vendors change together: writing one of them writes all.
WRITTEN_TOGETHER: frozenset[str] = frozenset({"stage"})

#: Every object, in the order in which runs treat them: what is referred to comes first.
OBJECTS: Mapping[str, ObjectSchema] = {
    schema.name: schema for schema in (USER, COMPANY, CONTACT, DEAL, TICKET)
}
