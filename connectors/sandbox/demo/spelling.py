"""How the same value is written by different hands: phones, e-mails, names, countries."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sandbox.demo.chance import Chance
from connectors.sandbox.demo.names import Spelled
from connectors.sandbox.demo.places import BY_CODE, Country

_ARABIC_LETTERS = str.maketrans({"ی": "ي", "ک": "ك"})
_ZWNJ = "\N{ZERO WIDTH NON-JOINER}"


@dataclass(frozen=True, slots=True)
class Phone:
    """A number; `groups` is the significant number as its country groups it."""

    country: str
    groups: str


class Numbers:
    """Hands out telephone numbers, each once until a country's pattern is used up."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def next(self, country: Country, *, fixed: bool) -> Phone:
        """The next mobile or fixed line of a country."""
        patterns = country.numbering.fixed if fixed else country.numbering.mobile
        key = f"{country.code}{fixed}"
        given = self._given[key] = self._given.get(key, -1) + 1
        turn, which = divmod(given, len(patterns))
        pattern = patterns[which]
        free = pattern.count("#")
        # A step prime to ten visits every number once and looks like no order at all.
        digits = iter(f"{(turn * 7193 + 1234) % 10**free:0{free}d}")
        return Phone(
            country.code, "".join(next(digits) if char == "#" else char for char in pattern)
        )


def phone(chance: Chance, number: Phone, *, national: bool) -> str:
    """One of the ways to write a number.

    With `national` the calling code may be left out, as people do who have written the
    country down beside it.
    """
    country = BY_CODE[number.country]
    calling, trunk = country.numbering.calling, country.numbering.trunk
    groups, digits = number.groups, number.groups.replace(" ", "")
    forms = [
        f"+{calling}{digits}",
        f"+{calling} {groups}",
        f"+{calling}-{groups.replace(' ', '-')}",
    ]
    if trunk:
        forms.append(f"+{calling} ({trunk}){groups}")
    if trunk and country.code != "TH":
        forms.append(f"00{calling} {groups}")
    if national:
        local = f"{trunk}{groups}"
        forms += [local, local.replace(" ", "-"), local.replace(" ", "")]
        if country.code == "US":
            area, rest = groups.split(" ", 1)
            forms += [f"({area}) {rest.replace(' ', '-')}", groups.replace(" ", ".")]
        if country.digits:
            forms.append(local.translate(str.maketrans("0123456789", country.digits)))
    return chance.choice(forms)


def email(chance: Chance, address: str, vendor: str) -> str:
    """An address as an account keeps it: HubSpot lower-cases, the others keep what was typed."""
    if vendor == "hubspot" or chance.sometimes(0.7):
        return address.lower()
    local, domain = address.split("@")
    return chance.choice(
        [address.upper(), f"{local}@{domain.capitalize()}", f"{local.title()}@{domain}"]
    )


def person_name(chance: Chance, name: Spelled, country: str, *, latin: bool) -> str:
    """A first or last name; spellings differ by case or by keyboard, not by letter, unless
    `latin` asks for the Latin spelling."""
    if latin:
        return name.latin
    written = name.native
    if country == "IR":
        if chance.sometimes(0.4):
            written = written.translate(_ARABIC_LETTERS)
        if chance.sometimes(0.4):
            written = written.replace(_ZWNJ, "")
        return written
    if country in ("TH", "JP") or chance.sometimes(0.88):
        return written
    return chance.choice([written.upper(), written.lower()])


def slip(chance: Chance, text: str) -> str:
    """The text with two neighbouring letters swapped, as hasty typing does."""
    places = [at for at in range(len(text) - 1) if text[at].isalpha() and text[at + 1].isalpha()]
    if not places:
        return text
    at = chance.choice(places)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def country_text(chance: Chance, country: Country) -> str:
    """A country as an account has it: mostly its English name, sometimes a code."""
    return country.names[0] if chance.sometimes(0.75) else chance.choice(country.names)


def website(chance: Chance, domain: str) -> str:
    """A domain as people enter it into a website field."""
    return chance.choice(
        [domain, f"www.{domain}", f"https://www.{domain}", f"https://{domain}/", f"http://{domain}",
         f"HTTPS://WWW.{domain.upper()}/"]
    )  # fmt: skip


def title_text(chance: Chance, text: str) -> str:
    """A deal's or ticket's title with the small differences retyping makes."""
    return chance.choice(
        [text, text, text, text.upper(), text.replace(" – ", " - "), text.replace(" – ", ": "),
         f"{text} ".replace(" – ", "  – ").strip()]
    )  # fmt: skip
