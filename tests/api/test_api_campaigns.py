"""Campaigns, tasks and hand-offs over HTTP."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text

from factories import make_company, make_person
from ground import BROKER_ID
from penstock import booking
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.outreach.feeder import feed

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


@pytest.fixture
async def jane(ctx: Context) -> tuple[int, uuid.UUID]:
    """Bea's lead: a CFO with a profile."""
    company = await make_company(ctx, name="Palm & Sons Inc")
    return await make_person(
        ctx, company, first_name="Jane", last_name="Roe", profile="li/jane", assigned_broker_id=BROKER_ID
    )


async def with_task(ctx: Context, contact: int, lead: uuid.UUID) -> int:
    """An open LinkedIn task about the lead."""
    statement = text(
        "insert into app.tasks (lead_id, contact_id, channel, subject, body_sealed, due_at)"
        " values (:lead, :contact, 'linkedin', 'LinkedIn: a note', :words, app.now()) returning id"
    )
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, statement, lead=lead, contact=contact, words=ctx.sealer.seal(1, "Hello Jane")))


async def test_a_campaign_is_rehearsed_made_looked_at_paused_and_changed(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, jane: tuple[int, uuid.UUID]
) -> None:
    otto, wanted = cast.headers("Otto"), {"playbook": "renewals", "name": "Spring", "targets": ["CFO"]}
    rehearsed = await client.post("/v1/campaigns", json={**wanted, "dry_run": True}, headers=otto)
    assert rehearsed.json() == {
        "campaign_id": None, "name": "Spring", "added": 1, "companies": 1, "by_role": {"CFO": 1}, "held_back": {},
        "outside": {},
    }  # fmt: skip
    made = (await client.post("/v1/campaigns", json=wanted, headers=otto)).json()
    assert made["added"] == 1
    again = await client.post("/v1/campaigns", json=wanted, headers=otto)
    assert again.status_code == 409 and "Spring" in again.json()["detail"]
    url = f"/v1/campaigns/{made['campaign_id']}"
    shown = (await client.get(url, headers=otto)).json()
    assert (shown["people"], shown["written_to"], shown["targets"]) == (1, 0, ["CFO"])
    assert [(row["person"], row["waits_for"]) for row in shown["members"]] == [("Jane Roe", "the next morning")]
    paused = await client.patch(url, json={"is_active": False}, headers=otto)
    assert paused.json()["is_active"] is False
    gone = await client.post(f"{url}/people/remove", json={"contact_ids": [jane[0], 77]}, headers=otto)
    assert gone.json() == {"contact_ids": [jane[0]], "unknown": [77]}
    back = await client.post(f"{url}/people", json={"contact_ids": [jane[0], 77]}, headers=otto)
    assert back.json() == {"contact_ids": [jane[0]], "unknown": [77]}
    (listed, *_) = (await client.get("/v1/campaigns", headers=otto)).json()
    assert (listed["name"], listed["made_by"]) == ("Spring", str(cast.users["Otto"]))


@pytest.mark.parametrize(
    "path",
    [
        "campaigns/{}", "tasks/{}", "handoffs/{}", "tasks?campaign_id={}", "handoffs?company_id={}",
    ],
)  # fmt: skip
async def test_a_number_too_large_for_an_id_is_refused(cast: Cast, client: httpx.AsyncClient, path: str) -> None:
    found = await client.get("/v1/" + path.format("9" * 22), headers=cast.headers("Otto"))
    assert found.status_code == 422


async def test_the_one_who_sees_the_lead_sees_does_and_skips_the_task(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, jane: tuple[int, uuid.UUID]
) -> None:
    bea, carl = cast.headers("Bea"), cast.headers("Carl")
    first, second = await with_task(ctx, *jane), await with_task(ctx, *jane)
    assert [row["id"] for row in (await client.get("/v1/tasks", headers=bea)).json()] == [first, second]
    assert (await client.get("/v1/tasks", headers=carl)).json() == []
    for method, path in (("GET", ""), ("POST", "/done"), ("POST", "/skip")):
        body = {"reason": "x"} if path == "/skip" else {}
        answer = await client.request(method, f"/v1/tasks/{first}{path}", json=body, headers=carl)
        assert answer.status_code == 404, path
    shown = (await client.get(f"/v1/tasks/{first}", headers=bea)).json()
    assert (shown["text"], shown["may_now"], shown["company"]) == ("Hello Jane", True, "Palm & Sons Inc")
    assert "body_sealed" not in shown
    looked = await sql(ctx, "select actor, object_id from app.audit_logs where object_type = 'task'")
    assert looked == [{"actor": str(BROKER_ID), "object_id": str(first)}]
    done = await client.post(f"/v1/tasks/{first}/done", json={"note": "sent another text"}, headers=bea)
    assert done.status_code == 200
    (message,) = await sql(ctx, "select body_sealed from app.message_log where channel = 'linkedin'")
    assert ctx.sealer.open(1, message["body_sealed"]) == "sent another text"
    assert (await client.post(f"/v1/tasks/{first}/done", json={}, headers=bea)).status_code == 409
    skipped = await client.post(f"/v1/tasks/{second}/skip", json={"reason": "knows her already"}, headers=bea)
    assert skipped.status_code == 200
    closed = (await client.get("/v1/tasks?state=skipped", headers=bea)).json()
    assert [(row["reason"], row["closed_by"]) for row in closed] == [("knows her already", str(BROKER_ID))]


async def test_when_the_gate_says_no_the_answer_says_when_and_the_refusal_is_kept(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, jane: tuple[int, uuid.UUID]
) -> None:
    task = await with_task(ctx, *jane)
    clock.hold(clock.now().replace(hour=4) + timedelta(days=1))
    answer = await client.post(f"/v1/tasks/{task}/done", json={}, headers=cast.headers("key:root"))
    assert answer.status_code == 409
    assert answer.json()["reasons"] == ["TIME_QUIET_HOURS"] and answer.json()["fix"].startswith("from 2026-12-01T12:")
    assert await sql(ctx, "select verdict from app.contact_decisions") == [{"verdict": "DENY"}]
    assert await sql(ctx, "select state from app.tasks") == [{"state": "open"}]


async def test_hand_offs_are_read_by_who_sees_the_lead_and_the_look_is_on_record(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, jane: tuple[int, uuid.UUID]
) -> None:
    async with ctx.db.tenant(1) as db:
        made = await booking.hand_off(
            ctx, db, 1, lead_id=jane[1], cause="reply:1", kind="positive", said="Let us talk."
        )
    assert made is not None
    bea, carl = cast.headers("Bea"), cast.headers("Carl")
    (listed,) = (await client.get("/v1/handoffs", headers=bea)).json()
    assert (listed["person"], listed["company"], listed["broker"]) == ("Jane Roe", "Palm & Sons Inc", "Bea Broker")
    shown = (await client.get(f"/v1/handoffs/{made.id}", headers=bea)).json()
    assert shown["notes"].startswith("Let us talk.")
    assert (await client.get("/v1/handoffs", headers=carl)).json() == []
    assert (await client.get(f"/v1/handoffs/{made.id}", headers=carl)).status_code == 404
    looked = await sql(ctx, "select actor from app.audit_logs where object_type = 'handoff'")
    assert looked == [{"actor": str(BROKER_ID)}]


async def test_the_diary_of_a_person_at_a_company_tells_slot_campaign_signal_and_task(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, jane: tuple[int, uuid.UUID]
) -> None:
    otto = cast.headers("Otto")
    await client.post("/v1/campaigns", json={"playbook": "renewals", "name": "Spring"}, headers=otto)
    async with ctx.db.tenant(1) as db:
        await execute(
            db, text("insert into app.signals (company_id, reason) select id, 'job_postings' from app.companies")
        )
    await feed(ctx, 1)
    diary = (await client.get(f"/v1/leads/{jane[1]}/diary", headers=otto)).json()
    told = [line["what"] for line in diary]
    assert {"took a slot", "joined a campaign", "signal job_postings", "campaign_queued"} <= set(told)
    funnel = (await client.get("/v1/funnel", headers=otto)).json()["companies"]
    assert {name: funnel[name] for name in ("companies", "slots_filled", "slots_green", "in_window", "signals")} == {
        "companies": 1, "slots_filled": 1, "slots_green": 1, "in_window": 1, "signals": 1,
    }  # fmt: skip
