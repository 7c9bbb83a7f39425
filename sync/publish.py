"""Merged rows out: CSV and Parquet files, and Arrow tables, from the views of the store.

Files are written beside their place and renamed into it when all of them are complete, so a
reader sees the old files or the new ones, never half a file, and a failed export leaves the
old ones. Rows are read in batches, in the order of their ids, all objects from one state of
the store; a table is never held in memory.

Types come from the common schema, not from the driver: SQLite keeps decimals, dates and
instants as text. What the schema does not know (a custom field) is text.
"""

from __future__ import annotations

import csv
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from mapping.schema import OBJECTS, Kind

#: Rows read and written at a time.
BATCH = 20_000

#: Objects that have a view.
OBJECT_NAMES: tuple[str, ...] = ("company", "contact", "deal", "ticket")

#: Decimal places of a decimal in Arrow and Parquet; CSV keeps all of them.
PLACES = 10

Row: TypeAlias = Sequence[Any]
Query: TypeAlias = Callable[[str], tuple[list[str], Iterator[list[Row]]]]

_ARROW: dict[Kind, pa.DataType] = {
    Kind.MONEY: pa.decimal128(38, PLACES),
    Kind.DECIMAL: pa.decimal128(38, PLACES),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
}

#: Starts that make a spreadsheet take a text for a formula, full-width forms included.
_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
#: Signed numbers and phone numbers: they start like a formula and cannot be a harmful one.
_NUMBER = re.compile(r"[+-][\d ().,/-]*\d[\d ().,/-]*")


@dataclass(frozen=True, slots=True)
class Published:
    """One written file; `name` is the view's."""

    name: str
    path: Path
    rows: int


def export(
    engine: Engine,
    fmt: Literal["csv", "parquet"],
    to: Path,
    objects: Sequence[str] | None = None,
    *,
    bom: bool = False,
    safe_for_spreadsheets: bool = True,
) -> list[Published]:
    """Write the merged rows of each object into the folder `to`, one file each.

    Args:
        fmt: ``csv`` is RFC 4180 in UTF-8: comma, CRLF, quotes where needed, empty for
            nothing, ``true`` and ``false``, plain decimals, ISO dates, instants in UTC with
            ``Z``. ``parquet`` holds decimals of 10 places (half-even), dates and UTC
            timestamps.
        to: made if it is not there. Files are named as the views: ``deals.csv``.
        objects: of `OBJECT_NAMES`; None for all.
        bom: begin CSV files with a byte order mark, without which Excel misreads every
            letter outside ASCII.
        safe_for_spreadsheets: put ``'`` before CSV texts that a spreadsheet would run as a
            formula. CRM texts come from web forms, that is from anybody, and CSV files are
            opened in spreadsheets: on, unless switched off. Phone numbers (``+66 81 …``) and
            negative numbers are left as they are. Parquet is never altered.

    Raises:
        ValueError: no such format or object, or a value that does not fit its type (the
            text names row and column).
    """
    if fmt not in ("csv", "parquet"):
        raise ValueError(f"format {fmt!r} is neither csv nor parquet")
    chosen = OBJECT_NAMES if objects is None else tuple(dict.fromkeys(objects))
    for name in chosen:
        _known(name)
    to.mkdir(parents=True, exist_ok=True)
    published = []
    with ExitStack() as stack:
        query = stack.enter_context(reading(engine))
        for name in chosen:
            view = OBJECTS[name].plural
            path = to / f"{view}.{fmt}"
            part = to / f".{path.name}.{uuid.uuid4().hex}.part"
            stack.callback(part.unlink, missing_ok=True)
            columns, batches = query(f"SELECT * FROM {view} ORDER BY id")  # noqa: S608 (names of the schema)
            typed = _typed(name, columns, batches)
            if fmt == "parquet":
                rows = _write_parquet(part, _schema(name, columns), typed)
            else:
                kinds = [_kind(name, column) for column in columns]
                rows = _write_csv(part, columns, kinds, typed, bom, safe_for_spreadsheets)
            published.append((part, Published(view, path, rows)))
        for part, item in published:
            os.replace(part, item.path)
    return [item for _, item in published]


def to_arrow(engine: Engine, view: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One view as an Arrow table, typed by the common schema, in the order of its ids.

    Args:
        view: ``companies``, ``contacts``, ``deals`` or ``tickets``.
        columns: only these; None for all.

    Raises:
        ValueError: no such view, or a value that does not fit its type.
    """
    with reading(engine) as query:
        return read_view(query, view, columns)


def read_view(query: Query, view: str, columns: Sequence[str] | None = None) -> pa.Table:
    """`to_arrow` within a `reading`, for several views from one state of the store."""
    names = {OBJECTS[name].plural: name for name in OBJECT_NAMES}
    if view not in names:
        raise ValueError(f"there is no view {view!r}; there are {', '.join(names)}")
    object = names[view]
    listed = "*" if columns is None else ", ".join(f'"{column}"' for column in columns)
    found, batches = query(f"SELECT {listed} FROM {view} ORDER BY id")  # noqa: S608 (names of the schema)
    schema = _schema(object, found)
    typed = _typed(object, found, batches)
    return pa.Table.from_batches([_batch(schema, rows) for rows in typed], schema)


def _known(object: str) -> None:
    if object not in OBJECT_NAMES:
        raise ValueError(f"there is no object {object!r}; there are {', '.join(OBJECT_NAMES)}")


@contextmanager
def reading(engine: Engine) -> Iterator[Query]:
    """Queries that all see one state of the store, in batches, without blocking writers.

    A query gives its column names and batches of rows as the driver has them. The batches of
    one are read to their end before the next is asked.
    """
    if engine.dialect.name == "sqlite":
        # Past SQLAlchemy: the store begins its transactions as writers do, and an export that
        # takes minutes must not hold the write lock. A plain BEGIN is a read snapshot.
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            if not getattr(raw.dbapi_connection, "in_transaction", False):
                cursor.execute("BEGIN")

            def ask(sql: str) -> tuple[list[str], Iterator[list[Row]]]:
                cursor.execute(sql)
                names = [column[0] for column in cursor.description]
                return names, iter(lambda: list(cursor.fetchmany(BATCH)), [])

            yield ask
        finally:
            raw.rollback()
            raw.close()
        return
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:

        def stream(sql: str) -> tuple[list[str], Iterator[list[Row]]]:
            # yield_per would do, but has no effect on textual statements.
            result = connection.execute(
                sa.text(sql),
                execution_options={"stream_results": True, "max_row_buffer": BATCH},
            )
            return list(result.keys()), ([*rows] for rows in result.partitions(BATCH))

        yield stream


def _kind(object: str, column: str) -> Kind:
    """The kind of a view's column; the hub's own stamps are instants, all else is text."""
    field = OBJECTS[object].fields.get(column)
    if field is not None:
        return field.kind
    return Kind.INSTANT if column in ("created_at", "updated_at") else Kind.TEXT


def _schema(object: str, columns: Sequence[str]) -> pa.Schema:
    return pa.schema(
        [(column, _ARROW.get(_kind(object, column), pa.string())) for column in columns]
    )


def _typed(
    object: str, columns: Sequence[str], batches: Iterator[list[Row]]
) -> Iterator[list[list[Any]]]:
    """Rows with their values as Decimal, date, aware UTC datetime, bool, int or str."""
    kinds = [_kind(object, column) for column in columns]
    for rows in batches:
        typed = []
        for row in rows:
            try:
                typed.append([_value(kind, value) for kind, value in zip(kinds, row, strict=True)])
            except (ValueError, ArithmeticError) as error:
                raise ValueError(_misfit(object, columns, kinds, row)) from error
        yield typed


def _value(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    match kind:
        case Kind.MONEY | Kind.DECIMAL:
            # A float can only come from a SQLite column that somebody else filled; its
            # shortest text is what was meant.
            number = value if isinstance(value, Decimal) else Decimal(str(value))
            if not number.is_finite():
                raise ValueError("not a finite number")
            return number
        case Kind.INTEGER:
            whole = int(value)
            if whole != (Decimal(value) if isinstance(value, str) else value):
                raise ValueError("not a whole number")
            return whole
        case Kind.BOOLEAN:
            return bool(int(value)) if isinstance(value, str) else bool(value)
        case Kind.DATE:
            if isinstance(value, datetime):
                return value.date()
            return value if isinstance(value, date) else date.fromisoformat(value)
        case Kind.INSTANT:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        case _:
            return value if isinstance(value, str) else str(value)


def _misfit(object: str, columns: Sequence[str], kinds: Sequence[Kind], row: Row) -> str:
    """Which column of which row: the value itself may be personal and is not repeated."""
    id = dict(zip(columns, row, strict=True)).get("id", "without an id")
    for column, kind, value in zip(columns, kinds, row, strict=True):
        try:
            _value(kind, value)
        except (ValueError, ArithmeticError):
            return f"{object} {id}: the value of {column} is not of kind {kind.value}"
    return f"{object} {id}: a value does not fit its kind"


def _batch(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    arrays = []
    for index, field in enumerate(schema):
        values = [row[index] for row in rows]
        if pa.types.is_decimal(field.type):
            values = [None if value is None else _places(value) for value in values]
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowInvalid, OverflowError) as error:
            raise ValueError(f"a value of {field.name} does not fit {field.type}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _places(value: Decimal) -> Decimal:
    with localcontext(Context(prec=400, rounding=ROUND_HALF_EVEN)):
        return value.quantize(Decimal(1).scaleb(-PLACES))


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterator[list[list[Any]]]) -> int:
    count = 0
    with path.open("xb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in batches:
                writer.write_batch(_batch(schema, rows))
                count += len(rows)
        _settle(file)
    return count


def _write_csv(
    path: Path,
    columns: Sequence[str],
    kinds: Sequence[Kind],
    batches: Iterator[list[list[Any]]],
    bom: bool,
    safe: bool,
) -> int:
    count = 0
    with path.open("x", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        text = [safe and kind not in _ARROW for kind in kinds]
        for rows in batches:
            writer.writerows(
                [_cell(value, guard) for value, guard in zip(row, text, strict=True)]
                for row in rows
            )
            count += len(rows)
        _settle(file)
    return count


def _cell(value: Any, guard: bool) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime():
            precise = "microseconds" if value.microsecond % 1000 else "milliseconds"
            return value.replace(tzinfo=None).isoformat(timespec=precise) + "Z"
        case date():
            return value.isoformat()
    text = str(value)
    if guard and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def _settle(file: Any) -> None:
    """On the disk before the rename makes it visible."""
    file.flush()
    os.fsync(file.fileno())
