"""Record ids as each vendor makes them."""

from __future__ import annotations

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

#: Salesforce's key prefixes.
PREFIXES: dict[str, str] = {
    "user": "005", "company": "001", "contact": "003", "deal": "006", "ticket": "500",
}  # fmt: skip

_HUBSPOT_FIRST = {
    "user": 41629000, "company": 9127000000, "contact": 51201000000, "deal": 18240000000,
    "ticket": 3310000000,
}  # fmt: skip
_ZOHO_FIRST = 5725767000000300001


def checksum(id15: str) -> str:
    """The three characters that make a 15-character Salesforce id safe without case.

    Each covers five characters: one bit, lowest first, is set where a capital letter stands.
    """
    return "".join(
        _CHECK[sum(1 << bit for bit, char in enumerate(id15[at : at + 5]) if char.isupper())]
        for at in (0, 5, 10)
    )


class Mint:
    """Makes ids of one vendor, always the same ones in the same order."""

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor
        self._made = 0

    def next(self, object: str) -> str:
        """The next id for a record of the common object `object`."""
        self._made += 1
        number = self._made
        if self._vendor == "salesforce":
            return self._salesforce(PREFIXES[object], 7919 * number)
        if self._vendor == "hubspot":
            return str(_HUBSPOT_FIRST[object] + 37 * number)
        return str(_ZOHO_FIRST + 13 * number)

    @staticmethod
    def _salesforce(prefix: str, number: int) -> str:
        tail = ""
        for _ in range(7):
            number, digit = divmod(number, 62)
            tail = _BASE62[digit] + tail
        id15 = f"{prefix}5g000{tail}"
        return id15 + checksum(id15)
