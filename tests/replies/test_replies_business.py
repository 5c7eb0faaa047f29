"""Mail from people at companies: who refers to somebody else, who has left, and what the coordinator is handed."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_company, make_contactable, make_person
from mailhouse import Mailhouse
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.outreach import campaigns
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump as send
from penstock.replies.business import read
from penstock.replies.endpoints import store
from penstock.replies.tasks import pump

JANE = "jane@palm.example"


@pytest.mark.parametrize(
    "words",
    [
        "Please talk to our HR director Jane.",
        "You should speak with Maria Lopez, our benefits manager.",
        "I'm not the right contact. Reach out to Bob Smith in HR.",
        "Our CFO handles this.",
        "This is handled by our PEO, best to write to them.",
        "The right person for this is Tom.",
        "I have forwarded your email to our controller.",
        "Looping in Sarah Cole from our finance team",
        "Benefits are looked after by the parent company.",
    ],
)
def test_somebody_else_is_named(words: str) -> None:
    assert read(words).refers


@pytest.mark.parametrize(
    "words",
    [
        "Please call me tomorrow afternoon.",
        "Sounds good, reach me on my cell after 5.",
        "Call Thursday, the calendar was full.",
        "We are happy with our broker.",
        "Who are you and why do you write to me?",
        "Not now, try again in March.",
        "I will ask around.",
        "Contact me next week please",
        "Can you email me the questions?",
    ],
)
def test_nobody_else_is_named(words: str) -> None:
    assert not read(words).refers


@pytest.mark.parametrize(
    "words",
    [
        "Jane Roe is no longer with the company.",
        "Jane no longer works here.",
        "I am no longer employed by Palm & Sons.",
        "I have left the company. For urgent matters write to office@palm.example",
        "Jane has retired.",
        "My last day was October 3rd.",
        "Jane is no longer with us",
        "Jane Roe is no longer with Palm & Sons",
        "Mrs. Roe has left our organization",
    ],
)
def test_the_person_has_left(words: str) -> None:
    assert read(words).left


@pytest.mark.parametrize(
    "words",
    [
        "I am out of the office until Monday.",
        "I'm no longer interested.",
        "I have left the office for today.",
        "We have no time left.",
        "I left you a voicemail.",
        "We no longer offer a plan.",
    ],
)
def test_the_person_is_still_there(words: str) -> None:
    assert not read(words).left


@pytest.fixture
async def lead(us: Context) -> uuid.UUID:
    """Jane, CFO, who got the first email an hour ago; a vacant CEO slot, an HR lead with a risky address, a signal."""
    company = await make_company(us, name="Palm & Sons Inc", employees=80)
    _, made = await make_person(us, company, "CFO", first_name="Jane", last_name="Roe", email=JANE)
    await make_person(us, company, "HR", first_name="Hal", last_name="Reed", title="Head of HR", colour="yellow")
    await change(us, "insert into app.signals (company_id, reason) values (:c, 'funding_raised')", c=company)
    await campaigns.create(us, 1, playbook="renewals", name="Spring")
    await feed(us, 1)
    await send(us, 1)
    clock.hold(clock.now() + timedelta(hours=1))
    return made


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def answer(ctx: Context, house: Mailhouse, words: str, *, sender: str = JANE, **headers: str) -> dict[str, Any]:
    ours = house.arrived[-1][2]
    message = EmailMessage()
    message["From"], message["To"] = sender, str(ours["Reply-To"])
    message["Subject"] = f"Re: {ours['Subject']}"
    message["Message-ID"] = f"<{uuid.uuid4().hex}@palm.example>"
    message["In-Reply-To"] = message["References"] = str(ours["Message-ID"])
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(words)
    async with ctx.db.tenant(1) as db:
        receipt = await store(ctx, db, 1, kind="mime", raw=message.as_bytes(), message_id="")
    await pump(ctx, 1)
    (found,) = await sql(ctx, "select * from app.webhook_receipts where id = :id", id=receipt)
    return found


async def handed(ctx: Context) -> list[dict[str, Any]]:
    found = await sql(ctx, "select * from app.handoffs order by id")
    return [{**row, "notes": ctx.sealer.open(1, row["notes"])} for row in found]


async def told(ctx: Context) -> list[dict[str, Any]]:
    found = await sql(ctx, "select kind, channel, payload_sealed from app.notifications order by id")
    return [{**row, "payload": json.loads(ctx.sealer.open(1, row["payload_sealed"]))} for row in found]


async def test_an_interested_executive_is_handed_over_with_what_is_known(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    await change(us, "update app.brokers set webhook_url = 'https://hooks.example/x', webhook_secret_sealed = 's1.x'")
    receipt = await answer(us, house, "Yes, this sounds great, let us talk on Thursday.")
    assert receipt["outcome"] == "positive"
    (made,) = await handed(us)
    assert (made["lead_id"], made["cause"]) == (lead, f"reply:{receipt['id']}")
    assert made["broker_id"] is not None and made["company_id"] is not None and made["contact_id"] is not None
    assert made["notes"] == (
        "Yes, this sounds great, let us talk on Thursday.\n\n"
        "Palm & Sons Inc; 80 people; renews on February 1, 2027; Tampa, FL\n"
        "CEO: vacant\n"
        "CFO: Jane Roe, Chief Financial Officer (email green)\n"
        "HR: Hal Reed, Head of HR (email yellow)\n"
        "Seen lately:\n- 2026-11-30 funding raised"
    )
    notices = await told(us)
    assert [(notice["kind"], notice["channel"]) for notice in notices] == [
        ("reply_received", "webhook"), ("reply_received", "mail"),
    ]  # fmt: skip
    assert notices[0]["payload"]["data"] == {"lead_id": str(lead), "intent": "positive", "handoff_id": made["id"]}
    assert (
        "CFO: Jane Roe" in notices[1]["payload"]["text"] and "let us talk on Thursday" in notices[1]["payload"]["text"]
    )
    events = await sql(us, "select details from app.pipeline_events where event_type = 'handoff_made'")
    assert events == [{"details": {"handoff": made["id"], "cause": "positive"}}]
    (face,) = await sql(us, "select company_id, contact_id from marketing.ac_handoff")
    assert face == {"company_id": made["company_id"], "contact_id": made["contact_id"]}
    assert len(house.arrived) == 2  # the automatic answer with the calendar


async def test_a_referral_is_for_a_person_to_judge_and_is_not_answered_by_a_machine(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    receipt = await answer(us, house, "Sounds interesting! Please talk to our HR director Hal Reed about this.")
    assert receipt["outcome"] == "referral"
    (made,) = await handed(us)
    assert "HR director Hal Reed" in made["notes"]
    (notice,) = await told(us)
    assert notice["payload"]["subject"] == "Jane names somebody else to talk to"
    assert len(house.arrived) == 1
    (row,) = await sql(us, "select campaign_status, status_reason from app.leads where id = :id", id=lead)
    assert row == {"campaign_status": "replied", "status_reason": "reply: referral"}


async def test_a_refusal_is_handed_to_nobody(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    await answer(us, house, "No thanks, not interested.")
    assert await handed(us) == []


async def test_who_left_is_not_written_to_again_and_the_departure_is_a_fact(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    words = "This is an automated reply. Jane Roe is no longer with the company. Please contact our front desk."
    receipt = await answer(us, house, words, Auto_Submitted="auto-replied")
    assert receipt["outcome"] == "left the company"
    (fact,) = await sql(us, "select kind, key, value, contact_id, source from app.company_facts")
    assert fact["kind"] == "departure" and fact["value"] == {"name": "Jane Roe", "date": "2026-11-30"}
    assert (fact["source"], fact["key"]) == ("mail", f"mail:{fact['contact_id']}")
    (row,) = await sql(us, "select state, stop_reason from app.enrollments where lead_id = :id", id=lead)
    assert row == {"state": "stopped", "stop_reason": "left the company"}
    await answer(us, house, words, Auto_Submitted="auto-replied")
    assert len(await sql(us, "select 1 from app.company_facts")) == 1
    assert await handed(us) == []  # nobody wrote


async def test_a_colleague_who_tells_of_it_is_answered_by_a_person(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    receipt = await answer(
        us, house, "Jane has left the company. Please write to Hal Reed in HR.", sender="hal@palm.example"
    )
    assert receipt["outcome"] == "referral"
    assert len(await sql(us, "select 1 from app.company_facts where kind = 'departure'")) == 1
    assert len(await handed(us)) == 1


async def test_a_home_owner_who_names_a_daughter_is_read_as_before(us: Context, house: Mailhouse) -> None:
    home = await make_contactable(us, email="ada@home.example")
    await feed(us, 1)
    await send(us, 1)
    receipt = await answer(
        us, house, "Yes, please call my daughter Jane Roe, we are interested!", sender="ada@home.example"
    )
    assert receipt["outcome"] == "positive"
    (made,) = await handed(us)
    assert (made["lead_id"], made["company_id"]) == (home, None)
    assert made["notes"] == "Yes, please call my daughter Jane Roe, we are interested!"
    (notice,) = await told(us)
    assert notice["channel"] == "mail" and "Their words" in notice["payload"]["text"]
