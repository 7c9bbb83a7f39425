"""Dates without a time zone, and instants in UTC to the millisecond."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base import Value
from mapping.values.base import Context, Untranslatable
from mapping.values.calendars import date_from_text, from_written_year
from mapping.values.text import fold_digits, spell, without_invisible

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CANONICAL = re.compile(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
)
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_ISO_START = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]")
_ISO_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:[.,]([0-9]{1,9}))?\s*(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_EPOCH_MS = re.compile(r"-?[0-9]{5,16}")

_ADVICE = "Enter it as 2026-01-31, or as 2026-01-31T08:00:00Z with the time."


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no such time zone: {name!r}; use an IANA name, e.g. Asia/Bangkok") from (
            error
        )


def instant_text(moment: datetime) -> str:
    """An aware moment as canonical text; what is finer than a millisecond is cut off."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".rjust(24, "0")


def moment_of(native: Value, context: Context) -> datetime | None:
    """The moment a native instant stands for, aware UTC; None for an empty one.

    Takes epoch milliseconds (number or text) and ISO 8601 with any offset (``Z``, ``+0000``,
    ``+07:00``). Without an offset, and for a bare date, the account's time zone applies.

    Raises:
        Untranslatable: no such moment.
    """
    if isinstance(native, bool):
        raise Untranslatable("not a moment in time", _ADVICE)
    if isinstance(native, int | Decimal):
        return _from_epoch(native)
    text = spell(native)
    if len(text) >= 20 and text[10] == "T" and text.endswith(("Z", "+0000", "+00:00")):
        try:  # what vendors send
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    text = fold_digits(without_invisible(text)).strip()
    if not text:
        return None
    if _EPOCH_MS.fullmatch(text):
        return _from_epoch(int(text))
    found = _ISO_INSTANT.fullmatch(text)
    if not found:
        day = date_from_text(text, context)
        return _start_of_day(day, context)
    day_text, clock, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day_text}T{clock}")
        if fraction:
            moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        if offset is None:
            return moment.replace(tzinfo=zone(context.time_zone)).astimezone(UTC)
        if offset in "Zz":
            return moment.replace(tzinfo=UTC)
        digits = offset[1:].replace(":", "").ljust(4, "0")
        away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment = moment.replace(tzinfo=UTC)
        return moment + away if offset[0] == "-" else moment - away
    except (ValueError, OverflowError) as error:
        raise Untranslatable("no such moment", _ADVICE) from error


def _from_epoch(milliseconds: int | Decimal) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except (OverflowError, ValueError) as error:  # ValueError: not a number
        raise Untranslatable("no such moment", _ADVICE) from error


def _start_of_day(day: date, context: Context) -> datetime:
    """Where local midnight does not exist (a clock change), the first moment of that day."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone(context.time_zone)).astimezone(
            UTC
        )
    except OverflowError as error:
        raise Untranslatable("no such moment", _ADVICE) from error


def parse_instant(native: Value, context: Context) -> str | None:
    """An instant as canonical text."""
    if isinstance(native, str):
        text = f"{native[:-5]}Z" if native.endswith("+0000") else native
        if _CANONICAL.fullmatch(text):  # what two vendors send
            try:
                datetime.fromisoformat(text)
            except ValueError as error:
                raise Untranslatable("no such moment", _ADVICE) from error
            return text
    moment = moment_of(native, context)
    return None if moment is None else instant_text(moment)


def parse_date(native: Value, context: Context) -> str | None:
    """A date as canonical text.

    The day of a moment is the day as written (a date field that comes with a midnight);
    where the native field is a true instant the mapping says so, see `date_of_instant`.
    Years of the Buddhist and Iranian calendars are converted.

    Raises:
        Untranslatable: no such day, or day and month cannot be told apart.
    """
    if isinstance(native, bool):
        raise Untranslatable("not a date", _ADVICE)
    if isinstance(native, int | Decimal):
        return _from_epoch(native).date().isoformat()
    return _day_of_text(spell(native), context)


@lru_cache(maxsize=16384)
def _day_of_text(text: str, context: Context) -> str | None:
    found = _ISO_DATE.fullmatch(text)
    if not found:
        text = fold_digits(without_invisible(text)).strip()
        if not text:
            return None
        if _EPOCH_MS.fullmatch(text) and len(text) != 8:
            return _from_epoch(int(text)).date().isoformat()
        found = _ISO_DATE.fullmatch(text) or _ISO_START.match(text)
    if found:
        year, month, day = found.groups()
        return from_written_year(int(year), int(month), int(day)).isoformat()
    return date_from_text(text, context).isoformat()


def date_of_instant(native: Value, context: Context) -> str | None:
    """The day, in the account's time zone, of a native instant that stands for a date."""
    moment = moment_of(native, context)
    try:
        return None if moment is None else _local_day(moment, context)
    except OverflowError as error:
        raise Untranslatable("no such day", _ADVICE) from error


def _local_day(moment: datetime, context: Context) -> str:
    return moment.astimezone(zone(context.time_zone)).date().isoformat()


@lru_cache(maxsize=16384)
def instant_of_date(day: str, context: Context) -> str:
    """The native instant for a canonical date: its first moment in the account's time zone.

    Raises:
        Untranslatable: the day never was there (Samoa went from 29 to 31 December 2011).
    """
    moment = _start_of_day(date.fromisoformat(day), context)
    if _local_day(moment, context) != day:
        raise Untranslatable(
            f"there was no such day in {context.time_zone}", "Correct the date in the CRM."
        )
    return instant_text(moment)
