"""What can go wrong on demand: the kinds of faults, their options, altered text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be ordered.

    Attributes:
        place: ``wire`` acts on requests, ``person`` on the records of the account when a
            request comes, ``record`` on each record written over the API, ``account`` on
            the account at once and until the fault is cleared.
        needs: options without which it means nothing.
        takes: further options.
        lasts: without `times` it stays until it is cleared, instead of striking once.
    """

    place: Literal["wire", "person", "record", "account"]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    lasts: bool = False


#: Every kind of fault.
KINDS: Mapping[str, Kind] = {
    "throttle": Kind("wire", takes=("retry_after",)),
    "unauthorized": Kind("wire"),
    "error": Kind("wire", takes=("status", "html", "retry_after")),
    "slow": Kind("wire", needs=("seconds",), takes=("clock",)),
    "rates": Kind("wire", takes=("calls", "searches", "at_once"), lasts=True),
    "cut_before": Kind("wire"),
    "cut_after": Kind("wire"),
    "merge": Kind("person", needs=("winner", "loser")),
    "remove": Kind("person", needs=("id",)),
    "restore": Kind("person", needs=("id",)),
    "lock": Kind("record"),
    "duplicate_rule": Kind("record", needs=("field",), lasts=True),
    "validation_rule": Kind("record", needs=("field", "words"), takes=("value",), lasts=True),
    "store": Kind("record", needs=("field", "change"), takes=("length",), lasts=True),
    "remove_field": Kind("account", needs=("field",), lasts=True),
    "hide_field": Kind("account", needs=("field",), lasts=True),
    "remove_option": Kind("account", needs=("field", "option"), lasts=True),
    "search_lag": Kind("account", needs=("seconds",), lasts=True),
    "clock_skew": Kind("account", needs=("seconds",), lasts=True),
    "quota": Kind("account", needs=("left",), lasts=True),
}

#: Kinds after which a request gets no ordinary answer; one request meets one of them.
ENDING = frozenset({"throttle", "unauthorized", "error", "rates", "cut_before", "cut_after"})
#: Kinds that mean nothing without an object.
OF_ONE_OBJECT = frozenset(
    {"merge", "remove", "restore", "remove_field", "hide_field", "remove_option"}
    | {"duplicate_rule", "validation_rule", "store"}
)
#: Options that are numbers, and that are true or false.
NUMBERS = frozenset(
    {"retry_after", "status", "seconds", "length", "left", "calls", "searches", "at_once"}
)
FLAGS = frozenset({"html", "clock"})

#: How a vendor alters text on storing it: name -> (text, options) -> text.
CHANGES: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "lower": lambda text, options: text.lower(),
    "trim": lambda text, options: text.strip(),
    "truncate": lambda text, options: text[: int(options.get("length", 0))],
    "phone": lambda text, options: re.sub(r"(?!^\+)\D", "", text.strip()),
}
