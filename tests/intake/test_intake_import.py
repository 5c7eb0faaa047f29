"""Imports into a real database: books that add up, nothing twice, nothing half-written."""

import asyncio
import csv
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ground import MASTER_KEY, shared_data
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.errors import InvalidInput
from penstock.intake import service
from penstock.intake.reader import BadFile
from penstock.intake.service import UploadReport, import_file
from penstock.intake.vocabulary import FIELDS, INPUTS

HEADER = ["Address", "Unit #", "City", "State", "Zip", "County", "APN", "Owner 1 First Name", "Owner 1 Last Name"]
HEADER += ["Mailing Address", "Mailing City", "Mailing State", "Mailing Zip", "Est. Value", "Last Sale Recording Date"]
HEADER += [
    "Last Sale Amount",
    "Litigator",
    "Deceased Owner",
    "Do Not Mail",
    "Phone 1",
    "Phone 1 Type",
    "Phone 1 DNC",
    "Email 1",
]
TABLES = ("properties", "leads", "contacts", "contact_points", "upload_rows", "rejected_rows", "pipeline_events")


def row(number: int = 1, **values: Any) -> dict[str, Any]:
    """A PropStream row about place `number`."""
    base = {
        "Address": f"{number} Example Ave",
        "City": "Tampa",
        "State": "FL",
        "Zip": "33602",
        "County": "Hillsborough",
    }
    owner = {"APN": f"18-29-{number:04}", "Owner 1 First Name": "Ada", "Owner 1 Last Name": f"Sample{number}"}
    return {**base, **owner, "Est. Value": 400_000, **values}


def as_csv(found: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER)
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue().encode()


async def take(ctx: Context, data: bytes, **options: Any) -> UploadReport:
    return await import_file(ctx, 1, stream=io.BytesIO(data), name="list.csv", playbook="equity", **options)


async def ask(ctx: Context, sql: str, **values: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(found) for found in await rows(db, text(sql), **values)]


async def counts(ctx: Context) -> dict[str, int]:
    async with ctx.db.tenant(1) as db:
        return {table: await scalar(db, text(f"select count(*) from app.{table}")) for table in TABLES}


def outcomes(report: UploadReport) -> tuple[int, int, int, int]:
    return report.inserted, report.updated, report.duplicate_in_file, report.rejected


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


async def test_later_values_win_and_empty_ones_do_not(ctx: Context) -> None:
    await take(
        ctx,
        as_csv(
            [
                row(1)
                | {"Est. Value": 1}
                | {"Est. Value": 300_000, "Last Sale Amount": 90_000, "Last Sale Recording Date": "2015-01-01"}
            ]
        ),
    )
    await take(
        ctx,
        as_csv([row(1) | {"Est. Value": "", "Last Sale Amount": 200_000, "Last Sale Recording Date": "2020-01-01"}]),
    )
    await take(
        ctx,
        as_csv(
            [row(1) | {"Est. Value": 350_000, "Last Sale Amount": 90_000, "Last Sale Recording Date": "2015-01-01"}]
        ),
    )
    (found,) = await ask(ctx, "select property_value, last_sale_price, last_sale_date::text as day from app.properties")
    assert (found["property_value"], found["last_sale_price"], found["day"]) == (350_000, 200_000, "2020-01-01")


async def test_rows_of_one_place_are_folded_before_they_are_written(ctx: Context) -> None:
    many = [
        row(1) | {"Est. Value": 100, "Last Sale Amount": 5, "Last Sale Recording Date": "2020-01-01"},
        row(1)
        | {
            "Est. Value": "",
            "Mailing Address": "PO Box 9",
            "Mailing City": "Ocala",
            "Mailing State": "FL",
            "Mailing Zip": "34470",
        },
        row(1)
        | {
            "Est. Value": 300,
            "Last Sale Amount": 3,
            "Last Sale Recording Date": "2010-01-01",
            "Owner 1 Last Name": "Newer",
        },
    ]
    await take(ctx, as_csv(many))
    (found,) = await ask(
        ctx, "select property_value, last_sale_price, mailing_line1, owner_last_name from app.properties"
    )
    assert found == {
        "property_value": 300,
        "last_sale_price": 5,
        "mailing_line1": "PO Box 9",
        "owner_last_name": "Newer",
    }


async def test_one_owner_of_three_places_is_one_contact(ctx: Context) -> None:
    home = {
        "Mailing Address": "PO BOX 10",
        "Mailing City": "Ocala",
        "Mailing State": "FL",
        "Mailing Zip": "34470",
        "Owner 1 Last Name": "Sample",
    }
    await take(
        ctx, as_csv([row(1) | home, row(2) | home, row(3) | {k: str(v).upper() for k, v in home.items()}, row(4)])
    )
    owners = await ask(
        ctx, "select contact_id, count(*) as places from app.leads group by contact_id order by places desc"
    )
    assert [owner["places"] for owner in owners] == [3, 1]


async def test_phones_and_emails_are_sealed_points_of_the_owner(ctx: Context) -> None:
    contact = {
        "Phone 1": "(813) 555-0100",
        "Phone 1 Type": "Mobile",
        "Phone 1 DNC": "Yes",
        "Email 1": "Ada@Example.com",
    }
    data = as_csv([row(1) | contact])
    await take(ctx, data)
    await take(ctx, data)
    points = await ask(
        ctx, "select kind, value, line_type, dnc_listed, source, verified from app.contact_points order by kind"
    )
    assert [(p["kind"], ctx.sealer.open(1, p["value"])) for p in points] == [
        ("email", "ada@example.com"),
        ("phone", "+18135550100"),
    ]
    assert all(p["value"].startswith("s1.") and p["source"] == "propstream" and not p["verified"] for p in points)
    assert (points[1]["line_type"], points[1]["dnc_listed"], points[0]["dnc_listed"]) == ("mobile", True, None)


async def test_a_phone_without_a_name_still_has_an_owner(ctx: Context) -> None:
    await take(ctx, b"address,zip,phone\n1 A St,33602,8135550100\n")
    (found,) = await ask(ctx, "select p.kind from app.leads l join app.contact_points p on p.contact_id = l.contact_id")
    assert found["kind"] == "phone"


async def test_litigators_are_suppressed_and_the_deceased_wait_for_review(ctx: Context) -> None:
    data = as_csv(
        [
            row(1) | {"Litigator": "Yes", "Phone 1": "8135550100"},
            row(2) | {"Deceased Owner": "Yes", "Do Not Mail": "Yes"},
            row(3),
        ]
    )
    await take(ctx, data)
    await take(ctx, data)
    closed = await ask(ctx, "select kind, reason, method from app.suppressions order by kind")
    assert [(c["kind"], c["reason"], c["method"]) for c in closed] == [
        ("contact", "SUPP_LEGAL", "file"),
        ("phone", "SUPP_LEGAL", "file"),
    ]
    marks = await ask(
        ctx,
        "select is_litigator, is_deceased, do_not_mail, needs_review_since is not null as waits "
        "from app.contacts order by last_name",
    )
    assert [tuple(m.values()) for m in marks] == [
        (True, False, False, False),
        (False, True, True, True),
        (False, False, False, False),
    ]


async def test_a_sold_house_gets_its_new_owner_unless_somebody_was_written_to(ctx: Context) -> None:
    await take(ctx, as_csv([row(1), row(2)]))
    await ask(
        ctx,
        "update app.leads set campaign_status = 'queued' from app.properties p "
        "where p.id = property_id and p.address_line1 like '2 %' returning 1",
    )
    await take(ctx, as_csv([row(n) | {"Owner 1 Last Name": "Buyer"} for n in (1, 2)]))
    owners = await ask(
        ctx,
        "select c.last_name from app.leads l join app.contacts c on c.id = l.contact_id "
        "join app.properties p on p.id = l.property_id order by p.address_line1",
    )
    assert [owner["last_name"] for owner in owners] == ["Buyer", "Sample2"]


async def test_what_one_playbook_has_read_is_news_to_another(ctx: Context) -> None:
    both = replace(ctx, playbooks={**ctx.playbooks, "other": ctx.playbooks["equity"]})
    sold = as_csv([row(1) | {"Owner 1 Last Name": "Buyer"}])
    await take(both, as_csv([row(1)]))
    await import_file(both, 1, stream=io.BytesIO(sold), playbook="other")
    await take(both, sold)
    owners = await ask(ctx, "select c.last_name from app.leads l join app.contacts c on c.id = l.contact_id")
    assert [owner["last_name"] for owner in owners] == ["Buyer", "Buyer"]


async def test_two_parcels_at_one_address_are_two_places_and_stay_two(ctx: Context) -> None:
    data = as_csv([row(1, APN="A-1"), row(1, APN="A-2")])
    assert outcomes(await take(ctx, data)) == (2, 0, 0, 0)
    assert outcomes(await take(ctx, data)) == (0, 2, 0, 0)
    keys = await ask(ctx, "select apn, addr_hash from app.properties order by apn")
    assert [key["apn"] for key in keys] == ["A1", "A2"]
    assert keys[0]["addr_hash"] and keys[1]["addr_hash"].startswith("shared:")


async def test_each_lead_has_its_diary_and_the_next_stage_is_woken_once(ctx: Context) -> None:
    await take(ctx, as_csv([row(1), row(2)]))
    await take(ctx, as_csv([row(1) | {"Est. Value": 1}, row(2)]))
    told = await ask(
        ctx, "select event_type, count(*) as n, count(lead_id) as leads from app.pipeline_events group by 1 order by 1"
    )
    assert [(t["event_type"], t["n"], t["leads"]) for t in told] == [
        ("dedupe_success", 2, 2),
        ("lead_updated", 1, 1),
        ("upload_received", 2, 2),
    ]
    jobs = await ask(
        ctx, "select task_name, count(*) as n from public.procrastinate_jobs where status = 'todo' group by 1"
    )
    assert {job["task_name"]: job["n"] for job in jobs} == {
        "pump.enrichment": 1,
        "pump.verification": 1,
        "pump.scoring": 1,
    }


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


async def test_imports_at_the_same_time_take_nothing_twice(ctx: Context) -> None:
    files = [as_csv([row(n) for n in range(start, start + 200)]) for start in (1, 101, 151)]
    reports = await asyncio.gather(*(take(ctx, data) for data in files))
    assert sum(report.inserted for report in reports) == 350
    assert sum(report.updated for report in reports) == 250
    assert (await counts(ctx))["leads"] == 350


async def test_a_key_taken_by_another_writer_meanwhile_is_looked_at_again(ctx: Context) -> None:
    async def rival() -> None:
        await ask(
            ctx,
            "select api.upsert_lead(p_source => 'x', p_address_line1 => '1 Example Ave', p_city => 'Tampa', "
            "p_state => 'FL', p_postal_code => '33602', p_apn => '18-29-0001', p_county => 'Hillsborough')",
        )

    came = asyncio.Event()
    own = service._merge

    async def overtaken(*given: Any) -> UploadReport:
        if not came.is_set():
            came.set()
            await rival()
            raise IntegrityError("insert", {}, Exception("key taken"))
        return await own(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_merge", overtaken)
        report = await take(ctx, as_csv([row(1), row(2)]))
    assert outcomes(report) == (1, 1, 0, 0)


async def test_no_row_of_another_tenant_is_touched(ctx: Context) -> None:
    async with ctx.db.owner() as db:
        await db.execute(
            text(
                "insert into app.orgs (id, slug, name, legal_name, postal_address, support_email, support_phone, "
                "from_domain) "
                "values (2, 'other', 'Other', 'Other LLC', '2 St', 'a@other.example', '+18135550111', 'other.example')"
            )
        )
    data = as_csv([row(1), row(2)])
    await take(ctx, data)
    other = await import_file(ctx, 2, stream=io.BytesIO(data), playbook="equity")
    assert other.inserted == 2
    assert (await counts(ctx))["properties"] == 2


IMPORT = """
import asyncio, os, signal, sys
from pathlib import Path
from pydantic import SecretStr
from penstock import assembly
from penstock.core.settings import Settings
from penstock.intake.service import import_file

async def main(url, path, key, phase):
    settings = Settings(environment="demo", home=Path(path).parent, master_key=SecretStr(key))
    async with assembly.context(settings, url) as ctx:
        def progress(rows, at):
            if at == phase:
                os.kill(os.getpid(), signal.SIGKILL)
        await import_file(ctx, 1, path=Path(path), playbook="equity", progress=progress)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("phase", ["reading", "properties", "people", "diary"])
async def test_a_process_killed_in_the_middle_leaves_nothing_and_the_next_takes_the_upload_up(
    ctx: Context, database: str, tmp_path: Path, phase: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(as_csv([row(n) for n in range(1, 1500)]))
    script = tmp_path / "import.py"
    script.write_text(textwrap.dedent(IMPORT), "utf-8")
    command = [sys.executable, str(script), database, str(path), MASTER_KEY, phase]
    killed = subprocess.run(command, env=os.environ, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert set((await counts(ctx)).values()) == {0}
    (begun,) = await ask(ctx, "select id, state from app.uploads")
    assert begun["state"] == "running"
    report = await import_file(ctx, 1, path=path, playbook="equity")
    assert (report.upload_id, report.inserted) == (begun["id"], 1499)
