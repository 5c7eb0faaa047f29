"""A report as owners open it, as brokers read it, and as mails lead to it."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from reports_world import LOGO_SVG, make_home, property_of
from sqlalchemy import text

from ground import BROKER_ID
from penstock import compliance, onboarding, outreach
from penstock.api import auth
from penstock.api.app import create_app
from penstock.api.authenticate import token_secret
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.outreach.post import SQL as OUTREACH
from penstock.outreach.post import links_of
from penstock.reports import link_of_lead
from penstock.reports.tasks import pump

CARL_ID = UUID("c0000000-0000-4000-8000-000000000001")


@pytest.fixture
async def home(ctx: Context) -> UUID:
    """Bea's lead with its report."""
    lead = await make_home(ctx)
    await pump(ctx, 1)
    return lead


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as made:
        yield made


async def link(ctx: Context, lead: UUID) -> str:
    async with ctx.db.tenant(1) as db:
        found = await link_of_lead(db, ctx, 1, lead)
    assert found is not None
    return found


async def report(ctx: Context) -> Any:
    async with ctx.db.tenant(1) as db:
        return await one(db, text("select * from app.property_reports"))


async def test_an_owner_opens_the_page_and_its_paper(ctx: Context, client: httpx.AsyncClient, home: UUID) -> None:
    url = await link(ctx, home)
    for _ in range(2):
        answer = await client.get(url)
        assert answer.status_code == 200 and "3 re-roofs were permitted within 500 ft" in answer.text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow" and answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "set-cookie" not in answer.headers and answer.headers["cache-control"] == "no-store"
    first, second = await client.get(f"{url}.pdf"), await client.get(f"{url}.pdf")
    assert first.headers["content-type"] == "application/pdf" and first.content == second.content
    kept = await report(ctx)
    assert bytes(kept["pdf"]) == first.content and kept["opened_count"] == 2
    async with ctx.db.tenant(1) as db:
        opened = await rows(db, text("select details from app.pipeline_events where event_type = 'report_opened'"))
        lead = await one(db, text("select sales_stage, campaign_status from app.leads where id = :id"), id=home)
    assert [row["details"] for row in opened] == [{"by": "link"}]
    assert lead is not None and tuple(lead.values()) == ("new", "queued"), "a scanner's look is no interest"


async def test_only_a_live_picture_that_may_be_handed_on_is_shown(ctx: Context, client: httpx.AsyncClient) -> None:
    lead = await make_home(ctx)
    place = await property_of(ctx, lead)
    picture = (
        "insert into app.roof_images (org_id, property_id, source, status, license, media_type, content,"
        " content_sha256) values (1, :place, :source, :status, :license, 'image/jpeg', :content, :source)"
    )
    async with ctx.db.tenant(1) as db:
        for source, status, license_ in (
            ("naip", "live", "USGS NAIP, public domain"), ("mapbox", "live", "© Mapbox, by contract"),
            ("town", "synthetic", None),
        ):  # fmt: skip
            content = f"\xff\xd8\xff {source}".encode("latin-1")
            values = {"place": place, "source": source, "status": status, "license": license_, "content": content}
            await execute(db, text(picture), **values)
    await pump(ctx, 1)
    page = (await client.get(await link(ctx, lead))).text
    shown = base64.b64encode(b"\xff\xd8\xff naip").decode()
    assert re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page) == [shown]
    assert "From above: naip, day not stated. USGS NAIP, public domain." in page
    on_paper = await client.get(f"{await link(ctx, lead)}.pdf")
    assert on_paper.content.startswith(b"%PDF"), "a picture that cannot be drawn spoils no page"


async def test_a_bad_link_opens_nothing_and_a_withdrawn_report_says_so(
    ctx: Context, client: httpx.AsyncClient, home: UUID
) -> None:
    url = await link(ctx, home)
    token = url.rsplit("/", 1)[1]
    for bad in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[:-4], "x", "é", token.swapcase()):
        for path in (f"/r/{bad}", f"/r/{bad}.pdf", f"/r/{bad}/consent"):
            assert (await client.get(path)).status_code == 404, path
    nowhere = await client.get(f"{url}/zzz")
    assert nowhere.status_code == 404 and "There is no such page" in nowhere.text
    assert [(await client.head(url + end)).status_code for end in ("", ".pdf", "/stop", "/zzz")] == [200, 200, 303, 404]
    assert (await report(ctx))["opened_count"] == 0, "who asks for the head alone has not seen the page"
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.property_reports set withdrawn_at = app.now()"))
    assert [(await client.get(url + end)).status_code for end in ("", ".pdf", "/book")] == [410, 410, 404]
    assert (await report(ctx))["opened_count"] == 0


async def test_a_report_leads_where_the_mails_lead_and_ends_none_of_their_links(
    ctx: Context, client: httpx.AsyncClient, home: UUID
) -> None:
    url = await link(ctx, home)
    async with ctx.db.tenant(1) as db:
        mailed = await compliance.issue_consent_link(ctx, db, 1, lead_id=home)
    with clock.held_at(clock.now() + timedelta(days=6)):  # a mail would get a new link by now
        assert (await client.get(f"{url}/consent")).headers["location"] == mailed
        assert (await client.get(mailed)).status_code == 200
    with clock.held_at(clock.now() + timedelta(days=8)):
        fresh = (await client.get(f"{url}/consent")).headers["location"]
        assert fresh != mailed and (await client.get(fresh)).status_code == 200
    way_out = (await client.get(f"{url}/stop")).headers["location"]
    assert "metadata%5Blead_id%5D" in (await client.get(f"{url}/book")).headers["location"]
    await client.post(way_out)
    page = (await client.get(url)).text
    assert "/consent" not in page and "/stop" in page
    assert (await client.get(f"{url}/consent")).status_code == 404


async def test_mails_of_a_territory_lead_to_the_report_once_there_is_one(ctx: Context, home: UUID) -> None:
    without = await make_home(ctx)
    async with ctx.db.tenant(1) as db:
        point = text("select id from app.contact_points where kind = 'email' and contact_id ="
                     " (select contact_id from app.leads where id = :id)")  # fmt: skip
        told = []
        for lead in (home, without):
            points = [await scalar(db, point, id=lead)]
            [addressee] = await rows(db, OUTREACH["addressees"], org_id=1, lead_ids=[lead], point_ids=points)
            told.append((await links_of(ctx, db, 1, addressee)).report)
        assert told == [await link_of_lead(db, ctx, 1, home), None]
    assert outreach.Draft  # the room that writes them


async def test_a_broker_reads_and_withdraws_their_own_and_sets_their_firm(
    ctx: Context, client: httpx.AsyncClient, home: UUID
) -> None:
    await onboarding.add_broker(
        ctx, 1, onboarding.BrokerProfile(name="Carl", email="carl@acme.example"), broker_id=CARL_ID
    )
    bea, carl = await sign_in(ctx, BROKER_ID, "Bea"), await sign_in(ctx, CARL_ID, "Carl")
    [line] = (await client.get("/v1/property_reports", headers=bea)).json()
    assert line["lead_id"] == str(home) and line["total_urgency_score"] == 84 and line["urgency_tier"] == "HOT"
    assert (await client.get("/v1/property_reports", headers=carl)).json() == []
    path = f"/v1/property_reports/{line['id']}"
    shown = (await client.get(path, headers=bea)).json()
    assert shown["url"] == await link(ctx, home) and shown["content"]["score"]["total"] == 84
    assert (await client.get(f"{path}.pdf", headers=bea)).content.startswith(b"%PDF")
    assert [(await client.get(path + end, headers=carl)).status_code for end in ("", ".pdf")] == [404, 404]
    [proof] = (await client.get(f"/v1/social_proof_data/{await property_of(ctx, home)}", headers=bea)).json()
    assert proof["permits"] == 4 and proof["facts"]["nearest_month"] == "October 2026"
    assert (await client.post(f"{path}/withdraw", headers=carl)).status_code == 404
    reason = await client.post(f"{path}/withdraw", json={"reason": "asked for"}, headers=bea)
    assert reason.status_code == 422, "what would be lost is not taken"
    assert [(await client.post(f"{path}/withdraw", headers=bea)).json()["withdrawn"] for _ in range(2)] == [True, False]
    again = {"before": shown["created_at"], "before_id": shown["id"]}
    assert (await client.get("/v1/property_reports", headers=bea, params=again)).json() == []
    assert (await client.get("/v1/property_reports", headers=bea, params={"before_id": shown["id"]})).status_code == 422

    logo = base64.b64encode(LOGO_SVG).decode()
    firm = {"name": "Harbor Roofing", "license_number": "RC-1", "license_state": "TX", "logo": logo}
    made = (await client.put("/v1/contractors/me", headers=bea, json=firm)).json()
    assert (made["name"], made["logo_type"], made["broker_id"]) == ("Harbor Roofing", "image/svg+xml", str(BROKER_ID))
    shown_logo = await client.get(f"/v1/contractors/{made['id']}/logo", headers=bea)
    assert shown_logo.content == LOGO_SVG and "sandbox" in shown_logo.headers["content-security-policy"]
    moved = (await client.put("/v1/contractors/me", headers=bea, json={"name": "Harbour Roofs LLC"})).json()
    assert (moved["license_number"], moved["logo_type"]) == ("RC-1", "image/svg+xml"), "what is left out stays"
    taken = await client.put("/v1/contractors/me", headers=carl, json={"name": "HARBOUR ROOFS, L.L.C."})
    assert taken.status_code == 409
    for bad, why in (
        ({"logo": "%%%"}, "base64"), ({"logo": base64.b64encode(b"GIF89a").decode()}, "no PNG"),
        ({"name": "x"}, "letters"), ({"license_state": "Texas"}, "no state"), ({"phone": "12"}, "phone"),
        ({"website": "javascript:alert(1)"}, "website"),
    ):  # fmt: skip
        refused = await client.put("/v1/contractors/me", headers=bea, json={"name": "Harbor Roofing", **bad})
        assert refused.status_code == 422 and why in refused.json()["detail"], bad
    other = await client.put(
        "/v1/contractors/me", headers=carl, json={"name": "Carl & Co", "broker_id": str(BROKER_ID)}
    )
    assert other.status_code == 403
    async with ctx.db.tenant(1) as db:
        known = await rows(db, text("select name, broker_id from app.contractors order by id"))
    assert [(row["name"], row["broker_id"]) for row in known] == [
        ("Harbor Roofing", None),
        ("Harbour Roofs LLC", BROKER_ID),
    ]


async def sign_in(ctx: Context, user_id: UUID, name: str) -> dict[str, str]:
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text("insert into app.users (org_id, id, email, password_hash, name, user_role)"
                 " values (1, :id, :email, 'x', :name, 'broker')"),
            id=user_id, email=f"{name.lower()}@acme.example", name=name,
        )  # fmt: skip
    lifetime = timedelta(hours=1)
    token = auth.issue_token(token_secret(ctx), org_id=1, user_id=user_id, role="broker", lifetime=lifetime)
    return {"Authorization": f"Bearer {token}"}
