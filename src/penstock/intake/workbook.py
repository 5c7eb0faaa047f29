"""A spreadsheet file (.xlsx, .xls) as rows of text cells, as if it had been saved as CSV.

The sheet and its header are found: the first sheet with a row among its first ones that the map fits. Row numbers are
those that the spreadsheet shows. A cell whose formula failed is empty.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from penstock.intake.reader import BadFile, Rejection, Row, check_names, row_text, surplus

MAX_BYTES: Final = 128 * 1024 * 1024  # of the file as it lies there
MAX_UNPACKED: Final = 512 * 1024 * 1024  # of all its parts together
MAX_CELLS: Final = 40_000_000  # rows × columns of one sheet: what the reader would set out in memory
HEADER_WITHIN: Final = 30  # rows at the top among which the header is looked for
XLSX: Final = b"PK\x03\x04"
XLS: Final = b"\xd0\xcf\x11\xe0"

_AT = re.compile(rb"""\br\s*=\s*["']([A-Z]{0,3})(\d{0,7})["']""")
_OVERLAP: Final = 64  # bytes: longer than what _AT matches
_BLOCK: Final = 1 << 20

Fits = Callable[[list[str]], bool]
"""Whether a row of names can be the header of what is to be imported."""


class Workbook:
    """A workbook opened for reading: the sheet that fits, its header, and its rows (to be read once)."""

    def __init__(self, stream: BinaryIO, fits: Fits) -> None:
        """Raises BadFile where the file is damaged or too large, or no sheet has rows."""
        data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BadFile(f"The workbook is larger than {MAX_BYTES >> 20} MB. Save the sheet as CSV and import that.")
        if data.startswith(XLSX):
            _check_archive(data)
        try:
            self._book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            self._sheet, self._top, cells = self._find(fits)
        except BadFile:
            raise
        except BaseException as error:
            # The reader panics on some damaged files; its panic is no Exception.
            if isinstance(error, CalamineError) or type(error).__name__ == "PanicException":
                raise BadFile(f"The workbook cannot be read: {error}. {_SAVE_AGAIN}") from error
            raise
        self.header = [" ".join(cell.split()) for cell in cells]
        check_names(self.header, self._top)

    @property
    def about(self) -> str | None:
        """Which sheet was read, where there are several."""
        names = self._book.sheet_names
        return None if len(names) == 1 else f"read {self._sheet.name!r}, one of {len(names)} sheets"

    def rows(self) -> Iterator[Row | Rejection]:
        """Every row below the header that is not blank. Raises BadFile where there is none."""
        width, seen = len(self.header), False
        for number, found in enumerate(self._sheet.iter_rows(), start=1):
            if number <= self._top:
                continue
            cells = [_text(cell) for cell in found]
            if not any(cells):
                continue
            seen = True
            if any(cell for cell in cells[width:]):
                yield Rejection(number, *surplus(len(cells), self.header), row_text(cells))
            elif column := next((name for name, cell in zip(self.header, cells, strict=False) if "\0" in cell), None):
                fix = "type this value again"
                yield Rejection(number, column, "holds a character that is not text", fix, row_text(cells[:width]))
            else:
                yield Row(number, [*cells[:width], *[""] * (width - len(cells))])
        if not seen:
            raise BadFile(f"The sheet {self._sheet.name!r} has a header and no rows. Save it again with its data.")

    def _find(self, fits: Fits) -> tuple[CalamineSheet, int, list[str]]:
        """The first sheet with a fitting header, else the first with any: with its header's row number and names."""
        first: tuple[CalamineSheet, int, list[str]] | None = None
        for about in self._book.sheets_metadata:
            if about.visible is not SheetVisibleEnum.Visible:
                continue
            try:
                sheet = self._book.get_sheet_by_name(about.name)
            except CalamineError as error:  # whose words are at times no more than the name
                raise BadFile(f"The sheet {about.name!r} is missing or damaged in the file. {_SAVE_AGAIN}") from error
            if (sheet.total_height + 1) * (sheet.total_width + 1) > MAX_CELLS:
                raise BadFile(f"The sheet {about.name!r} spans too many cells. {_SAVE_AGAIN}")
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                if number > HEADER_WITHIN:
                    break
                names = _trimmed([_text(cell) for cell in cells])
                if not any(names):
                    continue
                first = first or (sheet, number, names)
                if len(names) > 1 and fits(names):
                    return sheet, number, names
        if first is None:
            raise BadFile("The workbook is empty. Save it again with its data.")
        return first


_SAVE_AGAIN: Final = "Open it in a spreadsheet, and save the sheet as CSV (UTF-8)."


def _check_archive(data: bytes) -> None:
    """Refuse what would not fit into memory once unpacked: told by unpacking it piece by piece, not by what it says."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {entry.filename for entry in archive.infolist()}
            if "xl/workbook.xml" not in names:
                raise BadFile(
                    f"This is a zip archive or another kind of document, not an .xlsx workbook. {_SAVE_AGAIN}"
                )
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                raise BadFile(_TOO_LARGE)
            left = MAX_UNPACKED
            for entry in archive.infolist():
                with archive.open(entry) as part:
                    left -= _measured(part, left, cells=entry.filename.startswith("xl/worksheets/"))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadFile(f"The workbook is damaged or locked with a password: {error}. {_SAVE_AGAIN}") from error


_TOO_LARGE: Final = f"The workbook unpacks to more than {MAX_UNPACKED >> 20} MB. {_SAVE_AGAIN}"


def _measured(part: Any, left: int, *, cells: bool) -> int:
    """Bytes of a part unpacked, at most `left`. Of a sheet also the last row and column may not span too much: the
    reader sets out the whole rectangle, so that two cells in far corners would fill the memory."""
    size, row, columns, tail = 0, 0, set[bytes](), b""
    while block := part.read(_BLOCK):
        size += len(block)
        if size > left:
            raise BadFile(_TOO_LARGE)
        if cells:
            if b"\0" in block:
                raise BadFile(f"The workbook is damaged. {_SAVE_AGAIN}")
            for letters, digits in _AT.findall(tail + block):
                columns.add(letters)
                row = max(row, int(digits or b"0"))
            tail = block[-_OVERLAP:]
    if row * max(map(_column_number, columns), default=0) > MAX_CELLS:
        raise BadFile(f"A sheet of the workbook spans {row:,} rows and too many columns. {_SAVE_AGAIN}")
    return size


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _text(cell: Any) -> str:
    """A cell as CSV would have it: whole numbers without a point, days as 2018-08-17."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell)


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells
