"""The in-memory account in the suite: what a sandbox is to the vendors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.base import Choice, FieldInfo, NativeType, ObjectInfo, Pipeline, Stage, User, Value
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from connectors.memory import Account, Quirks, Row, register
from connectors.sandbox.server import Call, Clock

_STAGES = (
    ("qualification", "open", "0.1"), ("proposal", "open", "0.6"),
    ("won", "won", "1"), ("lost", "lost", "0"),
)  # fmt: skip
_STATUSES = (("new", "open"), ("waiting", "open"), ("closed", "closed"))


def _field(name: str, type: NativeType, **rest: Any) -> FieldInfo:
    return FieldInfo(name, name.replace("_", " ").capitalize(), type, **rest)


def _choices(*values: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, value.capitalize()) for value in values)


def _object(name: str, *fields: FieldInfo) -> ObjectInfo:
    fixed: dict[str, Any] = {"createable": False, "updateable": False}
    stamps = [_field(stamp, NativeType.INSTANT, **fixed) for stamp in ("created_at", "modified_at")]
    return ObjectInfo(name, name.capitalize(), {one.name: one for one in (*fields, *stamps)})


def objects() -> Iterator[ObjectInfo]:
    """What the account holds."""
    text, long = NativeType.TEXT, NativeType.LONG_TEXT
    company = _field("company", NativeType.LOOKUP, targets=("company",))
    yield _object(
        "company",
        _field("name", text, required=True, length=255),
        _field("description", long),
        _field("annual_revenue", NativeType.MONEY, digits=2),
        _field("employees", NativeType.INTEGER),
        _field("phone", NativeType.PHONE),
        _field("website", NativeType.URL),
        _field("industry", NativeType.CHOICE, choices=_choices("retail", "finance")),
    )
    yield _object(
        "contact",
        _field("last_name", text, required=True, length=80),
        _field("email", NativeType.EMAIL, unique=True),
        _field("birth_date", NativeType.DATE),
        _field("phone", NativeType.PHONE),
        _field("interests", NativeType.CHOICES, choices=_choices("events", "pricing", "support")),
        _field("email_opt_out", NativeType.BOOLEAN),
        company,
    )
    yield _object(
        "deal",
        _field("name", text, required=True, length=120),
        _field(
            "stage", NativeType.CHOICE, required=True,
            choices=_choices(*(name for name, *_ in _STAGES)),
        ),
        _field("amount", NativeType.MONEY, digits=2),
        _field("close_date", NativeType.DATE),
        _field("description", long),
        company,
        _field("contacts", NativeType.LOOKUPS, targets=("contact",)),
    )  # fmt: skip
    yield _object(
        "ticket",
        _field("subject", text, required=True, length=255),
        _field(
            "status", NativeType.CHOICE, required=True,
            choices=_choices(*(name for name, _ in _STATUSES)),
        ),
        _field("description", long),
        company,
    )  # fmt: skip


def pipelines() -> dict[str, list[Pipeline]]:
    """Those of deals and tickets."""
    deal: list[Any] = [
        Stage(name, name, at, status, Decimal(probability))
        for at, (name, status, probability) in enumerate(_STAGES)
    ]
    ticket: list[Any] = [
        Stage(name, name, at, status) for at, (name, status) in enumerate(_STATUSES)
    ]
    return {
        "deal": [Pipeline("", "Sales", tuple(deal))],
        "ticket": [Pipeline("", "Support", tuple(ticket))],
    }


class Sandbox:
    """An account with the hands of a vendor's sandbox."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.account = Account(
            "memory", objects(), clock=clock.now, quirks=Quirks(), pipelines=pipelines()
        )
        self.url = register(self.account)

    @staticmethod
    def credentials() -> dict[str, str]:
        """None are needed."""
        return {}

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Rows as they are, users among them."""
        return [self._load(object, dict(row)) for row in rows]

    def _load(self, object: str, values: dict[str, Any]) -> str:
        if object == "user":
            id = f"user-{len(self.account.users)}"
            self.account.users.append(User(id, **values))
            return id
        created, modified = values.pop("created_at", ""), values.pop("modified_at", "")
        id = self.account.create(object, values)
        row = self.account.rows[object][id]
        row.created_at = datetime.fromisoformat(created) if created else row.created_at
        row.modified_at = datetime.fromisoformat(modified) if modified else row.modified_at
        return id

    def state(self, object: str) -> list[dict[str, Any]]:
        """The true records."""
        return [self._shown(object, row) for row in self.account.rows[object].values()]

    def _shown(self, object: str, row: Row) -> dict[str, Any]:
        empty: dict[str, Value] = dict.fromkeys(self.account.objects[object].fields)
        return {**empty, **row.values, "id": row.id, "deleted": row.deleted}

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """As a person does."""
        self.account.edit(object, id, values)

    def remove(self, object: str, id: str) -> None:
        """As a person does."""
        self.account.remove(object, id)

    def restore(self, object: str, id: str) -> None:
        """As a person does."""
        self.account.restore(object, id)

    def merge(self, object: str, winner: str, loser: str) -> str:
        """As a person does."""
        return self.account.merge(object, winner, loser)


class Calls:
    """Keeps the log of an account's calls and makes them fail as ordered."""

    #: What a call that is struck raises, and at which moment.
    ERRORS: Mapping[str, tuple[str, Callable[[], ConnectorError]]] = {
        "throttle": ("before", lambda: Throttled("memory: too fast")),
        "error": ("before", lambda: Unavailable("memory: out of order")),
        "cut_before": ("before", lambda: Unavailable("memory: cut")),
        "cut_after": ("after", lambda: Unavailable("memory: cut")),
        "unauthorized": ("before", lambda: AuthenticationFailed("memory: who are you?")),
        "quota": ("before", lambda: QuotaExhausted("memory: no calls left")),
    }

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.log: list[Call] = []
        self.struck = 0
        self._orders: list[dict[str, Any]] = []
        self._undo: list[Callable[[], None]] = []
        sandbox.account.interfere = self._meet

    def _meet(self, name: str, moment: str) -> None:
        wrote = name == "push"
        if moment == "before":
            at = self.sandbox.clock.now().isoformat()
            self.log.append(Call(at, name, name, 200, 0, wrote))
        for order in self._orders:
            when, error = self.ERRORS[order["kind"]]
            if when != moment or (order["writes"] and not wrote) or order["times"] == 0:
                continue
            if order["skip"]:
                order["skip"] -= 1
                continue
            order["times"] = None if order["times"] is None else order["times"] - 1
            self.struck += 1
            raise error()

    def order(
        self, kind: str, *, object: str = "", times: int | None = 1, skip: int = 0,
        writes: bool = False, options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """A fault, as `connectors.sandbox.faults.Fault` has it."""
        if kind in self.ERRORS:
            order = {"kind": kind, "times": times, "skip": skip, "writes": writes}
            self._orders.append(order)
        else:
            self._change(kind, object, options or {})

    def _change(self, kind: str, object: str, options: Mapping[str, Any]) -> None:
        account, quirks = self.sandbox.account, self.sandbox.account.quirks
        name = str(options.get("field", ""))
        match kind:
            case "clock_skew":
                self._put(self.sandbox.clock, "skew", float(options["seconds"]))
            case "hide_field":
                self._put(quirks, "hidden", quirks.hidden | {name})
            case "remove_field":
                info = account.objects[object]
                fields = {key: field for key, field in info.fields.items() if key != name}
                account.objects[object] = replace(info, fields=fields)
                self._undo.append(lambda: account.objects.update({object: info}))
            case "validation_rule":
                value, words = options["value"], str(options["words"])
                rules = {**quirks.rules, name: lambda given: words if given == value else ""}
                self._put(quirks, "rules", rules)
            case _:
                raise ValueError(f"an account in memory has no fault {kind}")

    def _put(self, target: Any, name: str, value: Any) -> None:
        before = getattr(target, name)
        setattr(target, name, value)
        self._undo.append(lambda: setattr(target, name, before))

    def clear(self) -> None:
        """No more faults; what they changed is as before."""
        self._orders.clear()
        self.struck = 0
        while self._undo:
            self._undo.pop()()
