"""SOQL text to a tree. `compile.py` turns the tree into SQL.

Grammar, in short::

    query   = SELECT items FROM object [alias] [WHERE condition] [GROUP BY paths]
              [HAVING condition] [ORDER BY keys] [LIMIT n] [OFFSET n]
    item    = path | FIELDS(ALL|STANDARD|CUSTOM) | function | (query)
    function = COUNT() | (COUNT|COUNT_DISTINCT|SUM|MIN|MAX|AVG)(path) [alias]
    condition = NOT c | c AND c | c OR c | (c) | item op value | item [NOT] IN (values | query)
              | item (INCLUDES|EXCLUDES) ('a;b', 'c')
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from connectors.sandbox.salesforce.wire import Refusal

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<string>'(?:\\.|[^'\\])*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<sign><=|>=|!=|<>|[=<>(),:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_FUNCTIONS = ("COUNT", "COUNT_DISTINCT", "SUM", "MIN", "MAX", "AVG")
_CLAUSES = frozenset(
    {"WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "FROM", "AND", "OR",
     "ASC", "DESC", "NULLS", "ALL"}
)  # fmt: skip

Kind = Literal["string", "number", "boolean", "null", "date", "datetime", "relative"]


@dataclass(frozen=True, slots=True)
class Literal_:
    """A value in the text; `relative` is a date literal such as ``LAST_N_DAYS:3``."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Path:
    """``Name``, ``Account.Name``, ``Account.Owner.Name``."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Function:
    """An aggregate; `path` is None for ``COUNT()``."""

    name: str
    path: Path | None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class AllFields:
    """``FIELDS(ALL)`` and its kin."""

    which: str


@dataclass(frozen=True, slots=True)
class Compare:
    left: Path | Function
    operator: str
    value: Literal_


@dataclass(frozen=True, slots=True)
class Among:
    """``IN``, ``NOT IN``, ``INCLUDES``, ``EXCLUDES``."""

    left: Path
    operator: str
    values: tuple[Literal_, ...] | Query


@dataclass(frozen=True, slots=True)
class Not:
    inner: Condition


@dataclass(frozen=True, slots=True)
class Both:
    operator: Literal["AND", "OR"]
    parts: tuple[Condition, ...]


Condition = Compare | Among | Not | Both


@dataclass(frozen=True, slots=True)
class OrderKey:
    by: Path | Function
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    items: tuple[Path | Function | AllFields | Query, ...]
    object: str
    alias: str = ""
    where: Condition | None = None
    group: tuple[Path, ...] = ()
    having: Condition | None = None
    order: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(slots=True)
class _Parser:
    text: str
    tokens: list[_Token] = field(default_factory=list)
    place: int = 0

    def __post_init__(self) -> None:
        at = 0
        end = len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise self.error(at, f"unexpected token: '{self.text[at:].strip()[:1]}'")
            kind = found.lastgroup or ""
            self.tokens.append(_Token(kind, found.group(kind), found.start(kind)))
            at = found.end()
        self.tokens.append(_Token("end", "<EOF>", end))

    def error(self, at: int, words: str) -> Refusal:
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        around = self.text[max(0, at - 20) : at + 20]
        return Refusal(
            "MALFORMED_QUERY",
            f"\n{around}\n{'^':>{min(at, 20) + 1}}\nERROR at Row:{line}:Column:{column}\n{words}",
        )

    @property
    def token(self) -> _Token:
        return self.tokens[self.place]

    def unexpected(self) -> Refusal:
        return self.error(self.token.at, f"unexpected token: '{self.token.text}'")

    def take(self, kind: str) -> str:
        if self.token.kind != kind:
            raise self.unexpected()
        self.place += 1
        return self.tokens[self.place - 1].text

    def at_word(self, *words: str) -> bool:
        """Whether the next tokens are these words."""
        ahead = self.tokens[self.place : self.place + len(words)]
        return [t.text.upper() for t in ahead if t.kind == "name"] == list(words)

    def accept(self, *words: str) -> bool:
        if self.at_word(*words):
            self.place += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.unexpected()

    def sign(self, *signs: str) -> str:
        if self.token.kind == "sign" and self.token.text in signs:
            self.place += 1
            return self.tokens[self.place - 1].text
        return ""

    def need(self, sign: str) -> None:
        if not self.sign(sign):
            raise self.unexpected()

    def path(self) -> Path:
        return Path(tuple(self.take("name").split(".")))

    def query(self) -> Query:
        self.expect("SELECT")
        items = [self.item()]
        while self.sign(","):
            items.append(self.item())
        self.expect("FROM")
        target = self.take("name")
        alias = ""
        if self.token.kind == "name" and self.token.text.upper() not in _CLAUSES:
            alias = self.take("name")
        where = self.condition() if self.accept("WHERE") else None
        self.accept("WITH", "SECURITY_ENFORCED")
        group: list[Path] = []
        having = None
        if self.accept("GROUP", "BY"):
            group.append(self.path())
            while self.sign(","):
                group.append(self.path())
            having = self.condition() if self.accept("HAVING") else None
        order: list[OrderKey] = []
        if self.accept("ORDER", "BY"):
            order.append(self.order_key())
            while self.sign(","):
                order.append(self.order_key())
        limit = int(self.take("number")) if self.accept("LIMIT") else None
        offset = int(self.take("number")) if self.accept("OFFSET") else 0
        return Query(
            tuple(items), target, alias, where, tuple(group), having, tuple(order), limit, offset
        )

    def item(self) -> Path | Function | AllFields | Query:
        if self.sign("("):
            inner = self.query()
            self.need(")")
            return inner
        following = self.tokens[self.place + 1] if self.token.kind == "name" else self.token
        if following.text == "(" and self.token.text.upper() == "FIELDS":
            self.place += 2
            which = self.take("name").upper()
            self.need(")")
            return AllFields(which)
        made = self.operand()
        is_alias = self.token.kind == "name" and self.token.text.upper() not in _CLAUSES
        if isinstance(made, Function) and is_alias:
            return Function(made.name, made.path, self.take("name"))
        return made

    def operand(self) -> Path | Function:
        """A path or an aggregate function of one."""
        name = self.token.text.upper()
        if name in _FUNCTIONS and self.tokens[self.place + 1].text == "(":
            self.place += 2
            inner = None if self.token.text == ")" else self.path()
            self.need(")")
            return Function(name, inner)
        return self.path()

    def order_key(self) -> OrderKey:
        by = self.operand()
        descending = self.accept("DESC")
        if not descending:
            self.accept("ASC")
        nulls_last = False
        if self.accept("NULLS", "LAST"):
            nulls_last = True
        else:
            self.accept("NULLS", "FIRST")
        return OrderKey(by, descending, nulls_last)

    def condition(self) -> Condition:
        parts = [self.negation()]
        operator: Literal["AND", "OR"] | None = None
        while self.at_word("AND") or self.at_word("OR"):
            word = self.token.text.upper()
            # Salesforce refuses to guess: AND and OR are mixed with parentheses only.
            if operator is not None and word != operator:
                raise self.unexpected()
            operator = "AND" if word == "AND" else "OR"
            self.place += 1
            parts.append(self.negation())
        return parts[0] if operator is None else Both(operator, tuple(parts))

    def negation(self) -> Condition:
        if self.accept("NOT"):
            return Not(self.negation())
        if self.sign("("):
            inner = self.condition()
            self.need(")")
            return inner
        return self.comparison()

    def comparison(self) -> Condition:
        left = self.operand()
        operator = self.sign("=", "!=", "<>", "<=", ">=", "<", ">")
        if operator:
            return Compare(left, "!=" if operator == "<>" else operator, self.literal())
        if self.accept("LIKE"):
            return Compare(left, "LIKE", self.literal())
        if isinstance(left, Function):
            raise self.unexpected()
        if self.accept("NOT", "IN"):
            return Among(left, "NOT IN", self.among())
        for word in ("IN", "INCLUDES", "EXCLUDES"):
            if self.accept(word):
                return Among(left, word, self.among())
        raise self.unexpected()

    def among(self) -> tuple[Literal_, ...] | Query:
        self.need("(")
        if self.at_word("SELECT"):
            inner = self.query()
            self.need(")")
            return inner
        values = [self.literal()]
        while self.sign(","):
            values.append(self.literal())
        self.need(")")
        return tuple(values)

    def literal(self) -> Literal_:
        token = self.token
        self.place += 1
        if token.kind == "string":
            text = re.sub(
                r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1] if m[1] not in "%_" else m[0]),
                token.text[1:-1], flags=re.DOTALL,
            )  # fmt: skip
            return Literal_("string", text)
        if token.kind in ("number", "date", "datetime"):
            kinds: dict[str, Kind] = {"number": "number", "date": "date", "datetime": "datetime"}
            return Literal_(kinds[token.kind], token.text)
        word = token.text.upper()
        if token.kind == "name" and word in ("TRUE", "FALSE"):
            return Literal_("boolean", word)
        if token.kind == "name" and word == "NULL":
            return Literal_("null", word)
        if token.kind == "name" and re.fullmatch(
            r"(LAST|THIS|NEXT)_\w+|TODAY|YESTERDAY|TOMORROW", word
        ):
            return Literal_("relative", f"{word}:{self.take('number')}" if self.sign(":") else word)
        self.place -= 1
        raise self.unexpected()


def parse(text: str) -> Query:
    """The tree of a SOQL query.

    Raises:
        Refusal: MALFORMED_QUERY.
    """
    parser = _Parser(text)
    made = parser.query()
    parser.accept("FOR", "VIEW")
    parser.accept("ALL", "ROWS")
    if parser.token.kind != "end":
        raise parser.unexpected()
    return made
