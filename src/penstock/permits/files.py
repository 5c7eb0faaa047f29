"""A file of permits (CSV of any make, .xlsx, .xls) as permits: which source it is from, what each row says."""

from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import BinaryIO, Final

from penstock.intake import XLS, XLSX, BadFile, Rejection, Row, Table, Workbook
from penstock.permits.records import Read, read
from penstock.permits.sources import SourceMap, named_sources, recognised, source

AT_ONCE: Final = 500  # rows


class PermitFile:
    """A file opened for reading: the source it is from; iterate once for what became of its rows, in order."""

    def __init__(self, stream: BinaryIO, today: date, source_name: str = "auto") -> None:
        """`stream` must be seekable. Raises BadFile where it is no table or no known source has such columns."""
        self._today = today
        self._named = None if source_name == "auto" else source(source_name)
        self._table = _opened(stream, self._named)
        self.source = self._named or recognised(self._table.header) or _unknown(self._table.header)
        if missing := self.source.lacks(self._table.header):
            raise BadFile(
                f"The file has no column that the source {self.source.name!r} reads {', '.join(missing)} from. "
                f"It has: {', '.join(self._table.header[:40])}."
            )

    def __iter__(self) -> Iterator[Read]:
        rows = self._table.rows()
        while chunk := list(islice(rows, AT_ONCE)):
            whole = (row for row in chunk if isinstance(row, Row))
            named = ((row.number, dict(zip(self._table.header, row.cells, strict=True))) for row in whole)
            made = iter(read(named, self.source, self._today))
            for row in chunk:
                yield Read(None, (row,), row.row_number) if isinstance(row, Rejection) else next(made)


def _opened(stream: BinaryIO, named: SourceMap | None) -> Table | Workbook:
    start = stream.tell()
    magic = stream.read(4)
    stream.seek(start)
    if magic not in {XLSX, XLS}:
        return Table(stream)
    return Workbook(stream, lambda header: not named.lacks(header) if named else recognised(header) is not None)


def _unknown(header: list[str]) -> SourceMap:
    known = ", ".join(name for name, one in named_sources().items() if one.recognise)
    raise BadFile(
        f"No known source of permits has such columns: {', '.join(header[:40])}. "
        f"Files of {known} are known; describe yours in a .yaml file as docs/reference/permits.md says."
    )
