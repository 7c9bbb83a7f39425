"""The reference pages, written from the code: docs/settings.md and docs/commands.md.

`python -m sync.reference` (or `make docs`) writes them again, and copies settings.yaml to
where `concord init` takes it from. A test compares the files with what would be written.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.models import ArgumentInfo

from connectors.budget import USUAL
from connectors.reference import capabilities_page
from mapping.schema import OBJECTS, Policy
from sync import match_rules, settings
from sync.cli import app
from sync.commands.exits import MEANING
from sync.engine.matching.keys import known_parts
from sync.match_rules import DEFAULT_MATCH
from sync.settings import SYNCED

#: The source tree.
ROOT = Path(__file__).resolve().parent.parent

_NOTE = "<!-- Written by `make docs` from the code; edit there. -->\n"

#: Heading, model and words of each part of docs/settings.md.
SECTIONS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("hub", settings.Hub, "The hub as a whole."),
    (
        "connections.NAME",
        settings.ConnectionSettings,
        "One block for each account, under a name of your choice. `priority`, `create_in` and "
        "all messages use that name.",
    ),
    (
        "connections.NAME.budget",
        settings.BudgetSettings,
        "How much of the account's allowance the hub may use; the rest is left to the account's "
        "other applications. What an account allows is learnt from its replies. When the share "
        "is used up, the connection is left alone until calls come back; nothing is lost. When "
        "less than a tenth of it is left, first loads and full reads leave that to reads of "
        "changes.",
    ),
    ("matching", match_rules.Matching, "What is one value where records are matched."),
    (
        "objects.OBJECT",
        settings.ObjectSettings,
        f"One block for each object: {', '.join(f'`{name}`' for name in SYNCED)}.",
    ),
    (
        "objects.OBJECT.match",
        match_rules.RuleSettings,
        "A list of rules, strongest first. A rule may be written as a word, `email`, or as words "
        "joined by `+`, `name+country`, where it has nothing but keys.",
    ),
    (
        "objects.OBJECT.match.near",
        match_rules.Near,
        "A list of bounds. A rule holds only if all of them do; a value that is missing on one "
        "side does not object unless it is `needed`.",
    ),
    (
        "objects.OBJECT.score",
        match_rules.Score,
        "For `company` and `contact`, with the extra `match` (`pip install 'concord-crm[match]'`). "
        "Records that no rule linked are compared with others of similar names, addresses, phones "
        "or birth dates, and each pair gets a probability. It is about that pair only: pairs in a "
        "chain make wrong links fast, so what is below 0.9999 is for people to decide.",
    ),
    (
        "objects.OBJECT.fields.FIELD",
        settings.FieldSettings,
        "Who decides about one field. A policy alone may be written as a word: `owner: priority`.",
    ),
    (
        "objects.OBJECT.create_in",
        settings.CreateIn,
        "A list of connections. A connection without a condition may be written as its name.",
    ),
    (
        "objects.OBJECT.limits",
        settings.Limits,
        "The blast radius. Past one of these, the run writes nothing and waits for "
        "`concord approve`.",
    ),
    ("schedule", settings.ScheduleSettings, "When `concord serve` does what."),
    ("kpis", settings.KpiSettings, "What KPIs are computed over. docs/kpis.md defines them."),
    ("kpis.targets.KPI", settings.Target, "What a KPI should reach: a number, or a change."),
    (
        "rates",
        settings.Rate,
        "A list of exchange rates. An amount takes the last rate that began on or before its "
        "day; amounts in a currency without one are left out of sums, and counted.",
    ),
)

_POLICIES: Mapping[Policy, str] = {
    Policy.NEWEST: "the value that a person changed last",
    Policy.PRIORITY: "the value of the connection that comes first in `priority`",
    Policy.LONGEST: "the longest text",
    Policy.UNION: "all values together, for fields that hold several",
    Policy.OLDEST: "the smallest value, for creation times",
    Policy.RESTRICTIVE: "yes if any says yes, for consent and opt-out",
    Policy.MANUAL: "nobody: the field stays and is written nowhere until a person decides with "
    "`concord conflicts resolve`",
}

_DERIVED: Mapping[str, str] = {
    "email": "the address, unless it is a shared mailbox (info@ …) or made up",
    "role_email": "the address, only if it is a shared mailbox",
    "email_name": "what stands before the address's @, if that is at least six letters",
    "email_domain": "the address's registrable domain, unless it is a free-mail provider's",
    "any_phone": "the phone or the mobile number, as +66812345678",
    "full_name": "all parts of the name in any order, if there are at least two",
    "first_initial": "the first letter of the first name",
    "last_initial": "the first letter of the last name",
    "name_start": "the first five letters of a company's name",
}

_TELLING: Mapping[str, str] = {
    "salesforce": "the calls of the day, every one of them",
    "hubspot": "the calls of the day, of ten seconds and of a second",
    "zoho": "the credits left, once half of them are used; set `per_day` for an account with more",
}

_AUTH = """\
### auth

`kind` says how to sign in; the other keys depend on it. A secret is a reference: `${env:NAME}`
is the environment variable NAME, `${file:PATH}` the content of a file, whose path is relative to
settings.yaml. A literal secret is refused outside a sandbox connection. References are resolved
when a connection is opened, and their values are never stored or printed.

| vendor | kind | keys |
| --- | --- | --- |
| salesforce | `client_credentials` | `client_id`, `client_secret` |
| salesforce | `password` | `username`, `password`, `security_token` |
| salesforce | `jwt` | `client_id`, `username`, `private_key` |
| hubspot | `private_app` | `access_token` |
| hubspot | `oauth` | `client_id`, `client_secret`, `refresh_token` |
| zoho | `self_client` | `client_id`, `client_secret`, `refresh_token` |
"""


def pages() -> dict[Path, str]:
    """Every generated file and its text."""
    return {
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "docs" / "commands.md": commands_page(),
        ROOT / "docs" / "capabilities.md": capabilities_page(),
        ROOT / "sync" / "starter.yaml": (ROOT / "settings.yaml").read_text(encoding="utf-8"),
    }


# -- settings


def settings_page() -> str:
    """docs/settings.md."""
    parts = [
        "# Settings\n",
        _NOTE,
        "Everything the hub is told is in one file, settings.yaml. `concord init` writes one with "
        "comments; `concord check` tells all that is wrong with it at once, with line numbers. "
        "A setting that is not in this list is an error.\n",
        "A path is relative to the file. `required` settings have no default.\n",
    ]
    for name, model, words in SECTIONS:
        parts += [f"## {name}\n", f"{words}\n", _table(model)]
        if name == "connections.NAME":
            parts.append(_AUTH)
        elif name == "connections.NAME.budget":
            parts.append(_allowances())
        elif name == "objects.OBJECT":
            parts.append(_policies())
        elif name == "objects.OBJECT.match":
            parts.append(_keys())
    return "\n".join(parts)


def _allowances() -> str:
    lines = [
        "Until an account's replies say otherwise, it is taken to allow:\n",
        "| vendor | in 24 hours | in a short time | replies tell |",
        "| --- | --- | --- | --- |",
    ]
    for vendor, words in _TELLING.items():
        usual = USUAL[vendor]
        day = f"{usual.per_day:,} {usual.unit}" if usual.per_day else "no bound"
        short = ", ".join(
            f"{most} {'searches' if kind else usual.unit} in {seconds:.0f} s"
            for (kind, seconds), most in usual.intervals.items()
        )
        lines.append(f"| {vendor} | {day} | {short or 'no bound'} | {words} |")
    lines.append(
        "\nA day is any 24 hours, counted by the hour. Sandboxes on this machine are bound by no "
        "short time but a `per_10_seconds` written here.\n"
    )
    return "\n".join(lines)


def _table(model: type[BaseModel]) -> str:
    rows = ["| setting | what it takes | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _takes(field.annotation), _default(field), field.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _takes(kind: Any) -> str:
    """A type in words."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_takes(one) for one in inner if one is not types.NoneType))
    if origin is tuple:
        return f"list of {_takes(inner[0])}"
    if origin is dict:
        return f"block of {_takes(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "block"
    names = {"str": "text", "int": "whole number", "float": "number", "Decimal": "number",
             "bool": "`true` or `false`", "date": "day"}  # fmt: skip
    return names.get(getattr(kind, "__name__", ""), "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ("", (), {}):
        return ""
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, tuple):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _policies() -> str:
    lines = [
        "### Policies\n",
        "A policy decides when records of one entity were changed to different values, or came "
        "with different values when they were linked. A change that nobody contradicts is taken "
        "whatever the policy.\n",
        "| policy | who wins |",
        "| --- | --- |",
        *(f"| `{policy.value}` | {words} |" for policy, words in _POLICIES.items()),
        "",
        "An object's `policy` replaces `newest`; the fields below keep their own unless they are "
        "named under `fields`.\n",
        "| field | policy |",
        "| --- | --- |",
    ]
    for name in SYNCED:
        lines += [
            f"| `{name}.{field.name}` | `{field.policy.value}` |"
            for field in OBJECTS[name].fields.values()
            if field.policy is not Policy.NEWEST
        ]
    return "\n".join(lines) + "\n"


def _keys() -> str:
    lines = [
        "### Keys\n",
        "A key is a field, compared in its normal form (phone numbers as +66812345678, names "
        "without case and legal forms), or one of these. Values that stand for nothing "
        "(n/a, 0000) are no keys.\n",
        "| key | what must agree |",
        "| --- | --- |",
    ]
    derived = known_parts(OBJECTS["contact"])
    lines += [f"| `{name}` | {words} |" for name, words in _DERIVED.items() if name in derived]
    lines += ["", "### Shipped rules\n", "They apply to an object without `match`.\n"]
    for name in SYNCED:
        lines.append(f"**{name}**\n")
        for place, rule in enumerate(DEFAULT_MATCH[name], start=1):
            bounds = [f"`{near.field}` {_bound(near)}" for near in rule.near]
            lines.append(f"{place}. `{rule.name}`" + "".join(f", {bound}" for bound in bounds))
        lines.append("")
    return "\n".join(lines)


def _bound(near: match_rules.Near) -> str:
    if near.days is not None:
        return f"within {near.days:g} days"
    if near.share is not None:
        return f"within {near.share * 100:g} %"
    missing = ", known on both sides" if near.needed else ""
    alike = "equal" if near.similar == 1 else f"within a likeness of {near.similar:g}"
    return f"{alike}{missing}"


# -- commands


@dataclass(frozen=True, slots=True)
class Command:
    """A command as its page shows it."""

    way: tuple[str, ...]
    function: Callable[..., None]
    group: bool = False
    alone: bool = True
    """The group does something without a command of its own."""
    words: str = ""

    @property
    def parameters(self) -> list[tuple[inspect.Parameter, Any, Any]]:
        """(parameter, its type, its typer.Option or typer.Argument), in order."""
        hints = typing.get_type_hints(self.function, include_extras=True)
        found = []
        for parameter in inspect.signature(self.function).parameters.values():
            annotation = hints[parameter.name]
            if typing.get_origin(annotation) is typing.Annotated:
                kind, info = typing.get_args(annotation)[:2]
                found.append((parameter, kind, info))
        return found

    @property
    def help(self) -> str:
        """The docstring's paragraphs, each on one line."""
        paragraphs = (self.words or inspect.getdoc(self.function) or "").split("\n\n")
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def commands() -> Iterator[Command]:
    """Every command, as `concord --help` lists them."""
    yield from _commands(app, ())


def _commands(typed: typer.Typer, way: tuple[str, ...]) -> Iterator[Command]:
    for info in typed.registered_commands:
        assert info.callback is not None
        yield Command((*way, info.name or info.callback.__name__), info.callback)
    for group in typed.registered_groups:
        inner, name = group.typer_instance, str(group.name)
        assert inner is not None
        callback = inner.registered_callback
        here = (*way, name)
        if callback is not None and callback.callback is not None:
            yield Command(here, callback.callback, group=True)
        else:
            words = group.help if isinstance(group.help, str) else ""
            yield Command(here, _nothing, group=True, alone=False, words=words)
        yield from _commands(inner, here)


def _nothing() -> None:
    """A group that does nothing by itself."""


def commands_page() -> str:
    """docs/commands.md."""
    assert app.registered_callback is not None
    assert app.registered_callback.callback is not None
    root = Command((), app.registered_callback.callback)
    parts = [
        "# Commands\n",
        _NOTE,
        f"{root.help}\n",
        "`concord [OPTIONS] COMMAND …`. The options before the command:\n",
        _parameters(root),
        "## Exit codes\n",
        "| code | meaning |\n| --- | --- |",
        "\n".join(f"| {code:d} | {words} |" for code, words in MEANING.items()) + "\n",
    ]
    for command in commands():
        parts += [f"## concord {' '.join(command.way)}\n", f"`{_usage(command)}`\n"]
        parts += [f"{command.help}\n", _parameters(command)]
    return "\n".join(part for part in parts if part)


def _usage(command: Command) -> str:
    parameters = command.parameters
    arguments = [_name(p, info) for p, _, info in parameters if isinstance(info, ArgumentInfo)]
    options = ["[OPTIONS]"] if len(arguments) < len(parameters) else []
    if command.group:
        options.append("[COMMAND]" if command.alone else "COMMAND")
    return " ".join(["concord", *command.way, *options, *arguments])


def spellings(parameter: inspect.Parameter, info: Any) -> list[str]:
    """How an option is written, longest form first; an argument's name."""
    if isinstance(info, ArgumentInfo):
        return [info.metavar or parameter.name.upper()]
    # In an annotation, typer keeps the first spelling where a default would be.
    first = [info.default] if isinstance(info.default, str) else []
    return [*first, *(info.param_decls or ())] or [f"--{parameter.name.replace('_', '-')}"]


def _name(parameter: inspect.Parameter, info: Any) -> str:
    """``--output, -o FILE``, or an argument's name."""
    named = ", ".join(spellings(parameter, info))
    if isinstance(info, ArgumentInfo) or not info.metavar:
        return named
    return f"{named} {info.metavar}"


def _parameters(command: Command) -> str:
    rows = []
    for parameter, kind, info in command.parameters:
        name = _name(parameter, info).replace("|", "\\|")
        rows.append(f"| `{name}` | {_meaning(parameter, kind, info)} |")
    if not rows:
        return ""
    return "\n".join(["| parameter | meaning |", "| --- | --- |", *rows]) + "\n"


def _meaning(parameter: inspect.Parameter, kind: Any, info: Any) -> str:
    words = [info.help or ""]
    for part in (kind, *typing.get_args(kind)):
        for inner in (part, *typing.get_args(part)):
            if isinstance(inner, type) and issubclass(inner, Enum) and len(words) == 1:
                words.append("One of " + ", ".join(f"`{m.value}`" for m in inner) + ".")
    default = parameter.default
    if default is inspect.Parameter.empty:
        if not isinstance(info, ArgumentInfo):
            words.append("Required.")
    elif default is not None and default is not False:
        words.append(f"Default: `{getattr(default, 'value', default)}`.")
    if info.envvar:
        words.append(f"Environment: `{info.envvar}`.")
    return " ".join(words)


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
