"""What every kind of value shares: the context it is read in, and the refusal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """What a value means in one account.

    Attributes:
        region: ISO 3166-1 alpha-2 of national phone numbers and of day/month order; '' if
            unknown.
        currency: ISO 4217 of amounts that carry none of their own; '' if unknown.
        time_zone: IANA name in which the account's days begin and end.
    """

    region: str = ""
    currency: str = ""
    time_zone: str = "UTC"


class Untranslatable(ValueError):
    """A value has no meaning in the common schema, or a vendor cannot hold it.

    Neither text repeats the value: it may be personal, and problems are logged.

    Attributes:
        reason: what is wrong, one clause.
        advice: what a person can do about it, one sentence.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice or "Correct the value in the CRM, or change the mapping."
