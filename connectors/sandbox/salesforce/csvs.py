"""CSV as the Bulk API reads and writes it: every cell quoted, empty for null."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from connectors.sandbox.salesforce.schema import Field
from connectors.sandbox.salesforce.values import Stored, show
from connectors.sandbox.salesforce.wire import java_double

#: What the API calls the signs between two cells.
DELIMITERS = {
    "COMMA": ",",
    "SEMICOLON": ";",
    "TAB": "\t",
    "PIPE": "|",
    "CARET": "^",
    "BACKQUOTE": "`",
}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}

# A cell may hold a whole long text; the module's own limit is below that.
csv.field_size_limit(1_000_000)


def cell(field: Field, value: Stored) -> str:
    """A stored value as a cell of a query's result; instants are not written as in JSON."""
    shown = show(field, value)
    if shown is None:
        return ""
    if isinstance(shown, bool):
        return "true" if shown else "false"
    if field.type == "datetime":
        return str(shown).replace("+0000", "Z")
    return java_double(shown) if isinstance(shown, Decimal) else str(shown)


def written(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    delimiter: str = "COMMA",
    ending: str = "LF",
) -> str:
    """A header and rows as text."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=DELIMITERS[delimiter],
        lineterminator=ENDINGS[ending],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def parsed(data: bytes, delimiter: str = "COMMA") -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a text; rows without any cell are left out.

    Raises:
        ValueError: it is no UTF-8, has no header, or a row is longer or shorter than it.
    """
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    try:
        read = [row for row in csv.reader(text, delimiter=DELIMITERS[delimiter]) if row]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if not read:
        raise ValueError("no header")
    header, *rows = read
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"{len(row)} cells under {len(header)} columns")
    return header, rows
