"""Files about companies into a real database: books that add up, nothing twice, slots filled, leads opened."""

import csv
import gzip
import io
import itertools
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ground import shared_data
from penstock import intake
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import InvalidInput
from penstock.intake import leads
from penstock.intake.service import UploadReport, import_file
from sheets import xlsx

HEADER = [
    "Company Name",
    "EIN",
    "Website",
    "LinkedIn",
    "News",
    "Address",
    "City",
    "State",
    "ZIP",
    "Phone",
    "Employees",
    "Renewal Month",
    "CEO",
    "CEO Title",
    "CEO Email",
    "CFO",
    "CFO Title",
    "CFO Email",
    "HR",
    "HR Title",
    "HR Email",
]
TABLES = ("companies", "company_seen", "company_slots", "contacts", "contact_points", "pages", "leads", "properties")
PLAYBOOK = "renewals"
Row = dict[str, Any]


def company(number: int, **values: Any) -> Row:
    """A row of the list about company `number`, with a CEO whose mailbox is known and a head of HR whose is not."""
    domain = f"mill-{number}.example"
    row = {
        "Company Name": f"Mill {number} LLC",
        "EIN": f"46-{number:07}",
        "Website": f"https://{domain}",
        "State": "FL",
    }
    ceo = {
        "CEO": f"Jane Doe {chr(65 + number % 26)}",
        "CEO Title": "Owner",
        "CEO Email": f"jane@{domain}",
        "HR": "Bob Ray",
    }
    return {**row, "Renewal Month": 1 + number % 12, **ceo, **values}


def as_csv(found: Sequence[Row], header: Sequence[str] = HEADER) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue().encode()


async def take(ctx: Context, data: bytes, **more: Any) -> UploadReport:
    return await import_file(ctx, 1, stream=io.BytesIO(data), playbook=PLAYBOOK, **more)


async def counts(ctx: Context) -> dict[str, int]:
    async with ctx.db.tenant(1) as db:
        return {table: await scalar(db, text(f"select count(*) from app.{table}")) for table in TABLES}


async def people_of(ctx: Context, name: str) -> dict[str, str]:
    query = "select role_code::text as role, full_name from company.vw_company_slots where company_name = :name"
    async with ctx.db.tenant(1) as db:
        return {row["role"]: row["full_name"] for row in await rows(db, text(query), name=name) if row["full_name"]}


async def test_a_list_of_companies_becomes_companies_people_slots_and_leads(ctx: Context) -> None:
    report = await take(ctx, as_csv([company(n) for n in range(1, 6)]))
    assert (report.rows_read, report.inserted, report.rejected) == (5, 5, 0)
    assert report.made == {"companies": 5, "people": 10, "slots_filled": 10}
    assert await counts(ctx) == {"companies": 5, "company_seen": 5, "company_slots": 15, "contacts": 10, "contact_points": 5, "pages": 5, "leads": 0, "properties": 0}  # fmt: skip # noqa: E501
    assert await people_of(ctx, "Mill 1 LLC") == {"CEO": "Jane Doe B", "HR": "Bob Ray"}
    assert await leads.pump(ctx, 1) == 10
    assert await leads.pump(ctx, 1) == 0
    async with ctx.db.tenant(1) as db:
        found = await rows(db, text("select playbook, company_id, contact_id, property_id, source from app.leads"))
        linked = await scalar(
            db,
            text(
                "select count(*) from app.company_slots s"
                " join app.leads l on l.id = s.lead_id and l.contact_id = s.contact_id"
            ),
        )
        events = await rows(db, text("select event_type, count(*) as n from app.pipeline_events group by 1"))
        points = await rows(
            db, text("select value, source, is_primary, status::text from app.contact_points order by id")
        )
        upload = await rows(
            db, text("select outcome, company_id is not null as c, contact_id is not null as p from app.upload_rows")
        )
    assert (len(found), linked) == (10, 10)
    assert {row["playbook"] for row in found} == {PLAYBOOK}
    assert {row["event_type"]: row["n"] for row in events} == {
        "companies_merged": 1,
        "slot_filled": 10,
        "lead_opened": 10,
    }
    assert all(point["value"].startswith("s1.") and point["is_primary"] for point in points)
    assert ctx.sealer.open(1, points[0]["value"]) == "jane@mill-1.example"
    assert [tuple(row.values()) for row in upload] == [("inserted", True, True)] * 5


async def test_the_same_file_again_shuffled_or_as_a_workbook_makes_nothing_new(ctx: Context) -> None:
    found = [company(n) for n in range(1, 30)] + [company(3, **{"Company Name": "Mill 3, L.L.C.", "EIN": ""})]
    first = await take(ctx, as_csv(found))
    assert (first.inserted, first.duplicate_in_file) == (29, 1)
    before = await counts(ctx)
    again = await take(ctx, as_csv(random.Random(7).sample(found, len(found))))
    assert (again.inserted, again.updated, again.duplicate_in_file) == (0, 29, 1)
    book = xlsx({"Notes": [["About"]], "List": [HEADER, *([row.get(name, "") for name in HEADER] for row in found)]})
    third = await take(ctx, book)
    assert (third.inserted, third.updated, third.duplicate_in_file) == (0, 29, 1)
    assert third.warnings == {"sheet: read 'List', one of 2 sheets": 1}
    assert await counts(ctx) == before


async def test_a_shuffled_file_of_badly_written_rows_makes_the_same_companies(ctx: Context, tmp_path: Any) -> None:
    """Rows of one company with different of its keys: whatever their order, they are the same companies."""
    found = []
    for n in range(1, 12):
        full = company(n)
        found += [
            full,
            {**full, "EIN": ""},
            {"Company Name": f"The Mill {n}", "State": "FL"},
            {"Company Name": f"M{n}", "EIN": full["EIN"]},
        ]
    report = await take(ctx, as_csv(random.Random(1).sample(found, len(found))))
    assert (report.made["companies"], report.rejected) == (11, 0)
    again = await take(ctx, as_csv(random.Random(2).sample(found, len(found))))
    assert (again.made["companies"], again.made["people"]) == (0, 0)


NUMBERS = itertools.count(1)
OFFICERS = [
    (name, title, f"{name.split()[0].lower()}@{{site}}" if mailed else "")
    for name, title, mailed in (
        ("Zoe Adler", "CEO", True), ("Al Brook", "CEO", True), ("Mia Cole", "Chief Executive Officer", True),
        ("Bo Dunn", "Owner", False), ("Cy Poe", "CFO", False), ("Ann Lee", "CFO", False),
        ("Ida Fox", "VP People", True), ("Zoe Adler", "CFO", True),
    )
]  # fmt: skip


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(OFFICERS), st.permutations(OFFICERS))
async def test_the_order_of_a_file_says_nothing_about_who_holds_a_slot(ctx: Context, one: Any, other: Any) -> None:
    def listed(name: str, officers: Any) -> bytes:
        site = f"{name.lower()}.example"
        lines = [f"{who},{title},{mail.format(site=site)},{name},{site}" for who, title, mail in officers]
        return "\n".join(("Full Name,Title,Email,Company,Company Website", *lines)).encode()

    names = [f"Mill{next(NUMBERS)}" for _ in range(2)]
    holders = []
    for name, officers in zip(names, (one, other), strict=True):
        await take(ctx, listed(name, officers))
        holders.append(await people_of(ctx, name))
    assert holders[0] == holders[1] == {"CEO": "Al Brook", "CFO": "Ann Lee", "HR": "Ida Fox"}
    again = await take(ctx, listed(names[0], other))
    assert (again.made["people"], again.made["slots_filled"]) == (0, 0)
    assert await people_of(ctx, names[0]) == holders[0]


async def test_bad_values_cost_the_value_and_a_row_without_a_company_costs_the_row(ctx: Context) -> None:
    bad = [company(1, **{"Renewal Month": 13}), company(2, EIN="12-34"), {"State": "FL", "CEO": "Nobody"}]
    report = await take(ctx, as_csv(bad))
    assert (report.inserted, report.rejected) == (2, 1)
    assert report.warnings == {
        "ein: has 4 digits, an EIN has nine (12-3456789)": 1,
        "renewal_month: is not a month (1 to 12)": 1,
    }
    async with ctx.db.tenant(1) as db:
        (refused,) = await rows(db, text("select row_number, field, reason, fix from app.rejected_rows"))
    assert tuple(refused.values()) == (4, "company_name", "there is no company name", "fill in the name of the company")


async def test_somebody_named_for_two_slots_holds_the_first_and_it_is_said(ctx: Context) -> None:
    report = await take(ctx, as_csv([company(1, HR="", CFO="Jane Doe B", **{"CFO Title": "CFO", "CEO Title": "CEO"})]))
    assert report.warnings == {"slot: a person named for two slots of a company holds one": 1}
    assert await people_of(ctx, "Mill 1 LLC") == {"CEO": "Jane Doe B"}


async def test_people_come_from_contact_files_to_the_companies_that_are_known(ctx: Context) -> None:
    await take(ctx, as_csv([company(1, HR="")]))
    header = ["Full Name", "Title", "Email", "Phone", "LinkedIn", "Company", "Company Website"]
    values = [
        "Ann Lee",
        "VP People",
        "ann@mill-1.example",
        "813-555-0100",
        "linkedin.com/in/ann-lee",
        "Mill One",
        "mill-1.example",
    ]
    report = await take(ctx, as_csv([dict(zip(header, values, strict=True))], header))
    assert (report.inserted, report.made["companies"], report.made["people"]) == (
        1,
        0,
        1,
    )  # a new person makes a row new
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.companies")) == 1
        url = await scalar(db, text("select url from app.pages where url_type = 'profile'"))
        kinds = await rows(
            db,
            text(
                "select kind from app.contact_points where source = 'file' and contact_id ="
                " (select id from app.contacts where full_name = 'Ann Lee') order by kind"
            ),
        )
    assert url == "https://www.linkedin.com/in/ann-lee"
    assert [row["kind"] for row in kinds] == ["email", "phone"]


async def test_a_slot_whose_company_has_no_playbook_waits_until_somebody_says_which(ctx: Context) -> None:
    await take(ctx, as_csv([company(1, HR="")]))
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.companies set playbook = 'gone'"))
    assert await leads.pump(ctx, 1) == 1
    assert await leads.pump(ctx, 1) == 0
    async with ctx.db.tenant(1) as db:
        (waiting,) = await dlq.listing(db, stage="intake.leads")
        assert "gone" in waiting["error"]
        await execute(db, text("update app.companies set playbook = null"))
        await dlq.retry(db, None)
    assert await leads.pump(ctx, 1) == 1
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select playbook from app.leads")) == PLAYBOOK
        assert await dlq.listing(db) == []


async def test_somebody_who_comes_back_to_a_slot_is_the_lead_they_were(ctx: Context) -> None:
    await take(ctx, as_csv([company(1, HR="")]))
    await leads.pump(ctx, 1)
    async with ctx.db.tenant(1) as db:
        jane = await scalar(db, text("select contact_id from app.company_slots where contact_id is not null"))
        for contact in (None, jane):
            await execute(db, text("update app.company_slots set contact_id = :c where role_code = 'CEO'"), c=contact)
    assert await leads.pump(ctx, 1) == 1
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.leads")) == 1


def test_a_file_without_a_playbook_is_of_the_only_one_about_properties(ctx: Context) -> None:
    about = [name for name, one in ctx.playbooks.items() if one.subject == "property" and one.territory is None]
    one_each = {name: ctx.playbooks[name] for name in (about[0], PLAYBOOK)}
    assert intake.choose_playbook(one_each, None) == about[0]
    assert intake.choose_playbook(ctx.playbooks, None) == about[0], "a playbook of places has to be named"
    assert intake.choose_playbook({PLAYBOOK: ctx.playbooks[PLAYBOOK]}, None) == PLAYBOOK
    with pytest.raises(InvalidInput, match="several"):
        intake.choose_playbook({**one_each, "other": ctx.playbooks[about[0]]}, None)
    with pytest.raises(InvalidInput, match="'solar'"):
        intake.choose_playbook(one_each, "solar")


async def test_the_irs_files_are_imported_twice_and_shuffled_without_a_double(ctx: Context) -> None:
    """41,455 organisations in five files, each with an EIN of its own."""
    lines: list[str] = []
    header = ""
    for file in sorted((shared_data() / "data" / "companies").glob("irs_eo_bmf_*.csv.gz")):
        header, *more = gzip.decompress(file.read_bytes()).decode().splitlines()
        lines += more
    assert len(lines) == 41_455
    for seed, (inserted, updated) in enumerate([(41_455, 0), (0, 41_455)]):
        shuffled = random.Random(seed).sample(lines, len(lines))
        report = await take(ctx, "\n".join((header, *shuffled)).encode())
        assert (report.map_name, report.rows_read, report.rejected, report.duplicate_in_file) == (
            "irs_eo_bmf",
            41_455,
            0,
            0,
        )
        assert (report.inserted, report.updated) == (inserted, updated)
    async with ctx.db.tenant(1) as db:
        doubles = await scalar(db, text("select count(*) - count(distinct ein) from app.companies"))
        named = await scalar(db, text("select count(*) from app.companies where ein is not null"))
        month = await scalar(db, text("select count(*) from app.companies where renewal_month is not null"))
        fiscal = await scalar(db, text("select count(*) from app.companies where facts ? 'fiscal_year_end_month'"))
    assert (doubles, named, month) == (0, 41_455, 0)
    assert fiscal > 41_000
    print(json.dumps(await counts(ctx)))


async def test_the_fortune_1000_shuffled_and_imported_again_move_nobody(ctx: Context) -> None:
    """Two pairs of its rows share a website, so one company has two chief executives to choose from."""
    text_of = (shared_data() / "data" / "companies" / "fortune_1000_2020.csv").read_text("utf-8-sig")
    header, *lines = text_of.splitlines()
    for seed in range(3):
        report = await take(ctx, "\n".join((header, *random.Random(seed).sample(lines, len(lines)))).encode())
        assert (report.made["slots_filled"] == 0) == (seed > 0)
