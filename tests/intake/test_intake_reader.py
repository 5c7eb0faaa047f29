"""Reading: every way a file can be wrong is either one clear error or one rejected row, and no row is ever lost."""

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.intake.reader import MAX_CELL, BadFile, Rejection, Row, Table


def read(data: bytes) -> list[Row | Rejection]:
    return list(Table(io.BytesIO(data)).rows())


def cells(data: bytes) -> list[list[str]]:
    return [row.cells for row in read(data) if isinstance(row, Row)]


def rejected(data: bytes) -> list[Rejection]:
    return [row for row in read(data) if isinstance(row, Rejection)]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n \n\r\n", "empty"),
        (b",,,\n,,\n", "delimiters only"),
        (b"a,b\n", "header and no rows"),
        (b"a,b\n\n\n", "header and no rows"),
        (gzip.compress(b"PK\x03\x04\x14\x00", mtime=0), "zip archive inside gzip"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<!doctype html><html>", "web page"),
        (b"a,b\n1\x00,2\n", "NUL byte at position 5"),
        (b"a^b\n1^2\n", "one column only"),
        (b"a;b\n1,2\n3,4\n", "divided by a semicolon, the rows below by a comma"),
        (b"a,City,b, CITY \n1,2,3,4\n", "columns 2 and 4 are both named"),
        (b"a,,b\n1,2,3\n", "column 2 has no name"),
        (gzip.compress(gzip.compress(b"a,b\n1,2\n", mtime=0), mtime=0), "gzip inside gzip"),
        (b"\x1f\x8bnot really gzip", "damaged"),
        ("a,b\n1,2".encode("utf-16") + b"\x00", "UTF-16 text breaks off"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_it_is_and_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says) as error:
        read(data)
    assert str(error.value).endswith((".", ")"))


def test_a_gzip_file_that_breaks_off_says_after_which_line() -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i * 7919, i * 104729) for i in range(50_000)))
    with pytest.raises(BadFile, match=r"breaks off or is damaged after line \d\d+"):
        read(whole[: len(whole) // 2])


def test_gzip_is_told_by_its_bytes() -> None:
    assert cells(gzip.compress(b"a,b\n1,2\n", mtime=0)) == [["1", "2"]]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_every_delimiter_is_found_also_where_values_hold_the_others(mark: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark)
    writer.writerows(
        [["street", "name", "note"], ["1 A St; rear", "Smith, J", "x|y"], ["2 B St", 'the "big" one', "a\tb"]]
    )
    table = Table(io.BytesIO(text.getvalue().encode()))
    assert table.delimiter == mark
    assert [row.cells for row in table.rows() if isinstance(row, Row)][1] == ["2 B St", 'the "big" one', "a\tb"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_usual_encodings_are_read(encoding: str) -> None:
    assert cells("name,city\nMüller,Cañon\n".encode(encoding)) == [["Müller", "Cañon"]]


def test_rows_in_two_encodings_are_both_read_and_an_unreadable_one_is_named() -> None:
    data = "name,city\nJosé,Ávila\n".encode() + b"M\xfcller,Ca\xf1on\n" + b"x\x81,y\n" + b"a,b\n"
    assert cells(data) == [["José", "Ávila"], ["Müller", "Cañon"], ["a", "b"]]
    (bad,) = rejected(data)
    assert (bad.row_number, bad.field) == (4, "name")
    assert "save the file as UTF-8" in bad.fix


def test_a_row_with_too_many_or_too_few_fields_names_row_column_and_fix() -> None:
    many, few = rejected(b"a,b,c\n1,2,3,4\n1,2\n5,6,7\n")
    assert (many.row_number, many.field) == (2, "c")
    assert "4 fields where the header has 3" in many.reason
    assert "quotes" in many.fix
    assert (few.row_number, few.field) == (3, "c")
    assert "first missing is column 3, 'c'" in few.reason
    assert few.raw == "1,2"


def test_delimiters_behind_the_last_column_are_harmless() -> None:
    assert cells(b"a,b,\n1,2,,\n") == [["1", "2"]]


def test_a_cell_of_a_megabyte_costs_its_row_only() -> None:
    data = b"a,b\n1,2\n3," + b"x" * 1_000_000 + b"\n5,6\n"
    assert cells(data) == [["1", "2"], ["5", "6"]]
    (bad,) = rejected(data)
    assert bad.row_number == 3
    assert "longer than 65,536" in bad.reason
    assert len(bad.raw) <= MAX_CELL


def test_a_line_without_end_is_no_table() -> None:
    with pytest.raises(BadFile, match="Line 3 is longer"):
        read(b"a,b\n1,2\n" + b"x" * 9_000_000)


@pytest.mark.parametrize("tail", [b"", b"9,10\n" * 40_000])
def test_a_quote_that_is_never_closed_costs_its_line_only(tail: bytes) -> None:
    data = b'a,b\n1,2\n3,"oops\n5,6\n7,8\n' + tail
    assert cells(data)[:3] == [["1", "2"], ["5", "6"], ["7", "8"]]
    assert [(bad.row_number, bad.raw) for bad in rejected(data)] == [(3, '3,"oops')]
    assert len(read(data)) == 4 + tail.count(b"\n")


def test_a_nul_deep_in_the_file_rejects_its_row() -> None:
    data = b"a,b\n" + b"1,2\n" * 30_000 + b"3\x00,4\n5,6\n"
    (bad,) = rejected(data)
    assert (bad.row_number, bad.field) == (30_002, "a")


def test_line_breaks_inside_quotes_stay_in_their_cell() -> None:
    assert cells(b'a,b\r\n"1\r\n2",3\r\n') == [["1\r\n2", "3"]]


SAFE = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\ufffd"), max_size=12)


@given(rows=st.lists(st.tuples(SAFE, SAFE, SAFE), min_size=1, max_size=20), packed=st.booleans())
def test_whatever_was_written_as_csv_is_read_back(rows: list[tuple[str, str, str]], packed: bool) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("a", "b", "c"), *rows])
    data = text.getvalue().encode()
    assert [tuple(c) for c in cells(gzip.compress(data, mtime=0) if packed else data)] == rows


@given(st.binary(max_size=400))
def test_any_bytes_are_rows_rejections_or_one_bad_file(data: bytes) -> None:
    try:
        for row in read(b"a,b\n" + data):
            assert isinstance(row, Rejection) or len(row.cells) == 2
    except BadFile:
        pass


@given(st.lists(st.sampled_from([b'"', b"a", b",", b"\n", b"\r\n", b"b,c\n", b'"x","y"\n']), max_size=40))
def test_rows_are_numbered_in_order_and_none_is_counted_twice(pieces: list[bytes]) -> None:
    data = b"h1,h2\n" + b"".join(pieces)
    try:
        numbers = [row.row_number if isinstance(row, Rejection) else row.number for row in read(data)]
    except BadFile:
        return
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= data.count(b"\n") + data.count(b"\r") + 2
