"""A delimited text file as rows of text cells, streaming, whatever its packing, encoding and delimiter.

Trouble with the whole file raises `BadFile`. Trouble with one row becomes a `Rejection` and reading goes on behind it:
a quote that is never closed costs the line it stands on, not the thousand lines it would swallow.
"""

import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple, cast

from typing_extensions import Buffer

from penstock.core.errors import InvalidInput

MAX_CELL: Final = 64 * 1024  # characters; a longer cell is a broken quote or not a value anybody can use
MAX_LINE: Final = 8 * 1024 * 1024  # characters; a longer line means that this is not a table at all
SAMPLE: Final = 64 * 1024  # bytes looked at to tell encoding and delimiter
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

MAGIC: Final = (
    (b"PK\x03\x04", "a workbook or zip archive inside gzip", "unpack it once"),
    (b"\xd0\xcf\x11\xe0", "an old workbook inside gzip", "unpack it once"),
    (b"%PDF", "a PDF", "export the list as CSV from the system that made the PDF"),
    (b"\x1f\x8b", "gzip inside gzip", "unpack it once"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV"),
    (b"BZh", "a bzip2 archive", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ", "an xz archive", "unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it, or pack it with gzip"),
    (b"\x89PNG", "a picture", "export the list as CSV"),
    (b"<!DOCTYPE", "a web page", "download the file itself, not the page that shows it"),
    (b"<html", "a web page", "download the file itself, not the page that shows it"),
)

# Bytes that are not UTF-8 arrive as these code points (PEP 383) and are read as Windows-1252, one by one.
_ESCAPED = re.compile("[\udc80-\udcff]+")
_UNREADABLE = re.compile("[\udc80-\udcff\ufffd\0]")

csv.field_size_limit(MAX_CELL)  # the only guard the csv module has; it is one per process


class BadFile(InvalidInput):
    """The file as a whole cannot be imported; nothing of it has been written."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one row was not taken. `row_number` is the row as a spreadsheet counts it, the header being row 1."""

    row_number: int
    field: str | None
    reason: str
    fix: str
    raw: str


class Row(NamedTuple):
    """The cells of one row, as many as the header has."""

    number: int
    cells: list[str]


class Table:
    """A file opened for reading: its header, how it is written, and its rows (to be read once)."""

    def __init__(self, stream: BinaryIO) -> None:
        """Raises BadFile where the beginning shows that this is not a table."""
        text, self.encoding = _decoded(_unpacked(stream))
        self._lines = _Lines(text)
        sample = self._lines.peek(SAMPLE)
        if not any(line.strip() for line in sample):
            raise BadFile("The file is empty. Export it again, with its header row.")
        self.delimiter = _sniff(sample)
        self._reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        self._number = 0
        self.header = self._read_header()

    def rows(self) -> Iterator[Row | Rejection]:
        """Every row of the file in order, blank lines left out. Raises BadFile where the file breaks off."""
        width = len(self.header)
        lines, reader = self._lines, self._reader
        seen = False
        while True:
            lines.taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                seen = True
                yield self._reject(*_quoting_trouble(str(error), self.header))
                continue
            self._number += 1
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue  # a blank line
            seen = True
            if len(cells) != width and (trouble := self._fit(cells, width)):
                self._number -= 1
                yield self._reject(*trouble)
            elif lines.suspicious and (column := _unreadable(cells)) is not None:
                self._number -= 1
                yield self._reject(*self._encoding_trouble(column))
            else:
                yield Row(self._number, cells)
        if not seen:
            raise BadFile("The file has a header and no rows. Export it again with its data.")

    def _read_header(self) -> list[str]:
        cells: list[str] = []
        self._number = 0
        try:
            while not any(cell.strip() for cell in cells):
                cells = next(self._reader)
                self._number += 1
        except csv.Error as error:
            raise BadFile(f"Row 1 (the header) is not readable: {error}. Check its quotes.") from error
        except StopIteration:
            raise BadFile("The file holds delimiters only, no names and no values. Export it again.") from None
        while not cells[-1].strip():
            cells.pop()  # a delimiter at the end of the line is harmless
        header = [" ".join(cell.split()) for cell in cells]
        check_names(header)
        if len(header) == 1:
            raise BadFile(
                f"Row 1 (the header) has one column only, {header[0][:80]!r}: its columns are not divided by a comma, "
                "semicolon, tab or bar. Save the file as CSV with commas."
            )
        return header

    def _fit(self, cells: list[str], width: int) -> tuple[str | None, str, str] | None:
        """Cut empty cells behind the last column; say what is wrong if the row still does not fit."""
        if len(cells) > width:
            if not any(cell.strip() for cell in cells[width:]):
                del cells[width:]
                return None
            field, reason, fix = surplus(len(cells), self.header)
            return field, reason, f"put quotes around values that contain a {DELIMITERS[self.delimiter]}, or {fix}"
        name = self.header[len(cells)]
        return (
            name,
            f"has {_fields(len(cells))} where the header has {width}; "
            f"the first missing is column {len(cells) + 1}, {name!r}",
            "give every column its delimiter also where its value is empty; check for a line break inside a value",
        )

    def _reject(self, field: str | None, reason: str, fix: str) -> Rejection:
        """Reject the first line of what the row consumed and read the rest again as rows of their own."""
        raw = self._lines.give_back()
        self._number += 1
        return Rejection(self._number, field, reason, fix, raw)

    def _encoding_trouble(self, column: int) -> tuple[str | None, str, str]:
        name = self.header[column]
        return (
            name,
            f"column {column + 1}, {name!r}, holds bytes that are not text in {self.encoding}",
            "save the file as UTF-8, or type this value again",
        )


class _Lines:
    """Physical lines, remembering those taken for the current row so that they can be given back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._read = 0
        self.taken: list[str] = []
        self.suspicious = False  # some line so far held an undecodable byte, a NUL or U+FFFD

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._next()
        if not line:
            raise StopIteration
        self.taken.append(line)
        return line

    def peek(self, characters: int) -> list[str]:
        """The next lines, about that many characters of them, left in place."""
        lines: list[str] = []
        while characters > 0 and (line := self._next()):
            lines.append(line)
            characters -= len(line)
        self._again.extend(lines)
        return lines

    def give_back(self) -> str:
        """Return all lines of the current row but the first, which is answered (cut to the cell limit)."""
        first, *rest = self.taken or [""]
        self._again.extendleft(reversed(rest))
        return first.rstrip("\r\n")[:MAX_CELL].encode("utf-8", "replace").decode()

    def _next(self) -> str:
        try:
            line = self._text.readline(MAX_LINE)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadFile(
                f"The gzip file breaks off or is damaged after line {self._read}. Download or copy it again."
            ) from error
        except UnicodeDecodeError as error:
            raise BadFile(f"The UTF-16 text breaks off after line {self._read}. Save the file as UTF-8.") from error
        self._read += 1
        if len(line) >= MAX_LINE and not line.endswith("\n"):
            raise BadFile(f"Line {self._read} is longer than {MAX_LINE:,} characters: this is not a table.")
        if not line.isascii():
            line = _ESCAPED.sub(_as_windows_1252, line)
            self.suspicious = self.suspicious or _UNREADABLE.search(line) is not None
        elif "\0" in line:
            self.suspicious = True
        return line


class _Borrowed(io.RawIOBase):
    """The caller's stream as a raw one; it stays the caller's to close."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


def _unpacked(stream: BinaryIO) -> io.BufferedReader:
    """The stream without its gzip wrapping, told by its first bytes and not by a name."""
    plain: io.BufferedReader = io.BufferedReader(_Borrowed(stream), SAMPLE)
    if plain.peek(2)[:2] != b"\x1f\x8b":
        return plain
    return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=plain, mode="rb")), SAMPLE)


def _decoded(data: io.BufferedReader) -> tuple[io.TextIOWrapper, str]:
    """The text of the bytes and the name of its encoding. Raises BadFile on what is no text."""
    try:
        head = data.peek(SAMPLE)[:SAMPLE]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile("The gzip file is damaged at its beginning. Download or copy it again.") from error
    for magic, what, fix in MAGIC:
        if head[: len(magic)].lower() == magic.lower():
            raise BadFile(f"This is {what}, not a CSV file. To import it, {fix}.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return io.TextIOWrapper(data, "utf-16", newline=""), "UTF-16"
    if b"\0" in head:
        raise BadFile(
            f"This is a binary file (a NUL byte at position {head.index(0)}), not a CSV file. "
            "If it is UTF-16 text without a byte order mark, save it as UTF-8."
        )
    return io.TextIOWrapper(data, "utf-8-sig", errors="surrogateescape", newline=""), "UTF-8 or Windows-1252"


def _as_windows_1252(escaped: re.Match[str]) -> str:
    """The escaped bytes read as Windows-1252; left as they are where that code page has no such character."""
    try:
        return escaped.group().encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeDecodeError:
        return escaped.group()


def _sniff(sample: list[str]) -> str:
    """The delimiter under which header and rows agree best. Raises BadFile where they disagree outright."""
    widths = {mark: _widths(sample, mark) for mark in DELIMITERS}
    fitting = {
        mark: sum(width == found[0] for width in found) for mark, found in widths.items() if found and found[0] > 1
    }
    if not fitting:
        return ","  # one column: the header check names it
    best = max(fitting, key=lambda mark: (fitting[mark], widths[mark][0]))
    rows = widths[best][1:]
    other = max(widths, key=lambda mark: min(widths[mark][1:], default=0))
    divided = min(widths[other][1:], default=0) > 1
    if all(width == 1 for width in rows) and (divided or len(rows) > 1):
        wanted = f"a {DELIMITERS[other]}" if divided else "something else"
        raise BadFile(
            f"Row 1 (the header) is divided by a {DELIMITERS[best]}, the rows below by {wanted}. "
            "Save the file again with one delimiter throughout."
        )
    return best


def _widths(sample: list[str], mark: str) -> list[int]:
    """How many fields the first hundred rows have under that delimiter."""
    found: list[int] = []
    try:
        for cells in csv.reader(sample, delimiter=mark):
            if cells:
                found.append(len(cells))
            if len(found) > 100:
                break
    except csv.Error:
        pass  # an over-long cell in the sample; what was counted before it stands
    return found


def check_names(header: list[str], row: int = 1) -> None:
    """Raises BadFile where the names in row `row` cannot be told apart."""
    places: dict[str, int] = {}
    for place, name in enumerate(header, start=1):
        if not name:
            raise BadFile(f"Row {row} (the header): column {place} has no name. Name it or delete the column.")
        if _UNREADABLE.search(name):
            raise BadFile(
                f"Row {row} (the header): the name of column {place} is not readable text. Save the file as UTF-8."
            )
        if first := places.get(name.casefold()):
            raise BadFile(
                f"Row {row} (the header): columns {first} and {place} are both named {name!r}. "
                "Rename or delete one of them."
            )
        places[name.casefold()] = place


def surplus(count: int, header: list[str]) -> tuple[str, str, str]:
    """(field, reason, fix) of a row with more fields than the header."""
    reason = f"has {_fields(count)} where the header has {len(header)}; the surplus begins after column {len(header)}"
    return header[-1], f"{reason}, {header[-1]!r}", "remove the surplus fields"


def row_text(cells: list[str]) -> str:
    """A row as one line of CSV."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().rstrip("\r\n")


def _quoting_trouble(error: str, header: list[str]) -> tuple[str | None, str, str]:
    if "field limit" in error:
        return (
            None,
            f"has a cell longer than {MAX_CELL:,} characters, or a quote that is never closed",
            "shorten the value, or close the quote",
        )
    if "unexpected end" in error:
        return None, "has a quote that is never closed", "close the quote at the end of the value"
    return (
        None,
        "has text directly after a closing quote",
        'double the quotes inside a quoted value ("5"" pipe") or remove them',
    )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _unreadable(cells: list[str]) -> int | None:
    return next((place for place, cell in enumerate(cells) if _UNREADABLE.search(cell)), None)
