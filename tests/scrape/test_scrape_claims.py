"""Claiming pages costs the same however many are due."""

from __future__ import annotations

from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.scrape.tasks import SQL

MANY = 20_000


async def test_a_claim_reads_a_few_rows_of_many_that_are_due(ctx: Context) -> None:
    async with ctx.db.owner() as db:
        make = "insert into app.companies (org_id, name) select 1, 'Heron ' || g from generate_series(1, :many) g"
        await execute(db, text(make), many=MANY)
        watch = "insert into app.pages (org_id, company_id, url_type, url) select 1, id, :kind, 'u' from app.companies"
        await execute(db, text(watch), kind="website")
        await execute(db, text(watch), kind="linkedin")  # wait in front of everything where nobody reads them
        people = "insert into app.contacts (org_id, full_name, company_id) select 1, 'Ada', id from app.companies"
        await execute(db, text(people))
        watch = (
            "insert into app.pages (org_id, contact_id, url_type, url) select 1, id, 'profile', 'u' from app.contacts"
        )
        await execute(db, text(watch))
    terms = {"org_id": 1, "playbook": "renewals", "only": "renewals", "lease_id": str(ctx.worker_id), "limit": 20}
    for claim, kind in (("claim_company_pages", "website"), ("claim_profiles", "profile")):
        async with ctx.db.tenant(1) as db:
            await execute(db, SQL["walk"], sort="off")
            explain = text("explain (analyze, buffers, format json) " + SQL[claim].text)
            [plan] = [row["QUERY PLAN"][0]["Plan"] for row in await rows(db, explain, **terms, url_type=kind)]
        assert plan["Actual Rows"] == 20
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 3_000, claim
