"""SQL lives in `.sql` files beside the code that uses it; this gives it a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

_NAME = re.compile(r"^--\s*name:\s*(\w+)\s*$", re.MULTILINE)


def read_queries(source: str) -> dict[str, str]:
    """The named queries of a `.sql` text: `-- name: claim_batch` starts one, the next name ends it."""
    pieces = _NAME.split(source)
    return {name: body.strip() for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}


@cache
def load(package: str | None, filename: str = "queries.sql") -> Mapping[str, TextClause]:
    """The named queries of a package's `queries.sql`. Parameters are `:name`; write `cast(:x as int)`."""
    if package is None:
        raise ValueError("load(__package__) outside a package")
    source = files(package).joinpath(filename).read_text("utf-8")
    return {name: text(sql) for name, sql in read_queries(source).items()}
