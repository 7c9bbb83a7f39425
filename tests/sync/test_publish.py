"""Merged rows out of the store: CSV, Parquet, Arrow, and the tables of KPIs."""

from __future__ import annotations

import csv
import os
import sqlite3
import tracemalloc
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from mapping.schema import OBJECTS, Kind
from sync import publish
from sync.kpis import Options, compute, load
from sync.publish import OBJECT_NAMES, Published, export, to_arrow

DEAL = {
    "id": "d1",
    "name": 'ข้อตกลง "ใหญ่", قرارداد',
    "amount": "12500.5",
    "currency": "USD",
    "stage": "proposal",
    "status": "open",
    "probability": "0.75",
    "close_date": "2026-01-31",
    "description": "two\r\nlines",
    "company": "c1",
    "company_name": "Acme",
    "contacts": "p1,p2",
    "sources": "hubspot,salesforce",
    "created_at": "2026-01-31T08:00:00.000000Z",
    "updated_at": "2026-02-01T00:00:00.123456Z",
}
CONTACT = {
    "id": "p1",
    "email": "ann@example.com",
    "first_name": "=HYPERLINK(1)",
    "phone": "+66 81 234 5678",
    "email_opt_out": 1,
    "birth_date": "1990-05-01",
    "interests": "events,pricing",
    "company": "c1",
}


def _columns(object: str) -> list[str]:
    columns = ["id"]
    for field in OBJECTS[object].fields.values():
        columns.append(field.name)
        if field.kind is Kind.REFERENCE:
            columns.append(f"{field.name}_name")
    return [*columns, "sources", "updated_at"]


def _fill(engine: Engine, object: str, *rows: dict[str, Any]) -> None:
    with engine.begin() as connection:
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(
                sa.text(f"INSERT INTO entity_{object} ({names}) VALUES ({values})"), row
            )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'concord.db'}")
    with engine.begin() as connection:
        for object in OBJECT_NAMES:
            columns = ", ".join(f'"{name}"' for name in _columns(object))
            connection.execute(sa.text(f"CREATE TABLE entity_{object} ({columns})"))
            connection.execute(
                sa.text(f"CREATE VIEW {OBJECTS[object].plural} AS SELECT * FROM entity_{object}")
            )
        connection.execute(sa.text("CREATE TABLE exchange_rate (currency, rate, from_date)"))
    _fill(engine, "deal", DEAL)
    _fill(engine, "contact", CONTACT)
    yield engine
    engine.dispose()


def _read(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def test_each_object_becomes_a_file(engine: Engine, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    published = export(engine, "csv", out)
    assert published == [
        Published("companies", out / "companies.csv", 0),
        Published("contacts", out / "contacts.csv", 1),
        Published("deals", out / "deals.csv", 1),
        Published("tickets", out / "tickets.csv", 0),
    ]
    assert sorted(path.name for path in out.iterdir()) == [
        item.path.name for item in sorted(published, key=lambda item: item.name)
    ]


def test_csv_keeps_every_value(engine: Engine, tmp_path: Path) -> None:
    [item] = export(engine, "csv", tmp_path, ["deal"])
    [row] = _read(item.path)
    assert list(row) == _columns("deal")
    assert row == {
        **dict.fromkeys(_columns("deal"), ""),
        **DEAL,
        "created_at": "2026-01-31T08:00:00.000Z",
    }
    raw = item.path.read_bytes()
    assert raw.startswith(b"id,name,")
    assert b'"two\r\nlines"' in raw
    assert raw.endswith(b"\r\n")


def test_csv_for_spreadsheets(engine: Engine, tmp_path: Path) -> None:
    [item] = export(engine, "csv", tmp_path, ["contact"], bom=True)
    assert item.path.read_bytes().startswith(b"\xef\xbb\xbfid,")
    [row] = _read(item.path, "utf-8-sig")
    assert row["first_name"] == "'=HYPERLINK(1)"
    assert row["phone"] == "+66 81 234 5678"
    assert row["email_opt_out"] == "true"
    [item] = export(engine, "csv", tmp_path, ["contact"], safe_for_spreadsheets=False)
    assert _read(item.path)[0]["first_name"] == "=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", True),
        ("=1", True),
        ("+cmd|' /C calc'!A0", True),
        ("-2+3+cmd|x", True),
        ("-A1", True),
        ("@SUM(A1)", True),
        ("\t=1", True),
        ("＝1", True),
        ("+", True),
        ("+66 (0) 81-234.5678", False),
        ("-12.5", False),
        ("a=1", False),
        ("", False),
        ("ann@example.com", False),
    ],
)
def test_what_a_spreadsheet_would_run_is_guarded(
    engine: Engine, tmp_path: Path, text: str, guarded: bool
) -> None:
    _fill(engine, "company", {"id": "c1", "name": text})
    [item] = export(engine, "csv", tmp_path, ["company"])
    assert _read(item.path)[0]["name"] == ("'" + text if guarded else text)


def test_numbers_are_never_guarded(engine: Engine, tmp_path: Path) -> None:
    _fill(engine, "deal", {"id": "d0", "amount": "-5"})
    [item] = export(engine, "csv", tmp_path, ["deal"])
    assert [row["amount"] for row in _read(item.path)] == ["-5", "12500.5"]


def test_parquet_has_types(engine: Engine, tmp_path: Path) -> None:
    [item] = export(engine, "parquet", tmp_path, ["deal"])
    table = pq.read_table(item.path)
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert kinds["amount"] == kinds["probability"] == "decimal128(38, 10)"
    assert kinds["close_date"] == "date32[day]"
    assert kinds["created_at"] == kinds["updated_at"] == "timestamp[us, tz=UTC]"
    assert kinds["name"] == kinds["contacts"] == "string"
    [row] = table.to_pylist()
    assert row["amount"] == Decimal("12500.5")
    assert row["close_date"] == date(2026, 1, 31)
    assert row["created_at"] == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert row["updated_at"] == datetime(2026, 2, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert row["name"] == DEAL["name"]
    assert row["owner"] is None
    [contact] = pq.read_table(export(engine, "parquet", tmp_path, ["contact"])[0].path).to_pylist()
    assert contact["email_opt_out"] is True
    assert contact["first_name"] == "=HYPERLINK(1)"


def test_an_empty_view_is_a_file_with_columns(engine: Engine, tmp_path: Path) -> None:
    [item] = export(engine, "parquet", tmp_path, ["ticket"])
    table = pq.read_table(item.path)
    assert (table.num_rows, table.column_names) == (0, _columns("ticket"))
    [item] = export(engine, "csv", tmp_path, ["ticket"])
    assert item.path.read_bytes().decode() == ",".join(_columns("ticket")) + "\r\n"
    assert to_arrow(engine, "tickets").schema == table.schema


def test_rows_come_in_the_order_of_their_ids_over_all_batches(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "BATCH", 7)
    ids = [f"c{n:03}" for n in range(50)]
    _fill(engine, "company", *({"id": id, "employees": 5} for id in reversed(ids)))
    [item] = export(engine, "csv", tmp_path, ["company"])
    assert [row["id"] for row in _read(item.path)] == ids
    assert item.rows == 50
    table = to_arrow(engine, "companies", ["employees", "id"])
    assert table.column("id").to_pylist() == ids
    assert table.column_names == ["employees", "id"]
    assert table.schema.field("employees").type == pa.int64()


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_a_failed_export_leaves_the_old_files(engine: Engine, tmp_path: Path, fmt: Any) -> None:
    out = tmp_path / "out"
    before = {item.path: item.path.read_bytes() for item in export(engine, fmt, out)}
    _fill(engine, "contact", {"id": "p2", "email": "new@example.com"})
    _fill(engine, "ticket", {"id": "t1", "closed_at": "yesterday"})
    with pytest.raises(ValueError, match="ticket t1: the value of closed_at is not of kind"):
        export(engine, fmt, out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("object", "column", "value"),
    [
        ("deal", "amount", "many"),
        ("deal", "amount", "NaN"),
        ("company", "employees", "1.5"),
        ("deal", "close_date", "31/01/2026"),
    ],
)
def test_a_value_that_is_no_such_thing_is_named_but_not_told(
    engine: Engine, object: str, column: str, value: str
) -> None:
    _fill(engine, object, {"id": "x", column: value})
    with pytest.raises(ValueError, match=f"{object} x: the value of {column}") as caught:
        to_arrow(engine, OBJECTS[object].plural)
    assert value not in str(caught.value)


def test_decimals_beyond_ten_places_are_whole_in_csv_and_rounded_in_arrow(
    engine: Engine, tmp_path: Path
) -> None:
    _fill(engine, "company", {"id": "c", "annual_revenue": "0.12345678905"})
    [item] = export(engine, "csv", tmp_path, ["company"])
    assert _read(item.path)[0]["annual_revenue"] == "0.12345678905"
    [value] = to_arrow(engine, "companies").column("annual_revenue").to_pylist()
    assert value == Decimal("0.1234567890")
    _fill(engine, "company", {"id": "d", "annual_revenue": "1" + "0" * 30})
    with pytest.raises(ValueError, match="annual_revenue does not fit"):
        to_arrow(engine, "companies")


def test_an_export_neither_waits_for_a_writer_nor_stops_one(engine: Engine, tmp_path: Path) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    writer = sqlite3.connect(tmp_path / "concord.db", isolation_level=None, timeout=0)
    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO entity_company (id) VALUES ('c1')")
        with publish.reading(engine) as query:
            _, batches = query("SELECT id FROM companies")
            assert list(batches) == []
            writer.execute("COMMIT")
            writer.execute("INSERT INTO entity_company (id) VALUES ('c2')")
            # All queries of one reading see the same state.
            _, batches = query("SELECT id FROM companies")
            assert list(batches) == []
    finally:
        writer.close()
    assert to_arrow(engine, "companies").num_rows == 2


def test_memory_does_not_grow_with_the_table(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "BATCH", 100)

    def peak(rows: int) -> int:
        text = "x" * 1000
        _fill(engine, "company", *({"id": f"{rows}-{n}", "name": text} for n in range(rows)))
        tracemalloc.start()
        try:
            export(engine, "csv", tmp_path, ["company"])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(200)  # whatever is loaded once
    small = peak(300)
    assert peak(4000) < small * 2


def test_unknown_names_are_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no object 'deals'; there are company, "):
        export(engine, "csv", tmp_path, ["deals"])
    with pytest.raises(ValueError, match="neither csv nor parquet"):
        export(engine, "xml", tmp_path)
    with pytest.raises(ValueError, match="there is no view 'deal'"):
        to_arrow(engine, "deal")


def test_a_custom_field_is_text(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DROP VIEW companies"))
        connection.execute(sa.text("CREATE VIEW companies AS SELECT 'c' AS id, 7 AS floors"))
    table = to_arrow(engine, "companies")
    assert table.to_pylist() == [{"id": "c", "floors": "7"}]


def test_kpis_from_the_store(engine: Engine) -> None:
    _fill(engine, "deal", {**DEAL, "id": "d2", "currency": "THB", "amount": "1000"})
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO exchange_rate VALUES ('THB', '0.03', '2026-01-01')")
        )
    as_of = datetime(2026, 2, 1, tzinfo=UTC)
    kpis = compute(load.tables(engine), Options(currency="USD"), as_of, by="source")
    figures = {(kpi.id, kpi.source): kpi.value for kpi in kpis}
    assert figures["pipeline", ""] == Decimal("12530.5")
    assert figures["weighted_pipeline", ""] == Decimal("9397.875")
    assert figures["pipeline", "hubspot"] == Decimal("12530.5")
    assert ("pipeline", "zoho") not in figures


_POSTGRES_TYPES = {
    Kind.MONEY: "NUMERIC",
    Kind.DECIMAL: "NUMERIC",
    Kind.INTEGER: "INTEGER",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.INSTANT: "TIMESTAMPTZ",
}


@pytest.fixture
def postgres() -> Iterator[Engine]:
    """Views of their own in a schema of their own, gone afterwards."""
    given = os.environ.get("CONCORD_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
    url = sa.make_url(given).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, connect_args={"connect_timeout": 3})
    schema = f"publish_{uuid.uuid4().hex}"
    try:
        with admin.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    except sa.exc.OperationalError:
        pytest.skip("no PostgreSQL server")
    settings = f"-csearch_path={schema} -ctimezone=Asia/Bangkok"
    engine = sa.create_engine(url, connect_args={"options": settings})
    try:
        with engine.begin() as connection:
            for object in OBJECT_NAMES:
                fields = OBJECTS[object].fields
                columns = ", ".join(
                    f'"{name}" {_POSTGRES_TYPES[fields[name].kind]}'
                    if name in fields and fields[name].kind in _POSTGRES_TYPES
                    else f'"{name}" {"TIMESTAMPTZ" if name == "updated_at" else "TEXT"}'
                    for name in _columns(object)
                )
                plural = OBJECTS[object].plural
                connection.execute(sa.text(f"CREATE TABLE entity_{object} ({columns})"))
                connection.execute(
                    sa.text(f"CREATE VIEW {plural} AS SELECT * FROM entity_{object}")
                )
            connection.execute(
                sa.text("CREATE TABLE exchange_rate (currency TEXT, rate NUMERIC, from_date DATE)")
            )
        yield engine
    finally:
        engine.dispose()
        with admin.begin() as connection:
            connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
        admin.dispose()


@pytest.mark.postgres
def test_both_databases_give_the_same_files(
    engine: Engine, postgres: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "BATCH", 3)
    more = [{**DEAL, "id": f"d{n}", "amount": f"{n}.5"} for n in range(2, 12)]
    _fill(engine, "deal", *more)
    _fill(postgres, "deal", DEAL, *more)
    _fill(postgres, "contact", {**CONTACT, "email_opt_out": True})
    for each in (engine, postgres):
        with each.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO exchange_rate VALUES ('THB', '0.03', '2026-01-01')")
            )
    for fmt in ("csv", "parquet"):
        ours = export(engine, fmt, tmp_path / "sqlite")
        theirs = export(postgres, fmt, tmp_path / "postgres")
        for one, other in zip(ours, theirs, strict=True):
            assert one.rows == other.rows
            assert one.path.read_bytes() == other.path.read_bytes()
    assert load.tables(engine) == load.tables(postgres)
