"""The tables KPIs are computed from: which columns, of which types.

Callers bring Arrow tables; `conform` makes them fit, so that the SQL can rely on every
column. A column that is missing is all NULL, a missing table is empty.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.string()
LIST = pa.list_(pa.string())
MONEY = pa.decimal128(38, 10)
RATE = pa.decimal128(38, 18)
DAY = pa.date32()
INSTANT = pa.timestamp("us", tz="UTC")

#: Types by column, by table.
COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    "deals": {
        "id": TEXT,
        "amount": MONEY,
        "currency": TEXT,
        "stage": TEXT,
        "status": TEXT,
        "probability": MONEY,
        "close_date": DAY,
        "created_at": INSTANT,
        "company": TEXT,
        "contacts": LIST,
        "sources": LIST,
    },
    "tickets": {
        "id": TEXT,
        "status": TEXT,
        "rating": pa.int64(),
        "created_at": INSTANT,
        "closed_at": INSTANT,
        "sources": LIST,
    },
    "companies": {"id": TEXT, "created_at": INSTANT, "sources": LIST},
    "contacts": {"id": TEXT, "company": TEXT, "created_at": INSTANT, "sources": LIST},
    "rates": {"currency": TEXT, "rate": RATE, "from_date": DAY},
}


def conform(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Every table of `COLUMNS`, with its columns in their types.

    Raises:
        ValueError: a column cannot take its type without loss (an amount given as a binary
            float is refused too), or the caller brought a table that no KPI knows.
    """
    unknown = sorted(tables.keys() - COLUMNS.keys())
    if unknown:
        raise ValueError(f"no KPI uses the table {unknown[0]}; there are {', '.join(COLUMNS)}")
    return {name: _fit(name, tables.get(name), types) for name, types in COLUMNS.items()}


def _fit(name: str, table: pa.Table | None, types: Mapping[str, pa.DataType]) -> pa.Table:
    rows = 0 if table is None else table.num_rows
    columns = []
    for column, type_ in types.items():
        if table is None or column not in table.column_names:
            columns.append(pa.nulls(rows, type_))
            continue
        try:
            columns.append(_cast(table.column(column), type_))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError) as error:
            raise ValueError(f"{name}.{column}: {error}") from error
    return pa.table(columns, names=list(types))


def _cast(values: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_decimal(type_) and pa.types.is_floating(values.type):
        raise TypeError("binary floats are not exact; pass decimals")
    if type_ == LIST and not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
        return pc.split_pattern(values.cast(TEXT), ",").cast(LIST)
    return values.cast(type_)
