"""The part of SoQL that the town's portals understand.

SELECT *, columns or count(*); WHERE with =, !=, <, <=, >, >=, LIKE, IS [NOT] NULL, AND, OR, NOT, upper(), lower() and
parentheses; ORDER BY; LIMIT; OFFSET. Values are text; against a number without quotes they are compared as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Row = Mapping[str, str]
Value = str | float | None
Term = Callable[[Row], Value]
Test = Callable[[Row], bool]

TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>:?[A-Za-z_]\w*)"
    r"|(?P<mark><=|>=|!=|<>|[=<>(),*]))"
)
CLAUSE: Final = re.compile(
    r"^\s*SELECT\s+(?P<select>.+?)(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+ORDER\s+BY\s+(?P<order>.+?))?"
    r"(?:\s+LIMIT\s+(?P<limit>\d+))?(?:\s+OFFSET\s+(?P<offset>\d+))?\s*$",
    re.I | re.S,
)


class SoqlError(Exception):
    """A query that makes no sense; `code` as the vendor names it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """The clauses of a query, as text. Empty where there is none."""

    select: str = "*"
    where: str = ""
    order: str = ""
    limit: int = 1000
    offset: int = 0


def parse(statement: str) -> Query:
    """The clauses of "SELECT …". Raises SoqlError."""
    found = CLAUSE.match(statement)
    if not found:
        raise SoqlError("query.compiler.malformed", "Could not parse SoQL query")
    return Query(
        select=found["select"],
        where=found["where"] or "",
        order=found["order"] or "",
        limit=int(found["limit"] or 1000),
        offset=int(found["offset"] or 0),
    )


def run(query: Query, rows: Sequence[Row], columns: Collection[str]) -> list[dict[str, str]]:
    """The rows of the answer. Raises SoqlError for columns and words it does not know."""
    if query.where:
        test = _Parser(query.where, columns).whole()
        rows = [row for row in rows if test(row)]
    for column, backwards in reversed(_ordering(query.order, columns)):
        rows = sorted(rows, key=_by(column), reverse=backwards)
    page = rows[query.offset : query.offset + query.limit]
    select = "".join(query.select.split()).casefold()
    if select == "*":
        return [dict(row) for row in page]
    if select == "count(*)":
        return [{"count": str(len(rows))}]
    names = [_known(name, columns) for name in select.split(",")]
    return [{name: row[name] for name in names if name in row} for row in page]


def _by(column: str) -> Callable[[Row], tuple[bool, str]]:
    """Order by that column, rows without it last."""
    return lambda row: (column not in row, row.get(column, ""))


def _ordering(order: str, columns: Collection[str]) -> list[tuple[str, bool]]:
    found = []
    for part in filter(None, (piece.strip() for piece in order.split(","))):
        name, _, direction = part.partition(" ")
        if direction.strip().casefold() not in ("", "asc", "desc"):
            raise SoqlError("query.compiler.malformed", f"Could not parse SoQL query near {direction!r}")
        found.append((_known(name, columns), direction.strip().casefold() == "desc"))
    return found


def _known(name: str, columns: Collection[str]) -> str:
    if name.casefold() not in columns:
        raise SoqlError("query.soql.no-such-column", f"No such column: {name}")
    return name.casefold()


class _Parser:
    """A condition, read from left to right."""

    def __init__(self, text: str, columns: Collection[str]) -> None:
        self._columns = columns
        self._tokens = list(_tokens(text))
        self._at = 0

    def whole(self) -> Test:
        test = self._either()
        if self._at < len(self._tokens):
            raise self._lost()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("or"):
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._word("and"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._word("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if self._mark("("):
            test = self._either()
            self._expect(")")
            return test
        left = self._term()
        if self._word("is"):
            wanted = not self._word("not")
            if not self._word("null"):
                raise self._lost()
            return lambda row: (left(row) is None) is wanted
        negated = self._word("not")
        if self._word("like"):
            right = self._term()
            return lambda row: _like(left(row), right(row)) is not negated
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != "mark":
            raise self._lost()
        sign = self._tokens[self._at][1]
        self._at += 1
        right = self._term()
        return lambda row: _compare(left(row), sign, right(row))

    def _term(self) -> Term:
        if self._at >= len(self._tokens):
            raise self._lost()
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            literal = text[1:-1].replace("''", "'")
            return lambda row: literal
        if kind == "number":
            amount = float(text)
            return lambda row: amount
        if kind == "word" and text.casefold() in ("upper", "lower") and self._mark("("):
            inner, raised = self._term(), text.casefold() == "upper"
            self._expect(")")
            return lambda row: _cased(inner(row), raised)
        if kind == "word":
            name = _known(text, self._columns)
            return lambda row: row.get(name)
        raise self._lost()

    def _word(self, word: str) -> bool:
        return self._take("word", word)

    def _mark(self, mark: str) -> bool:
        return self._take("mark", mark)

    def _take(self, kind: str, text: str) -> bool:
        if self._at == len(self._tokens):
            return False
        has, word = self._tokens[self._at]
        hit = has == kind and word.casefold() == text
        self._at += hit
        return hit

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._lost()

    def _lost(self) -> SoqlError:
        near = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"
        return SoqlError("query.compiler.malformed", f"Could not parse SoQL query near {near}")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        token = TOKEN.match(text, at)
        if not token:
            raise SoqlError("query.compiler.malformed", f"Could not parse SoQL query at character {at + 1}")
        assert token.lastgroup is not None
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


def _cased(value: Value, raised: bool) -> Value:
    return value if not isinstance(value, str) else value.upper() if raised else value.lower()


def _like(value: Value, pattern: Value) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    parts = ("." if c == "_" else ".*" if c == "%" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), value, re.S) is not None


def _compare(left: Value, sign: str, right: Value) -> bool:
    if left is None or right is None:
        return False
    if isinstance(left, float) or isinstance(right, float):
        try:
            order = float(left) - float(right)
        except ValueError:
            raise SoqlError("query.soql.type-mismatch", "Type mismatch: number expected") from None
    else:
        order = float((left > right) - (left < right))
    return {
        "=": order == 0, "!=": order != 0, "<>": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0,
        ">=": order >= 0,
    }[sign]  # fmt: skip
