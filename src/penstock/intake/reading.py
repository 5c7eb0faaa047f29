"""A file of any make as clean records of a subject: what it is packed in, which map fits, what each row says."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Protocol

from penstock.core.errors import InvalidInput
from penstock.intake.company_records import CompanyCleaner
from penstock.intake.mapping import Plan, plan
from penstock.intake.reader import Rejection, Row, Table
from penstock.intake.records import Record, RowCleaner
from penstock.intake.vocabulary import Subject
from penstock.intake.workbook import XLS, XLSX, Workbook

Cleaner = Callable[[Row], Record | Rejection]


class Source(Protocol):
    """Where rows come from: a table, a sheet of a workbook, a page of a vendor's answer."""

    def rows(self) -> Iterator[Row | Rejection]:
        """Every row in order."""
        ...


@dataclass(slots=True)
class Reading:
    """A file being read: its plan, and what was counted on the way. Warnings are counted as (field, reason)."""

    table: Source
    plan: Plan
    today: date
    rows: int = 0
    rejected: int = 0
    warnings: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Record | Rejection]:
        clean = cleaner(self.plan, self.today, self.warnings)
        if isinstance(self.table, Workbook) and self.table.about:
            self.warnings["sheet", self.table.about] += 1
        for row in self.table.rows():
            self.rows += 1
            made = row if isinstance(row, Rejection) else clean(row)
            self.rejected += isinstance(made, Rejection)
            yield made


def read(stream: BinaryIO, map_name: str, today: date, subject: Subject = "property") -> Reading:
    """The file (seekable) opened and its columns understood; iterate for its records.

    Raises BadFile before the first row.
    """
    table = _opened(stream, lambda header: _fits(header, map_name, subject))
    return Reading(table, plan(table.header, map_name, subject), today)


def cleaner(plan: Plan, today: date, warnings: Counter[tuple[str, str]]) -> Cleaner:
    """What makes a record of a row, as the plan's subject wants it."""
    return (CompanyCleaner if plan.subject == "company" else RowCleaner)(plan, today, warnings)


def _opened(stream: BinaryIO, fits: Callable[[list[str]], bool]) -> Table | Workbook:
    start = stream.tell()
    magic = stream.read(4)
    stream.seek(start)
    return Workbook(stream, fits) if magic in {XLSX, XLS} else Table(stream)


def _fits(header: list[str], map_name: str, subject: Subject) -> bool:
    try:
        plan(header, map_name, subject)
    except InvalidInput:
        return False
    return True
