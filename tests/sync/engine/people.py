"""Plain data for the deciding functions, and hypothesis strategies for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from mapping import values
from mapping.schema import OBJECTS, Fields, FieldValue, Kind, Policy
from sync.engine.decide.merge import Rules
from sync.model import Member, Place

CONTACT, DEAL = OBJECTS["contact"], OBJECTS["deal"]
CONNECTIONS = ("a", "b", "c")
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def same(kind: Kind, one: FieldValue, two: FieldValue) -> bool:
    """Equality of canonical values in Thailand."""
    return one == two or values.same(kind, one, two, "TH")


def rules(
    object: str = "contact", decides: dict[str, tuple[str, ...]] | None = None, **policies: Policy
) -> Rules:
    """The schema's policies, some changed; a is trusted before b before c."""
    fields = OBJECTS[object].fields
    return Rules(
        {name: policies.get(name, spec.policy) for name, spec in fields.items()},
        dict.fromkeys(fields, CONNECTIONS),
        decides or {},
    )


def member(
    connection: str, seen: Fields, base: Fields | None = None, day: int = 0, **more: Any
) -> Member:
    """The record `1` of a connection, last changed on `day`."""
    return Member(
        place=Place(connection, "1"),
        seen=seen,
        base=base,
        changed_at=DAY + timedelta(days=day),
        field_times={},
        **more,
    )


TEXTS = st.sampled_from([None, "one", "two", "สาม", "👍"])
FIELDS = {
    "first_name": TEXTS,
    "job_title": TEXTS,
    "street": TEXTS,
    "city": TEXTS,
    "interests": st.sampled_from([None, ["events"], ["events", "pricing"], ["support"]]),
    "email_opt_out": st.sampled_from([None, True, False]),
    "birth_date": st.sampled_from([None, "2000-01-01", "2001-02-03"]),
    "created_at": st.sampled_from([None, "2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z"]),
}
BODIES = st.fixed_dictionaries({}, optional=FIELDS)


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    """Up to three records of different connections, just linked or agreed before."""
    found = []
    for connection in draw(st.sets(st.sampled_from(CONNECTIONS), min_size=1)):
        base = draw(st.none() | BODIES)
        seen = {**(base or {}), **draw(BODIES)}
        found.append(member(connection, seen, base, draw(st.integers(0, 3))))
    return found


DECIDES = st.dictionaries(
    st.sampled_from(["first_name", "job_title", "street", "interests", "birth_date"]),
    st.sampled_from([("a",), ("b",), ("a", "c")]),
)
UNDONE = st.sets(st.sampled_from(["job_title", "street", "interests", "birth_date"]))
POLICIES = st.fixed_dictionaries(
    {
        "job_title": st.sampled_from([Policy.NEWEST, Policy.PRIORITY, Policy.MANUAL]),
        "street": st.sampled_from([Policy.NEWEST, Policy.LONGEST, Policy.MANUAL]),
    }
)
