"""The journey: drawn, pushed into one account, pulled, pushed into another, pulled, compared."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import permutations

from connectors.base import FieldInfo, NativeType
from mapping.document import FieldMapping
from mapping.schema import Fields, FieldValue, Kind
from tests.roundtrip.account import NAMES, POOL, SCHEMA, VENDORS, Account
from tests.roundtrip.draw import Limits, value

#: Derived by some vendors from the stage, or by all from what happened: nobody's to write.
LEFT_OUT = frozenset({"probability", "created_at", "closed_at"})
DATES = frozenset({"name", "close_date", "birth_date", "last_name", "email", "currency", "amount"})
#: Whole numbers with a range of their own.
RANGES: Mapping[str, Mapping[str, int]] = {"rating": {"least": 1, "most": 5}}
_MOST_SHOWN = 20


@dataclass(slots=True)
class Report:
    """What arrived: values compared by kind, and those that differ, in words."""

    compared: Counter[Kind] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take in another one."""
        self.compared += other.compared
        self.differences += other.differences


def limits(accounts: Mapping[str, Account]) -> dict[tuple[str, str], Limits]:
    """(object, field) -> what all the accounts hold, for the fields that all read and write."""
    made: dict[tuple[str, str], Limits] = {}
    infos = {
        (vendor, name): account.connector.describe(account.translators[name].native).fields
        for vendor, account in accounts.items()
        for name in NAMES
    }
    for name in NAMES:
        documents = {v: account.translators[name].document for v, account in accounts.items()}
        for spec in SCHEMA[name].fields.values():
            mapped = {v: document.fields.get(spec.name) for v, document in documents.items()}
            if spec.name in LEFT_OUT or not all(m and m.writable for m in mapped.values()):
                continue
            fields = [infos[v, name][m.native] for v, m in mapped.items() if m]
            choices = [_told_apart(m) for m in mapped.values() if m]
            bound = _limits(spec.kind, fields, set.intersection(*choices))
            made[name, spec.name] = replace(bound, **RANGES.get(spec.name, {}))
    return made


def _told_apart(mapping: FieldMapping) -> set[str]:
    """The choices whose option is not another one's too (urgent, where there is only high)."""
    read: dict[str, str] = {}
    for common, natives in mapping.choices.items():
        for native in natives:
            read.setdefault(native, common)
    return {common for common, natives in mapping.choices.items() if read[natives[0]] == common}


def _limits(kind: Kind, fields: list[FieldInfo], choices: set[str]) -> Limits:
    if kind is Kind.CURRENCY:
        choices = set.intersection(*({c.value for c in one.choices} for one in fields))
    options = tuple(sorted(choices))
    if kind in (Kind.REFERENCE, Kind.REFERENCES):
        options = tuple(str(number) for number in range(POOL))
    return Limits(
        length=min((one.length for one in fields if one.length), default=2000),
        digits=min((one.digits for one in fields if one.digits is not None), default=6),
        lines=all(one.type is NativeType.LONG_TEXT for one in fields),
        options=options,
        unique=any(one.unique for one in fields),
    )


def draw(
    bounds: Mapping[tuple[str, str], Limits],
    name: str,
    count: int,
    seed: int,
    only: frozenset[str] | None = None,
) -> dict[int, Fields]:
    """`count` records of an object with a value in every field, or in the `only` ones."""
    rows: dict[int, Fields] = {number: {} for number in range(count)}
    for (object, key), bound in bounds.items():
        if object == name and (only is None or key in only):
            dice = random.Random(f"{seed} {name} {key}")
            kind = SCHEMA[name].fields[key].kind
            for number, fields in rows.items():
                fields[key] = value(kind, bound, number, dice)
    return rows


def expected(name: str, key: str, wanted: FieldValue, through: tuple[Account, ...]) -> FieldValue:
    """The value up to the renditions that the accounts on the way declare: HubSpot keeps e-mail
    addresses in lower case, some hold one reference instead of several."""
    kind = SCHEMA[name].fields[key].kind
    if kind is Kind.EMAIL and any(account.vendor == "hubspot" for account in through):
        return str(wanted).lower()
    if isinstance(wanted, list) and any(key in a.translators[name].holds_one for a in through):
        return wanted[:1]
    return wanted


def compare(
    name: str, wanted: dict[int, Fields], got: dict[int, Fields], through: tuple[Account, ...]
) -> Report:
    """What arrived of what was sent."""
    way = " -> ".join(account.vendor for account in through)
    report = Report()
    if wanted.keys() != got.keys():
        report.differences.append(f"{way}: {name}: {len(got)} of {len(wanted)} records arrived")
    for number in wanted.keys() & got.keys():
        for key, sent in wanted[number].items():
            right = expected(name, key, sent, through)
            report.compared[SCHEMA[name].fields[key].kind] += 1
            if got[number].get(key) != right and len(report.differences) < _MOST_SHOWN:
                found = got[number].get(key)
                words = f"{way}: {name} {number} {key}: {right!r} came as {found!r}"
                report.differences.append(words)
    return report


def journey(
    source: Callable[[], Account],
    targets: list[Callable[[], Account]],
    rows: Mapping[str, dict[int, Fields]],
) -> Iterator[tuple[str, Report]]:
    """Push the records into the source, pull them, push what came into each of the targets, and
    pull again; for each way its name and what arrived at its end."""
    with closing(source()) as first:
        came: dict[str, dict[int, Fields]] = {}
        there = Report()
        for name, sent in rows.items():
            first.push(name, sent)
            pulled = first.pull(name)
            there.add(compare(name, sent, pulled, (first,)))
            kept = {n: {key: pulled[n].get(key) for key in sent[n]} for n in sent if n in pulled}
            came[name] = kept
        yield first.vendor, there
        for target in targets:
            with closing(target()) as second:
                back = Report()
                for name, sent in came.items():
                    second.push(name, sent)
                    got = second.pull(name)
                    back.add(compare(name, rows[name], got, (first, second)))
                yield f"{first.vendor} -> {second.vendor}", back


def bounds() -> dict[tuple[str, str], Limits]:
    """What the accounts of all vendors hold."""
    accounts = {vendor: Account(vendor) for vendor in VENDORS}
    try:
        return limits(accounts)
    finally:
        for account in accounts.values():
            account.close()


def pairs() -> list[tuple[str, str]]:
    """Every ordered pair of vendors."""
    return list(permutations(VENDORS, 2))
