"""What a portal of permits is asked and can answer, in our own words."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from penstock.core.errors import InvalidInput

_COLUMN: Final = re.compile(r":?[a-z_][a-z0-9_]*")
_DATASET_ID: Final = re.compile(r"[a-z0-9]{4}-[a-z0-9]{4}")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Which rows of which portal. Raises InvalidInput where a name could not be one: they become part of a query.

    dated: the column of time by which rows are read; key: the column that tells rows of one day apart;
    text: the column that words are looked for in; only: a condition in the portal's own language that always holds.
    """

    domain: str
    id: str
    dated: str
    key: str
    text: str | None = None
    only: str | None = None

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.domain):
            raise InvalidInput(f"{self.domain!r} is not the domain of a portal")
        if not _DATASET_ID.fullmatch(self.id):
            raise InvalidInput(f"{self.id!r} is not a dataset id like ab12-cd34")
        for column in filter(None, (self.dated, self.key, self.text)):
            if not _COLUMN.fullmatch(column):
                raise InvalidInput(f"{column!r} is not a column name")


@dataclass(frozen=True, slots=True)
class Described:
    """A dataset's columns as queries name them, and when its rows last changed (UTC)."""

    columns: tuple[str, ...]
    updated_at: datetime | None
