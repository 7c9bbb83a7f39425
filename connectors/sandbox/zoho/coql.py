"""COQL, parsed: ``select Last_Name, Account_Name.Account_Name from Contacts where …``

Grammar (keywords in any case)::

    query   = select column {, column} from MODULE where cond [group by path {, path}]
              [order by path [asc|desc] {, …}] [limit N [, N] [offset N]]
    column  = path [as NAME] | count|sum|avg|min|max ( path ) [as NAME]
    cond    = unit [and|or unit]          -- more than two need brackets, as in Zoho
    unit    = ( cond ) | path operator value
    path    = NAME [. NAME]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from connectors.sandbox.zoho.query import (
    Column,
    Comparison,
    Condition,
    Junction,
    Operator,
    Path,
    Select,
    SyntaxTrouble,
    Term,
)

AGGREGATES = ("count", "sum", "avg", "min", "max")

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<name>[A-Za-z_$][\w$]*)
      | (?P<mark><=|>=|!=|<>|[=<>(),.])
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["text", "number", "name", "mark", "end"]
    text: str
    at: int

    def word(self) -> str:
        """The token as a keyword, '' if it cannot be one."""
        return self.text.lower() if self.kind == "name" else ""


def tokenize(query: str) -> list[_Token]:
    """The query's tokens, an ``end`` token last.

    Raises:
        SyntaxTrouble: a character that belongs to no token, or text without its end.
    """
    tokens: list[_Token] = []
    at, end = 0, len(query.rstrip().rstrip(";").rstrip())
    while at < end:
        match = _TOKEN.match(query, at, end)
        if match is None:
            raise SyntaxTrouble("not understood", query[at : at + 20].strip())
        kind = cast(Literal["text", "number", "name", "mark"], match.lastgroup)
        text = match.group(kind)
        if kind == "text":
            text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        tokens.append(_Token(kind, text, at))
        at = match.end()
    tokens.append(_Token("end", "", end))
    return tokens


class _Parser:
    def __init__(self, query: str) -> None:
        self._tokens = tokenize(query)
        self._at = 0

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _fail(self, expected: str) -> SyntaxTrouble:
        return SyntaxTrouble(f"expected {expected}", self._now.text or "end of query")

    def _take(self) -> _Token:
        token = self._now
        self._at += 1
        return token

    def _word(self, *words: str) -> str:
        """Take a keyword if it is next."""
        if self._now.word() in words:
            return self._take().text.lower()
        return ""

    def _need_word(self, word: str) -> None:
        if not self._word(word):
            raise self._fail(word)

    def _mark(self, *marks: str) -> str:
        if self._now.kind == "mark" and self._now.text in marks:
            return self._take().text
        return ""

    def _need_mark(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._fail(mark)

    def _name(self) -> str:
        if self._now.kind != "name":
            raise self._fail("a name")
        return self._take().text

    def _number(self) -> int:
        if self._now.kind != "number" or not self._now.text.isdigit():
            raise self._fail("a number")
        return int(self._take().text)

    def _path(self) -> Path:
        first = self._name()
        if not self._mark("."):
            return Path(first)
        return Path(self._name(), first)

    def select(self) -> Select:
        self._need_word("select")
        columns = [self._column()]
        while self._mark(","):
            columns.append(self._column())
        self._need_word("from")
        module = self._name()
        self._need_word("where")
        where = self._condition()
        group: list[Path] = []
        if self._word("group"):
            self._need_word("by")
            group.append(self._path())
            while self._mark(","):
                group.append(self._path())
        order: list[tuple[Path, bool]] = []
        if self._word("order"):
            self._need_word("by")
            order.append(self._ordering())
            while self._mark(","):
                order.append(self._ordering())
        limit, offset = 200, 0
        if self._word("limit"):
            limit = self._number()
            if self._mark(","):
                offset, limit = limit, self._number()
        if self._word("offset"):
            offset = self._number()
        if self._now.kind != "end":
            raise self._fail("the end")
        return Select(tuple(columns), module, where, tuple(group), tuple(order), limit, offset)

    def _column(self) -> Column:
        function, path = "", self._path()
        if not path.through and path.field.lower() in AGGREGATES and self._mark("("):
            function, path = path.field.upper(), self._path()
            self._need_mark(")")
        return Column(path, function, self._name() if self._word("as") else "")

    def _ordering(self) -> tuple[Path, bool]:
        path = self._path()
        return path, self._word("asc", "desc") == "desc"

    def _condition(self) -> Condition:
        left = self._unit()
        word = self._word("and", "or")
        if not word:
            return left
        right = self._unit()
        if self._now.word() in ("and", "or"):
            raise SyntaxTrouble("more than two criteria need brackets", self._now.text)
        return Junction(cast(Literal["and", "or"], word), left, right)

    def _unit(self) -> Condition:
        if self._mark("("):
            inner = self._condition()
            self._need_mark(")")
            return inner
        path = self._path()
        mark = self._mark("=", "!=", "<>", ">=", "<=", ">", "<")
        if mark:
            operator = cast(Operator, "!=" if mark == "<>" else mark)
            return Comparison(path, operator, (self._term(),))
        if self._word("is"):
            negated = bool(self._word("not"))
            self._need_word("null")
            return Comparison(path, "is not null" if negated else "is null")
        negated = bool(self._word("not"))
        word = self._word("in", "like", "between")
        if not word:
            raise self._fail("an operator")
        operator = cast(Operator, f"not {word}" if negated else word)
        if word == "in":
            self._need_mark("(")
            terms = [self._term()]
            while self._mark(","):
                terms.append(self._term())
            self._need_mark(")")
            return Comparison(path, operator, tuple(terms))
        if word == "like":
            return Comparison(path, operator, (self._term(),))
        low = self._term()
        self._need_word("and")
        return Comparison(path, operator, (low, self._term()))

    def _term(self) -> Term:
        token = self._now
        if token.kind in ("text", "number"):
            self._at += 1
            return Term(token.text, token.kind)
        if token.word() in ("true", "false", "null"):
            self._at += 1
            return Term(token.word(), "word")
        raise self._fail("a value")


def parse(query: str) -> Select:
    """The query as a tree.

    Raises:
        SyntaxTrouble: not a COQL query.
    """
    return _Parser(query).select()
