"""Finding and checking work addresses in the running town, graded by what is true there."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.enrichment.tasks import pump as enrich
from penstock.town.server import Town
from penstock.verification.tasks import pump as verify

COMPANIES = 20
ADD = """
with made as (
  insert into app.companies (org_id, name, domain, keys_at) values (1, :company, :domain, app.now())
  on conflict (org_id, domain) where domain is not null and merged_into is null do update set name = excluded.name
  returning id
), person as (
  insert into app.contacts (org_id, full_name, company_id, source) select 1, :name, id, 'test' from made
  returning id, company_id
)
insert into app.leads (org_id, playbook, company_id, contact_id) select 1, 'renewals', company_id, id from person
returning contact_id
"""


async def officers_of(town: Town) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        found = await client.get(f"{town.http_url}/town/companies/truth", params={"rows": COMPANIES})
    return [
        {**officer, "domain": company["domain"], "company": company["name"]}
        for company in found.json()
        for officer in company["officers"].values()
        if officer
    ]


async def test_most_living_mailboxes_are_found_and_green_means_the_right_one(town_ctx: Context, town: Town) -> None:
    ctx, officers = town_ctx, await officers_of(town)
    of_contact = {}
    async with ctx.db.tenant(1) as db:
        for officer in officers:
            about = {name: officer[name] for name in ("company", "domain", "name")}
            (made,) = await rows(db, text(ADD), **about)
            of_contact[made["contact_id"]] = officer
    await enrich(ctx, 1)
    await verify(ctx, 1)
    async with ctx.db.tenant(1) as db:
        points = await rows(db, text("select contact_id, value, cast(status as text) as s from app.contact_points"))
        cents = await scalar(db, text("select sum(cost_cents) from app.vendor_calls"))
    found = {point["contact_id"]: (ctx.sealer.open(1, point["value"]), point["s"]) for point in points}
    green = [(of_contact[who], address) for who, (address, status) in found.items() if status == "green"]
    right = [address for officer, address in green if address == officer["email"]]
    living = [who for who, officer in of_contact.items() if officer["mailbox"] == "live"]
    hit = [who for who in living if found.get(who, ("",))[0] == of_contact[who]["email"]]
    assert len(green) > len(officers) / 2
    assert len(right) / len(green) > 0.97
    assert len(hit) / len(living) > 0.7
    assert {of_contact[who]["mailbox"] for who, (_, status) in found.items() if status == "green"} == {"live"}
    async with httpx.AsyncClient() as client:
        truth = (await client.get(f"{town.http_url}/truth")).json()
    assert float(cents) == pytest.approx(0.8 * truth["billed"].get("zerobounce", {"items": 0})["items"])
    assert truth["emails"]["received"] == 0
