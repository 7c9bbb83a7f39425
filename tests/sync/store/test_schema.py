"""The tables: migrations and metadata agree, and every type comes back as it went in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from mapping.schema import OBJECTS, Fields, Kind
from sync.store import entities, replicas, tables
from sync.store.database import StoreError, migrate, open_engine, session
from sync.store.entities import Entity
from sync.store.types import canonical
from sync.store.views import PUBLISHED, view_sql

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)

EXAMPLES: dict[Kind, list[object]] = {
    Kind.MONEY: ["0.01", "9999999999.99", "-12.5", "0", "123456789012345678.123456789"],
    Kind.DECIMAL: ["0.1", "0.333333333333333333", "1"],
    Kind.INTEGER: [0, -1, 2**62],
    Kind.BOOLEAN: [True, False],
    Kind.DATE: ["1900-02-28", "2028-02-29"],
    Kind.INSTANT: ["2026-01-31T08:00:00.000Z", "1969-12-31T23:59:59.999Z"],
    Kind.CHOICES: [["analytics", "events"]],
    Kind.REFERENCES: [["con_a", "con_b"]],
    Kind.TEXT: ["ก็ น้ำ", "می‌خواهد", "👩‍🔧", "a\nb\t'\"\\", "x" * 70000],
}


def test_migrations_give_the_tables_of_the_metadata(blank: Engine) -> None:
    migrate(blank)
    with blank.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": tables.metadata}
        )
        assert compare_metadata(context, tables.metadata) == []


def test_migrating_again_changes_nothing(database: Engine) -> None:
    with session(database) as store:
        replicas.move_cursor(store, "a", "contact", "{}", NOW)
        store.commit()
    before = sa.inspect(database).get_table_names()
    migrate(database)
    assert sa.inspect(database).get_table_names() == before
    with session(database) as store:
        assert replicas.cursor(store, "a", "contact") is not None


def test_fields_come_back_as_they_went_in(database: Engine) -> None:
    for name, schema in OBJECTS.items():
        for n in range(5):
            fields: Fields = {}
            for field in schema.fields.values():
                values = EXAMPLES.get(field.kind, EXAMPLES[Kind.TEXT])
                fields[field.name] = values[n % len(values)]
            with session(database) as store:
                entities.save(store, name, [Entity("e", fields)], 1, NOW)
                store.commit()
            with session(database) as store:
                assert entities.load(store, name, ["e"])["e"].fields == fields


def test_a_missing_field_comes_back_empty(database: Engine) -> None:
    with session(database) as store:
        entities.save(store, "contact", [Entity("e", {})], 1, NOW)
        found = entities.load(store, "contact", ["e", "nobody"])
    assert found.keys() == {"e"}
    assert set(found["e"].fields.values()) == {None}


def test_money_is_a_number_to_sql(database: Engine) -> None:
    table = tables.entity["deal"]
    with session(database) as store:
        entities.save(
            store,
            "deal",
            [Entity(f"e{n}", {"amount": a}) for n, a in enumerate(("9.5", "10", "100"))],
            1,
            NOW,
        )
        [[total]] = store.rows(sa.select(sa.func.sum(sa.cast(table.c.amount, sa.Numeric))))
        assert Decimal(str(total)) == Decimal("119.5")


def test_instants_of_any_zone_are_one_instant_and_naive_ones_are_refused(database: Engine) -> None:
    bangkok = NOW.astimezone(timezone(timedelta(hours=7)))
    with session(database) as store:
        replicas.move_cursor(store, "a", "contact", "{}", bangkok)
        [[moved]] = store.rows(sa.select(tables.cursor.c.moved_at))
        assert moved == NOW
        assert moved.utcoffset() == timedelta(0)
        with pytest.raises((ValueError, sa.exc.StatementError)):
            replicas.move_cursor(store, "a", "contact", "{}", NOW.replace(tzinfo=None))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_bodies_come_back_and_equal_ones_are_equal_texts(body: object) -> None:
    import orjson

    text = canonical(body)
    assert orjson.loads(text) == body
    assert canonical(orjson.loads(text)) == text


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("object", PUBLISHED)
def test_a_view_has_every_field_and_no_internals(object: str, dialect: str) -> None:
    text = view_sql(OBJECTS[object], dialect)
    for field in OBJECTS[object].fields:
        assert f'AS "{field}"' in text
    for internal in ("founded_run", "updated_run"):
        assert internal not in text


def test_views_show_live_entities_with_their_sources_and_names(database: Engine) -> None:
    with session(database) as store:
        entities.save(store, "company", [Entity("com_1", {"name": "บริษัท"})], 1, NOW)
        entities.save(
            store,
            "contact",
            [
                Entity(
                    "con_1",
                    {
                        "email": "a@b.example",
                        "company": "com_1",
                        "interests": ["events", "analytics"],
                        "birth_date": "2000-02-29",
                    },
                ),
                Entity("con_2", {"email": "archived@b.example"}, archived=True),
                Entity("con_3", {"email": "alias@b.example"}, merged_into="con_1"),
            ],
            1,
            NOW,
        )
        place = replicas.Link
        from sync.model import Place

        replicas.save_links(
            store,
            "contact",
            [
                place(Place("zoho", "1"), "con_1", "founder"),
                place(Place("hubspot", "2"), "con_1", "email"),
            ],
            1,
        )
        store.commit()
        rows = [dict(row._mapping) for row in store.rows(sa.text("SELECT * FROM contacts"))]
    [row] = rows
    assert row["id"] == "con_1"
    assert row["company_name"] == "บริษัท"
    assert row["sources"] == "hubspot,zoho"
    assert sorted(row["interests"].split(",")) == ["analytics", "events"]
    assert date.fromisoformat(str(row["birth_date"])) == date(2000, 2, 29)
    for internal in ("archived", "merged_into", "founded_run", "updated_run", "entity_id"):
        assert internal not in row


@pytest.mark.parametrize("url", ["mysql://x/y", "not a url", "oracle://"])
def test_other_databases_are_refused_with_words(url: str) -> None:
    with pytest.raises(StoreError, match=r"hub\.store"):
        open_engine(url)
