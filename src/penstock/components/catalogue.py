"""The faces as the catalogue knows them: columns with types, nullability, enums, and whether a value is sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.components.views import Place, Trace, Views
from penstock.core.db import rows
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load
from penstock.rotation import IDENTIFIERS
from penstock.schema.migrate import FACE_SCHEMAS

SQL = load(__package__)
SEALED = {(f"app.{column.table}", column.column) for column in IDENTIFIERS}
TEXTS = {"text", "character varying"}


@dataclass(frozen=True)
class Column:
    """One column of a face. `enum` is the type's name and its labels in order; `comment` that of the table's column."""

    name: str
    type: str
    nullable: bool
    sealed: bool = False
    enum: tuple[str, tuple[str, ...]] | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Face:
    """A view that other programs read, such as `company.company`."""

    name: str
    comment: str | None
    columns: tuple[Column, ...]


async def read_faces(db: AsyncConnection, names: Sequence[str]) -> list[Face]:
    """The named views in that order. Reads the catalogue, no row. Raises NotFound where one is missing."""
    schemas = ["app", *FACE_SCHEMAS]
    relations = {row["name"]: row for row in await rows(db, SQL["relations"], schemas=schemas)}
    if missing := [name for name in names if name not in relations]:
        raise NotFound(f"the database has no view {', '.join(missing)}", fix="penstock db upgrade")
    columns = {(row["relation"], row["number"]): row for row in await rows(db, SQL["columns"], schemas=schemas)}
    views = Views(
        rules={row["id"]: row["rule"] for row in relations.values() if row["rule"]},
        not_null=frozenset(place for place, row in columns.items() if row["not_null"]),
    )
    relation_names = {row["id"]: name for name, row in relations.items()}
    sealed = frozenset(place for place, row in columns.items() if _is_sealed(relation_names[place[0]], row["name"]))
    return [_face(name, relations[name], columns, views, sealed) for name in names]


def _is_sealed(relation: str, column: str) -> bool:
    return (relation, column) in SEALED or (relation.startswith("app.") and column.endswith("_sealed"))


def _face(
    name: str, relation: RowMapping, columns: Mapping[Place, Any], views: Views, sealed: frozenset[Place]
) -> Face:
    own = [row for place, row in columns.items() if place[0] == relation["id"]]
    return Face(
        name,
        relation["comment"],
        tuple(_column(row, columns, views.trace(row["relation"], row["number"]), sealed) for row in own),
    )


def _column(row: Any, columns: Mapping[Place, Any], trace: Trace, sealed: frozenset[Place]) -> Column:
    shown = columns[trace.shows] if trace.shows else None
    return Column(
        name=row["name"],
        type=row["type"],
        nullable=trace.nullable,
        sealed=row["type"] in TEXTS and bool(trace.sources & sealed),
        enum=(row["type_name"], tuple(row["labels"])) if row["labels"] else None,
        comment=row["comment"] or (shown["comment"] if shown else None),
    )
