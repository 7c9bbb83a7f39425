"""How two records are compared: in a few respects, each with levels from agreeing to differing.

Evidence adds up, so each respect must tell something that the others do not. What goes
together is therefore one respect: the people of one office share its street, its domain and
its switchboard, and counting these three times would make every two colleagues of one first
name the same person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """One way to agree. `sql` is a condition on `NAME_l` and `NAME_r`.

    `rare` names a column in which agreeing on a rare value counts more than on a common one.
    """

    label: str
    sql: str
    rare: str = ""


@dataclass(frozen=True, slots=True)
class Respect:
    """One comparison: `columns` that must be known on both sides (one of them is enough) for it
    to say anything; `levels` from the strongest on, the last being all other cases.

    `field`: the field beside which people see its weight.
    """

    field: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]


DIFFERS = "differs"


def _within(column: str, edits: int) -> str:
    # DuckDB's edit distance is slow, and only CASE keeps it from being computed for all pairs.
    few = f"damerau_levenshtein({column}_l, {column}_r) <= {edits}"
    return f"CASE WHEN {_alike(column, 0.8)} THEN {few} ELSE false END"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {least}"


def _equal(column: str) -> str:
    return f"{column}_l = {column}_r"


def _common(column: str) -> str:
    return f"list_has_any({column}_l, {column}_r)"


#: Short names differ by a letter and are other names: สมชาย and สมชัย, Wang and Wong.
_ONE_LETTER = "a letter"
_NEAR_TOWN = f"({_equal('postal')} OR {_equal('city')})"

_ADDRESS = (
    Level("the same street and town", f"{_equal('street')} AND {_NEAR_TOWN}"),
    Level("nearly the same street, the same town", f"{_alike('street', 0.88)} AND {_NEAR_TOWN}"),
    Level("the same street", _equal("street")),
)

RESPECTS: Mapping[str, tuple[Respect, ...]] = {
    "contact": (
        Respect(
            "first_name",
            ("first",),
            (
                Level("equal", _equal("first"), rare="first"),
                Level("first and last swapped", "first_l = last_r AND last_l = first_r"),
                Level(_ONE_LETTER, f"{_within('first', 1)} AND length(first_l) > 3"),
                Level("similar", _alike("first", 0.85)),
                Level(
                    "an initial",
                    "least(length(first_l), length(first_r)) = 1 AND first_l[1] = first_r[1]",
                ),
            ),
        ),
        Respect(
            "last_name",
            ("last",),
            (
                Level("equal", _equal("last"), rare="last"),
                Level(_ONE_LETTER, f"{_within('last', 1)} AND length(last_l) > 3"),
                Level("similar", _alike("last", 0.85)),
            ),
        ),
        Respect(
            "birth_date",
            ("birth",),
            (
                Level("equal", _equal("birth")),
                Level("a digit", _within("birth", 1)),
                Level("two digits", _within("birth", 2)),
            ),
        ),
        Respect(
            "email",
            ("email", "mobiles"),
            (
                Level("the same address", _equal("email")),
                Level("the same mobile phone", _common("mobiles")),
                Level(
                    "the same name before the @",
                    "split_part(email_l, '@', 1) = split_part(email_r, '@', 1)",
                ),
                Level("nearly the same address", _within("email", 2)),
            ),
        ),
        Respect(
            "street",
            ("street", "city", "postal", "workplace", "lines"),
            (
                *_ADDRESS,
                Level(
                    "the same company and phone", f"{_equal('workplace')} AND {_common('lines')}"
                ),
                Level("the same phone", _common("lines")),
                Level("the same company", _equal("workplace"), rare="workplace"),
                Level("the same postal code", _equal("postal")),
                Level("the same city", _equal("city")),
                Level("nearly the same street", _alike("street", 0.88)),
            ),
        ),
    ),
    "company": (
        Respect(
            "name",
            ("name",),
            (
                Level("equal", _equal("name")),
                Level(_ONE_LETTER, f"{_within('name', 1)} AND length(name_l) > 4"),
                Level("nearly equal", _alike("name", 0.93)),
                Level(
                    "one begins with the other",
                    "least(length(name_l), length(name_r)) > 3 AND "
                    "(starts_with(name_l, name_r) OR starts_with(name_r, name_l))",
                ),
                Level("similar", _alike("name", 0.85)),
            ),
        ),
        Respect(
            "domain",
            ("domain",),
            (
                Level("equal", _equal("domain")),
                Level("equal but for the ending", _equal("brand")),
                Level("a letter", f"{_within('brand', 1)} AND length(brand_l) > 4"),
            ),
        ),
        Respect("phone", ("phone",), (Level("equal", _equal("phone")),)),
        Respect(
            "street",
            ("street", "city", "postal", "country"),
            (
                *_ADDRESS,
                Level("the same postal code", _equal("postal")),
                Level("the same city", _equal("city")),
                Level("the same country", _equal("country")),
            ),
        ),
    ),
}
