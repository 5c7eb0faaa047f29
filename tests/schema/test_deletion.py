"""What goes along when a row is deleted, what is left without it, and what is not deleted for what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factories import make_lead
from ground import BROKER_ID
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar

PLACE = "(select min(id) from app.properties)"
LEAD = "(select min(id::text)::uuid from app.leads)"
BROKER = f"'{BROKER_ID}'"
SEQUENCE = "(select min(id) from app.campaigns)"
PERMIT = (
    "insert into app.building_permits (source, source_id, work, state, issued_on, content_hash, property_id,"
    " matched_by, matched_at, lat, lng, at_place, contractor_id, subdivision_id, address_line1)"
    f" select 'nashville', 'a', 'reroof', 'FL', '2026-01-01', 'x', {PLACE}, 'parcel', app.now(), 27.9, -82.4, true,"
    " (select min(id) from app.contractors), (select min(id) from app.subdivisions), '1 Elm St'"
)
FIRM = "insert into app.contractors (name, name_key) values ('Roofs LLC', 'roofs')"
ESTATE = "insert into app.subdivisions (state, city, name) values ('FL', 'TAMPA', 'OAK HILL')"
REPORT = (
    "insert into app.property_reports (property_id, lead_id, contractor_id, playbook, content, content_sha256)"
    f" select {PLACE}, {LEAD}, (select min(id) from app.contractors), 'roofing', '{{}}', 'x'"
)
ENROLLED = (
    "insert into app.campaigns (playbook, name) values ('roofing', 'Spring');"
    f"insert into app.enrollments (campaign_id, lead_id, persona, next_execution_at)"
    f" select {SEQUENCE}, {LEAD}, 'a', app.now()"
)


async def run(ctx: Context, *statements: str) -> None:
    async with ctx.db.tenant(1) as db:
        for statement in (part for each in statements for part in each.split(";")):
            await execute(db, text(statement.replace("{{", "{").replace("}}", "}")))


async def count(ctx: Context, table: str) -> int:
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, text(f"select count(*) from app.{table}")))


async def made_of_place(ctx: Context) -> None:
    """A place without a lead, and all that hangs on a place."""
    await run(
        ctx, FIRM, ESTATE,
        "insert into app.properties (source, state, county, apn)"
        " select 't', 'FL', 'PASCO', n from generate_series(1, 2) n",
        f"update app.properties set merged_into = {PLACE} where id > {PLACE}",
        "insert into app.property_merges (kept_id, gone_id, reason, before)"
        " select min(id), max(id), 'parcel', '{}' from app.properties",
        PERMIT,
        f"insert into app.roof_images (property_id, source, status) select {PLACE}, 'naip', 'failed'",
        "insert into app.roof_assessments (property_id, image_id, vendor, model, status)"
        " select property_id, id, 'openai', 'm', 'failed' from app.roof_images",
        f"insert into app.social_proof_data (property_id, playbook, text, facts, permits, contractors)"
        f" select {PLACE}, 'roofing', 'x', '{{}}', 1, 1",
        "update app.properties set subdivision_id = (select min(id) from app.subdivisions)",
    )  # fmt: skip


async def test_a_place_takes_what_is_about_it_along_and_leaves_its_permits(ctx: Context) -> None:
    await made_of_place(ctx)
    await run(ctx, f"delete from app.properties where id = {PLACE}")
    gone = ("properties", "property_merges", "roof_images", "roof_assessments", "social_proof_data")
    assert [await count(ctx, table) for table in gone] == [0] * len(gone)
    async with ctx.db.tenant(1) as db:
        left = await one(
            db, text("select property_id, matched_by, matched_at, lat, at_place, version from app.building_permits")
        )
    assert left is not None
    assert dict(left) == {
        "property_id": None, "matched_by": None, "matched_at": None, "lat": None, "at_place": False, "version": 2,
    }, "it is looked up again, without the coordinates that it had from the place"  # fmt: skip


async def test_a_firm_or_a_development_that_goes_leaves_permits_places_and_reports(ctx: Context) -> None:
    await made_of_place(ctx)
    await make_lead(ctx)
    await run(ctx, REPORT, "insert into app.call_campaigns (playbook, name, created_by, contractor_id)"
                           " select 'roofing', 'Spring', 'ada', min(id) from app.contractors")  # fmt: skip
    await run(ctx, "delete from app.contractors", "delete from app.subdivisions")
    async with ctx.db.tenant(1) as db:
        for table, column in (
            ("building_permits", "contractor_id"), ("building_permits", "subdivision_id"),
            ("properties", "subdivision_id"), ("call_campaigns", "contractor_id"),
            ("property_reports", "contractor_id"),
        ):  # fmt: skip
            left = await one(db, text(f"select count(*) as rows, count({column}) as held from app.{table}"))
            assert left is not None and left["rows"] > left["held"] == 0, (table, column)


async def test_a_lead_without_a_history_takes_its_report_notes_and_tags_along(ctx: Context) -> None:
    await make_lead(ctx)
    await run(ctx, REPORT, f"insert into app.lead_tags (lead_id, tag, added_by) select {LEAD}, 'x', 'ada'",
              f"insert into app.lead_notes (lead_id, body_sealed, author) select {LEAD}, 's1.x', 'ada'",
              "delete from app.leads")  # fmt: skip
    for table in ("property_reports", "lead_tags", "lead_notes"):
        assert await count(ctx, table) == 0
    await run(ctx, "delete from app.properties")
    assert await count(ctx, "properties") == 0


async def test_a_sequence_takes_its_steps_and_a_scan_leaves_its_leads(ctx: Context) -> None:
    await make_lead(ctx)
    await run(
        ctx,
        "insert into app.campaigns (playbook, name) values ('roofing', 'Spring')",
        f"insert into app.sequence_nodes (campaign_id, node_id, node_type) select {SEQUENCE}, 'a', 'START'",
        "delete from app.campaigns",
        "insert into app.area_scans (playbook, broker_id, area_name, scan_type, area, created_by)"
        f" values ('roofing', {BROKER}, '33602', 'zip_code', '{{}}', 'ada')",
        "update app.leads set area_scan_id = (select id from app.area_scans)",
        "delete from app.area_scans",
    )
    assert (await count(ctx, "sequence_nodes"), await count(ctx, "leads where area_scan_id is null")) == (0, 1)


HELD: Mapping[str, tuple[str, str, str]] = {
    "a lead holds its place": ("", "properties", "the lead"),
    "an enrolment holds its sequence": (ENROLLED, "campaigns", "is_active"),
    "an enrolment holds its lead": (ENROLLED, "leads", "do_not_contact"),
    "a message holds its enrolment": (
        f"{ENROLLED};insert into app.message_log (lead_id, enrollment_id, direction, channel, state)"
        " select lead_id, id, 'outbound', 'email', 'sent' from app.enrollments",
        "enrollments",
        "stopped",
    ),
    "a task holds its sequence": (
        "insert into app.campaigns (playbook, name) values ('roofing', 'Spring');"
        "insert into app.tasks (lead_id, campaign_id, channel, subject, due_at)"
        f" select {LEAD}, {SEQUENCE}, 'phone', 'x', app.now()",
        "campaigns",
        "is_active",
    ),
    "a message holds its lead": (
        f"insert into app.message_log (lead_id, direction, channel, state)"
        f" select {LEAD}, 'inbound', 'email', 'received'",
        "leads",
        "do_not_contact",
    ),
    "a charge holds its lead": (
        "insert into app.usage_events (broker_id, playbook, metric, quantity, reference, lead_id, day)"
        f" select {BROKER}, 'roofing', 'leads_generated', 1, 'x', {LEAD}, '2026-11-30'",
        "leads",
        "do_not_contact",
    ),
    "a scan holds its customer": (
        "insert into app.area_scans (playbook, broker_id, area_name, scan_type, area, created_by)"
        f" values ('roofing', {BROKER}, '33602', 'zip_code', '{{}}', 'ada')",
        "brokers",
        "is_active",
    ),
}


@pytest.mark.parametrize("rule", HELD)
async def test_what_has_a_history_is_not_deleted_and_the_refusal_says_what_to_do(ctx: Context, rule: str) -> None:
    made, table, fix = HELD[rule]
    await make_lead(ctx)
    await run(ctx, *([made] if made else []))
    with pytest.raises(DBAPIError) as refused:
        await run(ctx, f"delete from app.{table}")
    said: Any = refused.value.orig
    assert isinstance(said, psycopg.Error)
    assert (said.sqlstate, said.diag.constraint_name) == ("PS009", None)
    assert "not deleted" in str(said.diag.message_primary) and fix in str(said.diag.message_hint)
