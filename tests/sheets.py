"""Makes .xlsx workbooks cell by cell with the standard library alone: also such as no spreadsheet would write."""

import io
import re
import zipfile
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

Cells = dict[str, Any]
"""Cell values by place ("B3"); an Error is what a formula failed with."""

_OPEN = "http://schemas.openxmlformats.org"
_SHEETS = f"{_OPEN}/spreadsheetml/2006/main"
_OFFICE = f"{_OPEN}/officeDocument/2006/relationships"
_PACKAGE = f"{_OPEN}/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 a spreadsheet's days have no zone
_STYLES = (
    f'<styleSheet xmlns="{_SHEETS}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


class Error(str):
    """A cell whose formula failed: #N/A."""


def xlsx(
    sheets: dict[str, list[list[Any]] | Cells], *, hidden: tuple[str, ...] = (), more: dict[str, bytes] | None = None
) -> bytes:
    """A workbook. A sheet is a list of rows, or cells by place. `more`: further parts."""
    listed, made_of, types = [], [_relation("rIdS", "styles", "styles.xml")], [_override("styles.xml", "styles")]
    types.append(_override("workbook.xml", "sheet.main"))
    parts: dict[str, str | bytes] = {"xl/styles.xml": _STYLES}
    for n, (name, sheet) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        listed.append(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"{state}/>')
        made_of.append(_relation(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml"))
        types.append(_override(f"worksheets/sheet{n}.xml", "worksheet"))
        parts[f"xl/worksheets/sheet{n}.xml"] = _sheet(sheet)
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}"><sheets>{"".join(listed)}</sheets></workbook>'
    )
    parts["xl/_rels/workbook.xml.rels"] = _relations(made_of)
    parts["_rels/.rels"] = _relations([_relation("rId1", "officeDocument", "xl/workbook.xml")])
    parts["[Content_Types].xml"] = f'<Types xmlns="{_PACKAGE}/content-types">{"".join(types)}</Types>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in (parts | (more or {})).items():
            archive.writestr(name, part)
    return out.getvalue()


def table(rows: list[list[Any]], at: str = "A1") -> Cells:
    """Rows as cells, the first in `at`."""
    letter, first = at[0], int(at[1:])
    return {f"{chr(ord(letter) + c)}{first + r}": value for r, row in enumerate(rows) for c, value in enumerate(row)}


def _override(part: str, kind: str) -> str:
    return f'<Override PartName="/xl/{part}" ContentType="{_TYPE}.{kind}+xml"/>'


def _relation(key: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _relations(found: list[str]) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(found)}</Relationships>'


def _sheet(sheet: list[list[Any]] | Cells) -> str:
    cells = table(sheet) if isinstance(sheet, list) else sheet
    by_row: dict[int, list[str]] = {}
    for place, value in cells.items():
        by_row.setdefault(int(re.sub("[A-Z]", "", place)), []).append(_cell(place, value))
    rows = "".join(f'<row r="{row}">{"".join(found)}</row>' for row, found in sorted(by_row.items()))
    return f'<worksheet xmlns="{_SHEETS}"><sheetData>{rows}</sheetData></worksheet>'


def _cell(place: str, value: Any) -> str:
    if value is None:
        return f'<c r="{place}"/>'
    if isinstance(value, Error):
        return f'<c r="{place}" t="e"><f>1/0</f><v>{value}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, date):
        style = 2 if isinstance(value, datetime) else 1
        days = (datetime.fromisoformat(value.isoformat()) - _DAY_ZERO).total_seconds() / 86400
        return f'<c r="{place}" s="{style}"><v>{days}</v></c>'
    if isinstance(value, (int, float)):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'
