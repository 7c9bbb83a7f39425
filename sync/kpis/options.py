"""What a company decides about its KPIs: currency, time zone, period, targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal, cast
from zoneinfo import ZoneInfo

from sync.kpis.period import MONTHS

Per = Literal["month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a KPI should reach: a number, or a change against the period before.

    Attributes:
        target: the number to reach, in the KPI's own unit (0.45 for a ratio of 45 %).
        direction: ``up`` when more is better, ``down`` when less is.
        change: instead of `target`: the relative change to reach (0.05 for +5 %).
        per: the periods compared for `change`.
    """

    target: Decimal | None = None
    direction: Literal["up", "down"] = "up"
    change: Decimal | None = None
    per: Per | None = None

    @classmethod
    def parse(cls, settings: Mapping[str, object]) -> Target:
        """A target as settings.yaml writes it.

        ``{target: 0.45, direction: up}`` or ``{change: "+5%", per: quarter}``. The sign of a
        change is its direction, unless ``direction`` says otherwise.

        Raises:
            ValueError: what is wrong and what to write instead.
        """
        unknown = sorted(settings.keys() - {"target", "direction", "change", "per"})
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)} in a KPI's target")
        if ("target" in settings) == ("change" in settings):
            raise ValueError("a KPI's target needs either `target` or `change`, and not both")
        direction = settings.get("direction")
        if direction not in (None, "up", "down"):
            raise ValueError(f"direction: {direction!r} is neither up nor down")
        if "target" in settings:
            if "per" in settings:
                raise ValueError("`per` belongs to `change`, not to `target`")
            number = _number(settings["target"], "target")
            return cls(number, "down" if direction == "down" else "up")
        per = settings.get("per")
        if per not in MONTHS:
            raise ValueError(f"per: {per!r} is none of month, quarter, year")
        text = str(settings["change"]).strip()
        if not text.endswith("%"):
            raise ValueError(f"change: {text!r} is not a percentage; write +5%, for example")
        change = _number(text[:-1], "change") / 100
        falls = change < 0 if direction is None else direction == "down"
        return cls(None, "down" if falls else "up", change, cast(Per, per))


def _number(value: object, name: str) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(f"{name}: {value!r} is not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{name}: {value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{name}: {value!r} is not a number")
    return number


@dataclass(frozen=True, slots=True)
class Options:
    """How KPIs are computed.

    Attributes:
        currency: ISO 4217; amounts are converted to it.
        time_zone: IANA name; days begin and end there.
        period: ``month``, ``quarter``, ``year`` (those running), ``all``, or the first and
            the last day.
        year_start: the month in which the fiscal year begins.
        targets: by KPI id.
        stage_probability: by stage, 0 to 1, for deals without a probability of their own.
        active_days: a customer is active while its last won deal is at most so many days old.
        lead: what `conversion_rate` counts.
        conversion_days: a lead must become a customer within so many days to be converted;
            None: by the end of the period.
    """

    currency: str
    time_zone: str = "UTC"
    period: str | tuple[date, date] = "quarter"
    year_start: int = 1
    targets: Mapping[str, Target] = field(default_factory=dict)
    stage_probability: Mapping[str, Decimal] = field(default_factory=dict)
    active_days: int = 365
    lead: Literal["company", "contact"] = "company"
    conversion_days: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could only give wrong numbers.

        Raises:
            ValueError: an unknown time zone, a month or a number of days out of range, or a
                stage probability outside 0 to 1.
        """
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"time_zone: {self.time_zone!r} is not an IANA name") from None
        if not 1 <= self.year_start <= 12:
            raise ValueError(f"year_start: {self.year_start} is not a month")
        if self.active_days < 1:
            raise ValueError(f"active_days: {self.active_days} is less than one day")
        if self.conversion_days is not None and self.conversion_days < 0:
            raise ValueError(f"conversion_days: {self.conversion_days} is negative")
        for stage, probability in self.stage_probability.items():
            if not 0 <= probability <= 1:
                raise ValueError(f"stage_probability: {stage} has {probability}, not 0 to 1")
