"""Workbooks: sheet and header found, cells as text, row numbers as the spreadsheet shows them, no bomb opened."""

import base64
import gzip
import io
import tracemalloc
import zipfile
from datetime import date, datetime
from typing import Any

import pytest

from penstock.intake import workbook
from penstock.intake.reader import BadFile, Rejection, Row
from penstock.intake.reading import read
from penstock.intake.workbook import Workbook
from sheets import Error, table, xlsx

TODAY = date(2026, 11, 30)
EMPLOYERS = [["Company", "ZIP", "Renewal Date"], ["Acme LLC", 2139, date(2027, 6, 1)], ["Beta Inc", "33602-1234", None]]
# An old workbook (BIFF8) as a spreadsheet wrote it: one sheet, header in row 2, a company below.
OLD = gzip.decompress(
    base64.b64decode(
        """
        H4sIAAAAAAACA+1YTWhTQRD+9iVpfkjSpKZCI5RYsGqtB60/9dA+a4ml2IbYi1IETduA0uQlxILEi9WaoyB4UrwUevFS9eIPKujNg1DRgyAI
        iR49iQoe2jxnJy+aag+NaFHZ77Gzs7Mzs/t2Z/b9PF8IFmdvh0v4Ab2woWy60VAjE1Tc1UYA1G+akq3WLiqmwj8Ft4s2ssGBB75nTrmHcr9L
        0HDL/oQo8JbKMWQRyxjJyBriAM8hIeQceogKXCeJHy08qyam40zXMb3Jmg+Z7mfJJaY9pFsUo1jQYx3dVhQf1dq4zw/p9y7bvGbJDjTjqYzi
        c5dFRdeBvtypROrv7Gi1ezEH2reBpJHMJVJFhGgD5/DZjACfqpn6OKLkaysXIPmX5XLnCvIrmh2YhnmCA7yAID7awIdsNJ1NZfLJ3OlFHOKc
        lMUL9GfS2YSRj8QS6SSpRgdjREcH4z5ghGLgTCIVGc4YUyfpKO4bTycjQ0P9Hgrrndu7du3es7d7n0d655QPLEt5H6eCl+gEGpkPckIE6FBf
        vPHhxfBYXD/Okmk+5isPg01y/jBxXlqQsZ+lfAuQPR1ssY3pBfa6gfkw0xCFMdXt8WaLOTjDOhe5t53G6WK81DfX8FuIL7w/fK+18E7fSvz8
        QOlsaP6VPos2WrcJspfXDDpFp7h2VeK+Xq2FdXC8Ydry0yHi0gJ8B3aY1hOvEUvwsCzIgkpLro741tKstaq0bNSyWb60FXxp7Mtu6VdW2kGt
        Rzw36cvYKDXCvJK9WhPuSBM61L7DAwUFBQUFBQUFBYVfgnyN1ayXdvlS6rA+CJzWf50lKmX1m+S/xQgydE3Rh2kUBtU55OuKn/VwiKovsUqb
        6v9CiSM0eg6TGON5TNYdv/TRJGrvZ9WGgd+XQvWOX65nnn94/K8zfpX1ABYAAA==
        """
    )
)


def opened(data: bytes, fits: Any = lambda header: True) -> Workbook:
    return Workbook(io.BytesIO(data), fits)


def rows(data: bytes) -> list[Row | Rejection]:
    return list(opened(data).rows())


def cells(*values: Any) -> list[str]:
    header = [f"c{n}" for n in range(len(values))]
    (row,) = rows(xlsx({"S": [header, list(values)]}))
    assert isinstance(row, Row)
    return row.cells


def test_numbers_dates_and_truth_are_text_as_csv_has_them() -> None:
    when = datetime(2018, 8, 17, 9, 30)  # noqa: DTZ001
    assert cells(2139, 12.5, 1e20, True, date(2018, 8, 17), when, " two  words ", "007") == [
        *("2139", "12.5", "100000000000000000000", "TRUE", "2018-08-17", "2018-08-17 09:30:00", "two  words", "007")
    ]


def test_a_cell_whose_formula_failed_is_empty() -> None:
    assert cells("Acme", Error("#DIV/0!"), "x") == ["Acme", "", "x"]


def test_rows_have_the_numbers_of_the_spreadsheet_and_blank_ones_are_left_out() -> None:
    sheet = table([["Our list", None], [None, None], ["Company", "ZIP"], ["Acme", 1], [None, None], ["Beta", 2]], "C2")
    found = opened(xlsx({"S": sheet}), lambda header: "Company" in header)
    assert found.header == ["Company", "ZIP"]
    assert [(row.number, row.cells) for row in found.rows() if isinstance(row, Row)] == [
        (5, ["Acme", "1"]),
        (7, ["Beta", "2"]),
    ]


def test_the_first_visible_sheet_that_the_map_fits_is_read_and_named() -> None:
    book = xlsx({"Notes": [["About", "this"]], "Old": EMPLOYERS, "Employers": EMPLOYERS}, hidden=("Old",))
    reading = read(io.BytesIO(book), "auto", TODAY, "company")
    records = list(reading)
    assert len(records) == 2
    assert reading.warnings["sheet", "read 'Employers', one of 3 sheets"] == 1


def test_a_workbook_is_read_like_the_csv_of_its_sheet() -> None:
    text = b"Company,ZIP,Renewal Date\nAcme LLC,02139,2027-06-01\nBeta Inc,33602-1234,\n"
    from_csv = list(read(io.BytesIO(text), "auto", TODAY, "company"))
    assert list(read(io.BytesIO(xlsx({"S": EMPLOYERS})), "auto", TODAY, "company")) == from_csv


def test_properties_come_from_workbooks_too() -> None:
    sheet = [["Address", "City", "State", "Zip", "Owner"], ["1 A St", "Tampa", "FL", 33602, "Ada Sample"]]
    (record,) = read(io.BytesIO(xlsx({"S": sheet})), "auto", TODAY)
    assert not isinstance(record, Rejection)
    assert (record.values["address_line1"], record.values["postal_code"]) == ("1 A St", "33602")


def test_an_old_workbook_is_read() -> None:
    (row,) = rows(OLD)
    assert row == Row(3, ["Acme LLC", "12-3456789", "2139", "6"])


def test_a_row_that_runs_over_the_header_is_rejected() -> None:
    (row,) = rows(xlsx({"S": [["a", "b"], ["1", "2", "3"]]}))
    assert isinstance(row, Rejection)
    assert (row.row_number, row.raw) == (2, "1,2,3")
    assert "the surplus begins after column 2" in row.reason


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (xlsx({"S": []}), "empty"),
        (xlsx({"S": [["a", "b"]]}), "a header and no rows"),
        (xlsx({"S": [["a", None, "b"], [1, 2, 3]]}), "column 2 has no name"),
        (xlsx({"S": [["a", "A"], [1, 2]]}), "both named"),
        (xlsx({"S": [["a", "b"], [1, 2]]})[:-200], "damaged"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "cannot be read"),
        (xlsx({"S": {"A1": "a", "B1": "b", "A2": 1, "XFD1048576": 1}}), "spans 1,048,576 rows"),
    ],
)
def test_a_workbook_that_is_none_is_refused_with_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says) as error:
        rows(data)
    assert str(error.value).endswith((".", "data."))


def test_a_workbook_without_one_of_its_parts_names_the_sheet_and_what_to_do() -> None:
    whole, out = zipfile.ZipFile(io.BytesIO(xlsx({"Staff": [["a", "b"], [1, 2]]}))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in whole.namelist():
            if "worksheets/sheet" not in name:
                archive.writestr(name, whole.read(name))
    with pytest.raises(BadFile, match=r"The sheet 'Staff' is missing or damaged in the file\. Open it"):
        rows(out.getvalue())


def test_a_zip_archive_is_no_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("list.csv", "a,b\n1,2\n")
    with pytest.raises(BadFile, match="zip archive or another kind of document"):
        rows(out.getvalue())


def test_a_bomb_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 4 << 20)
    bomb = xlsx({"S": EMPLOYERS}, more={"xl/media/big.bin": bytes(64 << 20)})
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    with pytest.raises(BadFile, match="unpacks to more than"):
        rows(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20


def test_a_bomb_that_lies_about_its_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 4 << 20)
    bomb = xlsx({"S": EMPLOYERS}, more={"xl/media/big.bin": bytes(8 << 20)})
    lying = bomb.replace((8 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != bomb
    with pytest.raises(BadFile, match=r"damaged|unpacks"):
        rows(lying)


def test_a_file_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_BYTES", 100)
    with pytest.raises(BadFile, match="larger than"):
        rows(xlsx({"S": EMPLOYERS}))
