"""The fields the soak reads and writes, and one spelling for the values of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.contract.words import WORDS, Thing

#: A value as `Vendor.state` or a `Record` has it -> its one spelling.
Spelling = Callable[[Any], Any]


def text(value: Any) -> Any:
    """Empty text is None."""
    return None if value in (None, "") else str(value)


def number(value: Any) -> Any:
    """Numbers by value."""
    return None if value in (None, "") else Decimal(str(value)).normalize()


def flag(value: Any) -> Any:
    """HubSpot's words for yes; nothing is no."""
    return value in (True, "true")


def links(value: Any) -> Any:
    """Ids, one or several, in order."""
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(sorted(str(id) for id in several if id))


@dataclass(frozen=True, slots=True)
class Asked:
    """One object with the spellings of its fields.

    `loose` ones can change without a trace in the vendor's stamps: a pull of changes need not
    bring them.
    """

    name: str
    thing: Thing
    spellings: Mapping[str, Spelling]
    loose: frozenset[str] = frozenset()
    mergeable: bool = False

    @property
    def object(self) -> str:
        """The native object."""
        return self.thing.object

    @property
    def targets(self) -> Mapping[str, str]:
        """Link field -> name of the object it points to."""
        return {
            field: "contact" if "ontact" in field and self.name != "contact" else "company"
            for field, spelling in self.spellings.items()
            if spelling is links
        }

    def spell(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a row or record that are there."""
        return {n: spell(values[n]) for n, spell in self.spellings.items() if n in values}


def asked(vendor: str) -> dict[str, Asked]:
    """The objects of a vendor by their common names."""
    words = WORDS[vendor]
    made = {
        "company": {words.text: text, words.money: number, words.whole: number},
        "contact": {words.email: text, words.flag: flag, words.employer: links},
        "deal": {words.amount: number, words.deal_company: links, words.deal_contacts: links},
        "ticket": {},
    }
    merged = {"hubspot": {*made}}.get(vendor, {"company", "contact"})
    found = {}
    for name, spellings in made.items():
        thing: Thing = getattr(words, name)
        all_of_them = {thing.title: text, **spellings}
        loose = {n for n, s in all_of_them.items() if s is links} if vendor == "hubspot" else ()
        found[name] = Asked(name, thing, all_of_them, frozenset(loose), name in merged)
    return found
