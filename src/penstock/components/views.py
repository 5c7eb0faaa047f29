"""What a view's column is made of: PostgreSQL knows, but tells only in the stored tree of the view.

A view's column never counts as `not null` in the catalogue, and does not say which table's column it shows. Both stand
in `pg_rewrite.ev_action` (the text form of src/include/nodes/parsenodes.h). Whatever is not understood is nullable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Node = Any  # {"": "VAR", "varno": "1", …}, a list of nodes, or an atom
Place = tuple[int, int]  # relation, number of the column

TOKEN = re.compile(r'[(){}]|"(?:\\.|[^"\\])*"|(?:\\.|[^\s(){}\\])+')
RELATION, SUBQUERY, JOIN, CTE, GROUP = "0", "1", "2", "6", "9"  # RTEKind
LEFT, FULL, RIGHT = "1", "2", "3"  # JoinType


@dataclass(frozen=True)
class Trace:
    """Where a column's value comes from. `shows` is set where it is one table's column as it stands."""

    sources: frozenset[Place]
    nullable: bool
    shows: Place | None = None


@dataclass(frozen=True)
class Views:
    """Stored rules of views by relation, and which columns of tables are `not null`."""

    rules: Mapping[int, str]
    not_null: frozenset[Place]

    def trace(self, relation: int, column: int) -> Trace:
        """What a column of a table or view is made of. Raises ValueError for a view that cannot be followed."""
        if relation not in self.rules:
            place = (relation, column)
            return Trace(frozenset({place}), place not in self.not_null, place)
        [query] = read_tree(self.rules[relation])
        return self._expression(_target(query, column), (query,))

    def _expression(self, node: Node, queries: tuple[Node, ...]) -> Trace:
        """Trace of an expression inside `queries`, the innermost first."""
        kind = node.get("") if isinstance(node, dict) else None
        if kind == "VAR":
            return self._variable(node, queries[int(node["varlevelsup"]) :])
        if kind == "RELABELTYPE":
            return self._expression(node["arg"], queries)
        if kind == "SUBLINK":
            inner = node["subselect"]
            return Trace(self._expression(_target(inner, 1), (inner, *queries)).sources, nullable=True)
        parts = [self._expression(part, queries) for part in _parts(node)]
        sources = frozenset(place for part in parts for place in part.sources)
        if kind == "CONST":
            return Trace(sources, nullable=node["constisnull"] == "true")
        if kind == "COALESCEEXPR":
            return Trace(sources, nullable=all(self._expression(arg, queries).nullable for arg in node["args"]))
        return Trace(sources, nullable=True)

    def _variable(self, node: Node, queries: tuple[Node, ...]) -> Trace:
        """Trace of a column of one of the query's tables; one that an outer join may leave out is nullable."""
        query, column = queries[0], int(node["varattno"])
        entry = query["rtable"][int(node["varno"]) - 1]
        found = self._column_of(entry, column, queries)
        left_out = node["varno"] in _left_out(query["jointree"])
        return Trace(found.sources, nullable=True, shows=found.shows) if left_out else found

    def _column_of(self, entry: Node, column: int, queries: tuple[Node, ...]) -> Trace:
        kind = entry["rtekind"]
        if kind == RELATION:
            return self.trace(int(entry["relid"]), column)
        if kind == SUBQUERY:
            return self._expression(_target(entry["subquery"], column), (entry["subquery"], *queries))
        if kind == JOIN:
            return self._expression(entry["joinaliasvars"][column - 1], queries)
        if kind == GROUP:
            return self._expression(entry["groupexprs"][column - 1], queries)
        if kind == CTE:
            scope = queries[int(entry["ctelevelsup"]) :]
            [inner] = [c["ctequery"] for c in scope[0]["cteList"] if c["ctename"] == entry["ctename"]]
            return self._expression(_target(inner, column), (inner, *scope))
        return Trace(self._expression(entry, queries).sources, nullable=True)  # a function, rows of values


def read_tree(text: str) -> list[Node]:
    """The nodes of a `pg_node_tree` as text."""
    tokens = iter(TOKEN.findall(text))
    read = _read(next(tokens), tokens)
    return read if isinstance(read, list) else [read]


def _read(word: str, tokens: Iterator[str]) -> Node:
    if word == "(":
        return [_read(item, tokens) for item in iter(lambda: next(tokens), ")")]
    if word != "{":
        return word
    node: dict[str, Node] = {"": next(tokens)}
    field = ""
    for item in iter(lambda: next(tokens), "}"):
        if item.startswith(":"):
            field = item[1:]
            node[field] = None
        else:  # a value of several words (bytes of a constant) keeps its last: nobody asks for those
            node[field] = _read(item, tokens)
    return node


def _target(query: Node, number: int) -> Node:
    """The expression of a query's nth column."""
    if query["setOperations"] != "<>":
        raise ValueError("a view over a union cannot be followed to its tables")
    [found] = [entry["expr"] for entry in query["targetList"] if entry["resno"] == str(number)]
    return found


def _parts(node: Node) -> list[Node]:
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [part for part in inside if isinstance(part, dict | list)]


def _left_out(join: Node) -> set[str]:
    """Tables that an outer join may leave out, by number."""
    found: set[str] = set()
    for part in _parts(join):
        found |= _left_out(part)
    if isinstance(join, dict) and join.get("") == "JOINEXPR":
        if join["jointype"] in (LEFT, FULL):
            found |= _tables(join["rarg"])
        if join["jointype"] in (RIGHT, FULL):
            found |= _tables(join["larg"])
    return found


def _tables(join: Node) -> set[str]:
    if isinstance(join, dict) and join.get("") == "RANGETBLREF":
        return {join["rtindex"]}
    return {number for part in _parts(join) for number in _tables(part)}
