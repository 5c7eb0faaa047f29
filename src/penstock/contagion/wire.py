"""Columns of a table as numpy arrays, by binary COPY in both directions.

Out of the database a block of rows travels as one row of arrays, one for each column: a column is then parsed in one
step, and the driver does not see single rows. Into it go fixed-width records, their lengths already in place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from psycopg import sql
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import Rows
from penstock.core.db import driver

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
_END = b"\xff\xff"
_CACHED = 4_096  # records at a time: while their fields are filled in one by one, they stay in the processor's cache
_ARRAY_HEAD = 20  # dimensions, has nulls, element type, length, lower bound: four bytes each


async def copy_out(db: AsyncConnection, statement: TextClause, dtype: np.dtype[Any], **params: Any) -> Rows:
    """The one row of `statement`, an array for each field of `dtype` in its order, as a structured array.

    The arrays hold no nulls, and elements of the width of the field. Raises ValueError if they do not.
    """
    async with (await driver(db)).cursor() as cursor, cursor.copy(_copying(statement.text), params) as copy:
        data = b"".join([bytes(part) async for part in copy])
    return parse_columns(data, dtype)


@cache
def _copying(query: str) -> str:
    """COPY of a query, its parameters as psycopg writes them: it puts their values into the text itself."""
    compiled = text(query).compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]
    return f"copy ({compiled.string.rstrip().rstrip(';')}) to stdout (format binary)"


def parse_columns(data: bytes, dtype: np.dtype[Any]) -> Rows:
    """The arrays of a binary COPY of one row."""
    assert dtype.names is not None
    at = len(_SIGNATURE) + 2
    columns = []
    for name in dtype.names:
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        columns.append(_column(data[at + 4 : at + 4 + size] if size > 0 else b"", name, dtype[name]))
        at += 4 + max(size, 0)
    made = np.zeros(len(columns[0]), dtype=dtype)
    for name, column in zip(dtype.names, columns, strict=True):
        made[name] = column
    return made


def _column(array: bytes, name: str, kind: np.dtype[Any]) -> Rows:
    """The elements of one array in the form of PostgreSQL; null and the empty array have none."""
    element = np.dtype([("length", ">i4"), ("value", kind.newbyteorder(">"))])
    if not any(array[:4]):
        return np.zeros(0, dtype=kind)
    elements = np.frombuffer(array, dtype=np.uint8, offset=_ARRAY_HEAD)
    if len(elements) % element.itemsize or any(array[4:8]):
        raise ValueError(f"the column {name} has nulls, or is not of {kind.itemsize} bytes")
    found = elements.view(element)
    if (found["length"] != kind.itemsize).any():
        raise ValueError(f"the column {name} is not of {kind.itemsize} bytes")
    values: Rows = found["value"]
    return values


async def copy_rows(db: AsyncConnection, table: str, rows: Rows) -> None:
    """COPY a structured array into the columns of `table` that have the names of its fields."""
    assert rows.dtype.names is not None
    names = sql.SQL(",").join(map(sql.Identifier, rows.dtype.names))
    query = sql.SQL("copy {} ({}) from stdin (format binary)").format(sql.Identifier(table), names)
    async with (await driver(db)).cursor() as cursor, cursor.copy(query) as copy:
        await copy.write(binary(rows))


def binary(rows: Rows) -> bytearray:
    """The rows as a binary COPY has them: a count of fields, then each field with its length before it."""
    record = _record(rows.dtype)
    made = bytearray(len(_SIGNATURE) + len(rows) * record.dtype.itemsize + len(_END))
    made[: len(_SIGNATURE)], made[-len(_END) :] = _SIGNATURE, _END
    records = np.frombuffer(made, dtype=record.dtype, count=len(rows), offset=len(_SIGNATURE))
    for start in range(0, len(rows), _CACHED):
        some, given = records[start : start + _CACHED], rows[start : start + _CACHED]
        some[:] = record
        for name in rows.dtype.names or ():
            some[name] = given[name]
    return made


@cache
def _record(dtype: np.dtype[Any]) -> Rows:
    """A record on its way into the database: how many fields, each one's length before it, and nothing in them yet."""
    names = dtype.names or ()
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in names:
        fields += [(f"{name} length", ">i4"), (name, dtype[name].newbyteorder(">").str)]
    made = np.zeros((), dtype=np.dtype(fields))
    made["fields"] = len(names)
    for name in names:
        made[f"{name} length"] = dtype[name].itemsize
    return made
