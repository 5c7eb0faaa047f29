"""Imports into a real database: books that add up, nothing twice, nothing half-written."""

import csv
import gzip
import io
import json
import random

import pytest
from import_cast import HEADER, as_csv, ask, counts, outcomes, row, take

from ground import shared_data
from penstock.core.context import Context
from penstock.core.errors import InvalidInput
from penstock.intake.reader import BadFile
from penstock.intake.service import import_file
from penstock.intake.vocabulary import FIELDS, INPUTS


async def test_every_row_ends_in_exactly_one_outcome(ctx: Context) -> None:
    data = as_csv([row(1), row(2), row(1) | {"Est. Value": 1}, row(3), row(9, Address="", APN="", County="")])
    report = await take(ctx, data)
    assert outcomes(report) == (3, 0, 1, 1)
    assert report.rows_read == 5
    told = await ask(ctx, "select row_number, outcome, first_row from app.upload_rows order by row_number")
    assert [(t["row_number"], t["outcome"], t["first_row"]) for t in told] == [
        (2, "inserted", None), (3, "inserted", None), (4, "duplicate_in_file", 2), (5, "inserted", None),
    ]  # fmt: skip
    (refused,) = await ask(ctx, "select row_number, field, reason, raw_sealed from app.rejected_rows")
    assert (refused["row_number"], refused["field"]) == (6, "address_line1")
    assert "Sample9" not in refused["raw_sealed"]
    assert "Sample9" in ctx.sealer.open(1, refused["raw_sealed"])


async def test_the_same_file_again_inserts_nothing_and_writes_no_wide_row(ctx: Context) -> None:
    data = as_csv([row(n) for n in range(1, 30)])
    await take(ctx, data)
    before = await ask(ctx, "select id, xmin::text as version from app.properties order by id")
    facts = await ask(ctx, "select id, facts_changed_at from app.leads order by id")
    events = await counts(ctx)
    again = await take(ctx, data)
    assert outcomes(again) == (0, 29, 0, 0)
    assert await ask(ctx, "select id, xmin::text as version from app.properties order by id") == before
    assert await ask(ctx, "select id, facts_changed_at from app.leads order by id") == facts
    assert (await counts(ctx))["pipeline_events"] == events["pipeline_events"]
    assert await ask(ctx, "select distinct times_seen from app.property_seen") == [{"times_seen": 2}]


def recased(data: bytes, seed: int) -> bytes:
    """The same rows shuffled, each value in another case."""
    random.seed(seed)
    header, *found = csv.reader(io.StringIO(data.decode()))
    random.shuffle(found)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([[random.choice((str.lower, str.upper, str.title))(cell) for cell in line] for line in found])
    return out.getvalue().encode()


async def test_a_shuffled_and_recased_copy_inserts_nothing(ctx: Context) -> None:
    found = [row(n) for n in range(1, 40)] + [row(n, APN="", Address=f"{n} oak street") for n in range(40, 60)]
    data = as_csv([*found, row(5, APN="77-1"), row(6, APN="77-2"), row(41, APN="", Zip="33602-1234")])
    await take(ctx, data)
    for seed in range(3):
        report = await take(ctx, recased(data, seed))
        assert (report.inserted, report.rejected) == (0, 0)
        assert report.updated + report.duplicate_in_file == report.rows_read


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least"),
    [("philadelphia_opa_part_a", 3149), ("nashville_sales_2013_2016", 11_822),
     ("nyc_2018_rollingsales_statenisland", 7000),
     ("nyc_2018_rollingsales_bronx", 6500), ("nyc_2018_rollingsales_manhattan", 15_000)],
)  # fmt: skip
async def test_a_real_county_file_is_conserved_and_nothing_of_it_is_taken_twice(
    ctx: Context, name: str, least: int
) -> None:
    path = shared_data() / f"data/property/{name}.csv.gz"
    first = await import_file(ctx, 1, path=path, playbook="equity")
    assert first.rows_read == sum(outcomes(first))
    assert first.updated == 0
    assert first.inserted >= least
    second = await import_file(ctx, 1, path=path, playbook="equity")
    assert outcomes(second) == (0, first.inserted, first.duplicate_in_file, first.rejected)
    copy = gzip.compress(recased(gzip.decompress(path.read_bytes()), 7), 1)
    third = await take(ctx, copy)
    assert (third.inserted, third.rows_read) == (0, first.rows_read)
    assert (await counts(ctx))["leads"] == first.inserted


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + b"\0" * 100, "damaged or locked"),
        (b"address^zip\n1 A St^33602\n", "one column only"),
        (b"owner,value\nAda,5\n", "lacks a street address"),
        (
            gzip.compress(b"address,zip\n" + b"".join(b"%d A St,33602\n" % i for i in range(9999)), mtime=0)[:-300],
            "breaks off",
        ),
    ],
)
async def test_a_bad_file_leaves_nothing_but_the_upload_with_its_error(ctx: Context, data: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        await take(ctx, data)
    assert set((await counts(ctx)).values()) == {0}
    (upload,) = await ask(ctx, "select state, error from app.uploads")
    assert upload["state"] == "failed"
    assert says in upload["error"]


async def test_unknown_map_and_playbook_are_refused(ctx: Context) -> None:
    with pytest.raises(InvalidInput, match="no map named"):
        await take(ctx, as_csv([row()]), map_name="zillow")
    with pytest.raises(InvalidInput, match="no playbook"):
        await import_file(ctx, 1, stream=io.BytesIO(b""), playbook="solar")


async def test_bad_rows_do_not_hold_the_good_ones(ctx: Context) -> None:
    good = as_csv([row(1), row(2)]).decode()
    line = ",".join(["x"] * (len(HEADER) + 2))
    cell = f"{'y' * 1_000_000}," + "," * (len(HEADER) - 2)
    data = good.encode() + f"{line}\n{cell}\n".encode() + as_csv([row(3)]).split(b"\r\n", 1)[1]
    report = await take(ctx, data)
    assert outcomes(report) == (3, 0, 0, 2)
    fields = await ask(ctx, "select row_number, reason, fix from app.rejected_rows order by row_number")
    assert [f["row_number"] for f in fields] == [4, 5]
    assert all(f["reason"] and f["fix"] for f in fields)


NASTY = [
    "",
    "9" * 30,
    "-9" * 20,
    "1e309",
    "NaN",
    "inf",
    "٣٣٦٠٢",
    "²",
    "x" * 5000,
    "2026-13-45",
    "\u202e",
    "'; drop",
    "a\tb",
    "0",
    "½",
]


async def test_no_value_in_any_column_can_stop_an_import(ctx: Context) -> None:
    columns = [*FIELDS, *INPUTS, "phone", "email", "phone type", "phone dnc"]
    base = {"address_line1": "1 A St", "postal_code": "33602"}
    found = [base | {column: value} for column in columns for value in NASTY]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(found)
    path_of_map = {name: name for name in (*FIELDS, *INPUTS)}
    plain_map = ctx.settings.home / "all.yaml"
    plain_map.write_text(json.dumps({"name": "all", "columns": path_of_map}), "utf-8")
    report = await take(ctx, out.getvalue().encode(), map_name=str(plain_map))
    assert report.rows_read == len(found) == sum(outcomes(report))
    assert report.rejected < len(found) / 5


async def test_progress_is_told_by_rows_and_phase(ctx: Context) -> None:
    heard: list[tuple[int, str]] = []
    await take(ctx, as_csv([row(n) for n in range(1, 2501)]), progress=lambda rows, phase: heard.append((rows, phase)))
    assert heard[:2] == [(1000, "reading"), (2000, "reading")]
    assert heard[-1] == (2500, "done")
