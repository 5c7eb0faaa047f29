"""Messages that somebody logged by hand: an answer is heard like one that arrived, what we wrote is counted."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_company, make_person
from mailhouse import Mailhouse
from penstock import compliance
from penstock.compliance import Intent, Request
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.outreach import campaigns, worklist
from penstock.outreach.feeder import feed
from penstock.outreach.plain import seal_plain_texts
from penstock.outreach.tasks import pump as send
from penstock.replies.tasks import pump

STOP = "Please stop contacting me. Unsubscribe."


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def log(
    ctx: Context, contact: int | None, words: str | None, *, direction: str = "inbound", channel: str = "email"
) -> None:
    """What somebody with a SQL prompt writes."""
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into marketing.message_log (contact_id, direction, channel, subject, body)"
                " values (:contact, :direction, :channel, 'Re: renewal', :words)"
            ),
            contact=contact, direction=direction, channel=channel, words=words,
        )  # fmt: skip


async def state_of(ctx: Context, lead: uuid.UUID) -> dict[str, Any]:
    (found,) = await sql(
        ctx,
        "select l.campaign_status, l.last_reply_at, e.state, e.stop_reason, e.next_execution_at from app.leads l"
        " join app.enrollments e on e.org_id = l.org_id and e.lead_id = l.id where l.id = :id",
        id=lead,
    )
    return found


@pytest.fixture
async def ada(us: Context) -> tuple[int, uuid.UUID]:
    """A CFO who got the first email, and has the LinkedIn task of the second step: (contact, lead)."""
    contact, lead = await make_person(us, await make_company(us), profile="linkedin.com/in/ada")
    await campaigns.create(us, 1, playbook="renewals", name="Spring")
    await feed(us, 1)
    await send(us, 1)
    while not await sql(us, "select 1 from app.tasks where state = 'open'"):
        clock.hold(clock.now() + timedelta(hours=12))
        await send(us, 1)
    return contact, lead


async def task(ctx: Context) -> worklist.Done:
    (found,) = await sql(ctx, "select id from app.tasks where state = 'open'")
    async with ctx.db.tenant(1) as db:
        return await worklist.done(ctx, db, 1, found["id"], actor="ann")


async def test_an_answer_logged_by_hand_holds_everything_until_it_is_understood(
    us: Context, house: Mailhouse, ada: tuple[int, uuid.UUID]
) -> None:
    contact, lead = ada
    await log(us, contact, "Not interested, please stop writing to me")
    mails = len(house.arrived)
    assert not (await task(us)).done
    assert await refused_now(us, lead) == "SUPP_PENDING_REVIEW"
    clock.hold(clock.now() + timedelta(days=6))
    await send(us, 1)
    assert len(house.arrived) == mails
    assert (await state_of(us, lead))["state"] == "active"  # held, not ended: it may be an absence
    assert await pump(us, 1) == 1
    assert await pump(us, 1) == 0
    after = await state_of(us, lead)
    assert (after["state"], after["campaign_status"]) == ("stopped", "unsubscribed")
    assert after["last_reply_at"] is not None
    assert [row["reason"] for row in await sql(us, "select reason from app.suppressions where kind = 'contact'")] == [
        "SUPP_OPT_OUT"
    ]
    assert await sql(us, "select intent from app.message_log where direction = 'inbound'") == [
        {"intent": "unsubscribe"}
    ]
    clock.hold(clock.now() + timedelta(days=30))
    await send(us, 1)
    assert len(house.arrived) == mails


@pytest.mark.parametrize("channel", ["linkedin", "phone", "sms", "other"])
async def test_an_opt_out_on_any_channel_is_one(us: Context, ada: tuple[int, uuid.UUID], channel: str) -> None:
    contact, lead = ada
    await log(us, contact, STOP, channel=channel)
    assert await seal_plain_texts(us, 1) == 1  # sealed in the meantime, it is read all the same
    await pump(us, 1)
    assert (await state_of(us, lead))["campaign_status"] == "unsubscribed"
    assert await sql(us, "select state from app.tasks") == [{"state": "withdrawn"}]


async def test_an_absence_logged_by_hand_rests_the_sequence_and_interest_is_handed_over(
    us: Context, ada: tuple[int, uuid.UUID]
) -> None:
    contact, lead = ada
    await log(us, contact, "I am out of the office until next week and will be back then.")
    await pump(us, 1)
    rests = await state_of(us, lead)
    assert rests["state"] == "paused" and rests["next_execution_at"] > clock.now()
    await log(us, contact, "Yes, I am interested. Can you call me tomorrow?", channel="phone")
    await pump(us, 1)
    assert (await state_of(us, lead))["campaign_status"] == "replied"
    made = await sql(us, "select cause from app.handoffs")
    assert len(made) == 1 and made[0]["cause"].startswith("reply:message:")
    assert len(await sql(us, "select 1 from app.notifications where kind = 'reply_received'")) == 1


async def test_an_answer_without_words_is_an_answer(us: Context, ada: tuple[int, uuid.UUID]) -> None:
    contact, lead = ada
    await log(us, contact, None)
    await pump(us, 1)
    assert (await state_of(us, lead))["campaign_status"] == "replied"


async def test_somebody_who_is_nobodys_lead_opts_out_too_and_an_answer_of_nobody_is_only_kept(us: Context) -> None:
    async with us.db.tenant(1) as db:
        await execute(db, text("insert into people.contact (full_name, email) values ('Bo', 'bo@b.example')"))
    (bo,) = await sql(us, "select contact_id from people.contact")
    await log(us, bo["contact_id"], STOP)
    await log(us, None, STOP)
    assert await pump(us, 1) == 1
    barred = await sql(us, "select kind, contact_id from app.suppressions order by kind")
    assert barred[0] == {"kind": "contact", "contact_id": bo["contact_id"]}
    assert await sql(us, "select count(*) as n from app.replies_due") == [{"n": 0}]


async def test_an_answer_that_cannot_be_read_waits_with_its_reason_and_holds_on(
    us: Context, house: Mailhouse, ada: tuple[int, uuid.UUID]
) -> None:
    contact, lead = ada
    await log(us, contact, "s1.bm90LXNlYWxlZA")
    mails = len(house.arrived)
    await pump(us, 1)
    (held,) = await sql(us, "select item from app.dlq where stage = 'replies'")
    assert held["item"].startswith("message:")
    clock.hold(clock.now() + timedelta(days=6))
    await send(us, 1)
    assert len(house.arrived) == mails and (await state_of(us, lead))["state"] == "active"


async def refused_now(ctx: Context, lead: uuid.UUID) -> str | None:
    async with ctx.db.tenant(1) as db:
        point = await rows(db, text("select id from app.contact_points where kind = 'email'"))
        campaign = await rows(db, text("select id from app.campaigns"))
        asked = Request(lead, point[0]["id"], Intent(channel="email", seller_id=1, campaign_id=campaign[0]["id"]))
        (decision,) = await compliance.decide_many(ctx, db, 1, [asked])
    return None if decision.allowed else decision.reason


async def test_what_somebody_wrote_by_hand_counts_for_the_caps_until_it_is_taken_back(us: Context) -> None:
    contact, lead = await make_person(us, await make_company(us))
    await campaigns.create(us, 1, playbook="renewals", name="Spring")
    assert await refused_now(us, lead) is None
    await log(us, contact, "Hello from me", direction="outbound")
    tried = await sql(us, "select lead_id, channel, purpose, state, reserved_at, value from app.contact_attempts")
    (point,) = await sql(us, "select value from app.contact_points where kind = 'email'")
    assert tried == [
        {
            "lead_id": lead, "channel": "email", "purpose": "MARKETING", "state": "done",
            "reserved_at": clock.now(), "value": point["value"],
        }
    ]  # fmt: skip
    clock.hold(clock.now() + timedelta(hours=1))
    assert (await refused_now(us, lead) or "").startswith("FREQ_")
    async with us.db.tenant(1) as db:
        await execute(db, text("delete from marketing.message_log"))
    assert await refused_now(us, lead) is None


async def test_what_the_engine_sends_is_counted_once_and_heard_by_nobody(
    us: Context, ada: tuple[int, uuid.UUID]
) -> None:
    assert (await task(us)).done
    sent = await sql(us, "select channel from app.message_log order by channel")
    assert [row["channel"] for row in await sql(us, "select channel from app.contact_attempts order by channel")] == [
        row["channel"] for row in sent
    ]
    assert await sql(us, "select 1 from app.replies_due") == []


async def told(ctx: Context) -> list[dict[str, Any]]:
    return await sql(
        ctx,
        "select (select count(*) from app.handoffs) as handoffs, (select count(*) from app.notifications) as notices,"
        " (select count(*) from app.tasks where state <> 'open') as closed, (select count(*) from app.suppressions) as"
        " bars, (select count(*) from app.contacts where needs_review_since is not null) as reviews",
    )


@pytest.mark.parametrize(
    "words",
    [
        "Yes, I am interested. Can you call me tomorrow?",
        "Can you stop by at five?",
        "I am out of the office until next week and will be back then.",
        "I have left the company, please talk to our HR director.",
        None,
    ],
)
async def test_an_answer_of_before_answers_were_heard_is_no_news(
    us: Context, ada: tuple[int, uuid.UUID], words: str | None
) -> None:
    contact, lead = ada
    await sql(us, "update app.leads set assigned_broker_id = (select min(id::text)::uuid from app.brokers) returning 1")
    before, nothing = await state_of(us, lead), await told(us)
    await log(us, contact, words)
    await sql(us, "update app.message_log set opt_out_only = true where direction = 'inbound' returning 1")
    assert await refused_now(us, lead) == "SUPP_PENDING_REVIEW"  # it may be a wish to be left alone
    assert await pump(us, 1) == 1 and await pump(us, 1) == 0
    assert (await state_of(us, lead), await told(us)) == (before, nothing)
    assert await refused_now(us, lead) != "SUPP_PENDING_REVIEW"
    assert (await task(us)).done


async def test_a_wish_to_be_left_alone_counts_however_old_it_is(us: Context, ada: tuple[int, uuid.UUID]) -> None:
    contact, lead = ada
    await log(us, contact, STOP)
    await sql(
        us,
        "update app.message_log set opt_out_only = true, at = at - interval '180 days' where direction = 'inbound'"
        " returning 1",
    )
    await pump(us, 1)
    assert (await state_of(us, lead))["campaign_status"] == "unsubscribed"
    assert [row["reason"] for row in await sql(us, "select reason from app.suppressions where kind = 'contact'")] == [
        "SUPP_OPT_OUT"
    ]
    assert await sql(us, "select 1 from app.handoffs") == await sql(us, "select 1 from app.notifications") == []
