"""From an inbound mail to what follows, on a real database, with real mail going out."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_contactable
from mailhouse import Mailhouse
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump as send
from penstock.replies.endpoints import store
from penstock.replies.tasks import pump

ADA = "ada@home.example"
PHONE = "+18135550123"


@pytest.fixture
async def lead(us: Context) -> uuid.UUID:
    """Ada, who got the first email an hour ago."""
    made = await make_contactable(us, email=ADA, phone=PHONE)
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


async def deliver(ctx: Context, raw: bytes, kind: str = "mime") -> dict[str, Any]:
    """Store a mail as the endpoint does, pump, and give the receipt."""
    async with ctx.db.tenant(1) as db:
        receipt = await store(ctx, db, 1, kind=kind, raw=raw, message_id="")
    await pump(ctx, 1)
    (found,) = await sql(ctx, "select * from app.webhook_receipts where id = :id", id=receipt)
    return found


def reply(house: Mailhouse, words: str, *, sender: str = ADA, **headers: str) -> bytes:
    """An answer to the newest email, as a mail program would write it."""
    ours = house.arrived[-1][2]
    message = EmailMessage()
    message["From"], message["To"] = sender, str(ours["Reply-To"])
    message["Subject"] = f"Re: {ours['Subject']}"
    message["Message-ID"] = f"<{uuid.uuid4().hex}@home.example>"
    message["In-Reply-To"] = message["References"] = str(ours["Message-ID"])
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(f"{words}\n\nOn Monday, Carlos wrote:\n> To stop these emails, unsubscribe here\n")
    return message.as_bytes()


def bounce(house: Mailhouse, status: str, words: str, *, token: str | None = None, action: str = "failed") -> bytes:
    to = house.arrived[-1][0] if token is None else f"bounce+{token}@mail.acme.example"
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.home.example\nTo: {to}\nSubject: Undelivered "
        f"Mail\nMIME-Version: 1.0\n"
        f"Message-ID: <{uuid.uuid4().hex}@mx.home.example>\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: "
        "message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        f"Final-Recipient: rfc822; {ADA}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {words}\n--b--\n"
    ).encode()


async def lead_row(ctx: Context, lead: uuid.UUID) -> dict[str, Any]:
    (found,) = await sql(
        ctx,
        "select l.*, e.state, e.stop_reason, e.next_execution_at, e.current_step from app.leads l"
        " join app.enrollments e on e.org_id = l.org_id and e.lead_id = l.id where l.id = :id",
        id=lead,
    )
    return found


async def bars(ctx: Context) -> set[str]:
    return {row["reason"] for row in await sql(ctx, "select reason from app.suppressions where lifted_at is null")}


async def events(ctx: Context, lead: uuid.UUID) -> list[str]:
    told = await sql(ctx, "select event_type from app.pipeline_events where lead_id = :id", id=lead)
    return [row["event_type"] for row in told]


async def test_an_interested_reply_ends_the_sequence_is_answered_once_and_told_to_the_broker(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    receipt = await deliver(us, reply(house, "This sounds great, please call me on Thursday!"))
    assert (receipt["outcome"], receipt["lead_id"]) == ("positive", lead)
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["sales_stage"], row["last_reply_at"]) == ("replied", "interested", clock.now())
    assert (row["state"], row["consent"]) == ("stopped", False)
    assert "email_replied" in await events(us, lead)
    answer = house.arrived[-1][2]
    assert len(house.arrived) == 2
    assert answer["List-Unsubscribe"] is None
    assert answer["Auto-Submitted"] == "auto-replied" and answer["Subject"].startswith("Re: ")
    assert answer["In-Reply-To"].endswith("@home.example>")
    body = answer.get_body(("plain",)).get_content()
    assert "/consent/" in body and "/bea/equity-call" in body
    told = await sql(us, "select channel, kind from app.notifications where lead_id = :id", id=lead)
    assert {(row["kind"], row["channel"]) for row in told} == {("reply_received", "mail")}
    await deliver(us, reply(house, "Great, thank you, I'd love to talk!"))
    assert len(house.arrived) == 2
    (inbound, *_) = await sql(us, "select * from app.message_log where direction = 'inbound' order by id")
    assert inbound["intent"] == "positive"
    assert us.sealer.open(1, inbound["body_sealed"]) == "This sounds great, please call me on Thursday!"


async def test_a_worker_that_dies_while_answering_never_answers_twice(
    us: Context, house: Mailhouse, lead: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from penstock import outreach

    class Killed(BaseException):
        pass

    async def dies(ctx: Context, email: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(outreach, "hand_over", dies)
        await deliver(us, reply(house, "Yes, I'm very interested!"))
    clock.hold(clock.now() + timedelta(minutes=20))
    await send(us, 1)
    await pump(us, 1)
    assert len(house.arrived) == 1
    states = await sql(us, "select state from app.message_log where direction = 'outbound' order by id")
    assert [row["state"] for row in states] == ["sent", "in_doubt"]


async def test_a_wish_to_stop_closes_every_channel_for_the_person(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    receipt = await deliver(us, reply(house, "Please take me off your list."))
    assert receipt["outcome"] == "unsubscribe"
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["state"]) == ("unsubscribed", "stopped")
    found = await sql(us, "select kind, channels, raw_sealed, method from app.suppressions")
    assert {row["kind"] for row in found} == {"contact", "email", "phone"}
    assert all(sorted(row["channels"]) == ["email", "sms", "voice_ai", "voice_live"] for row in found)
    assert us.sealer.open(1, found[0]["raw_sealed"]) == "Please take me off your list."
    assert {"opted_out", "email_replied"} <= set(await events(us, lead))
    clock.hold(clock.now() + timedelta(days=10))
    await send(us, 1)
    assert len(house.arrived) == 1


async def test_a_wish_to_stop_from_an_unknown_address_in_the_thread_counts_for_the_person(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    await deliver(us, reply(house, "STOP", sender="ada.private@elsewhere.example"))
    assert (await lead_row(us, lead))["campaign_status"] == "unsubscribed"
    values = {row["value"] for row in await sql(us, "select value from app.suppressions where kind = 'email'")}
    assert values == {us.sealer.seal(1, ADA), us.sealer.seal(1, "ada.private@elsewhere.example")}


async def test_a_stranger_who_wants_no_mail_is_suppressed_too(us: Context) -> None:
    receipt = await deliver(us, b"From: eve@elsewhere.example\nTo: hello@mail.acme.example\nSubject: hi\n\nunsubscribe")
    assert receipt["outcome"] == "unmatched: unsubscribe"
    (row,) = await sql(us, "select kind, value, reason from app.suppressions")
    assert (row["kind"], row["value"]) == ("email", us.sealer.seal(1, "eve@elsewhere.example"))


@pytest.mark.parametrize(
    ("words", "reasons"),
    [
        ("You have the wrong person.", {"SUPP_OPT_OUT", "SUPP_WRONG_PARTY"}),
        ("She passed away last year.", {"SUPP_OPT_OUT", "SUPP_DECEASED_MINOR"}),
        ("My attorney will hear of this.", {"SUPP_OPT_OUT", "SUPP_LEGAL"}),
    ],
)
async def test_grave_replies_leave_their_own_reason(
    us: Context, house: Mailhouse, lead: uuid.UUID, words: str, reasons: set[str]
) -> None:
    await deliver(us, reply(house, words))
    assert await bars(us) == reasons
    assert (await lead_row(us, lead))["state"] == "stopped"


async def test_a_no_ends_the_sequence_without_an_opt_out_record(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    await deliver(us, reply(house, "No thanks."))
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["sales_stage"], row["state"]) == ("replied", "lost", "stopped")
    assert await bars(us) == set() and len(house.arrived) == 1


async def test_a_question_goes_to_the_broker(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    await deliver(us, reply(house, "How much are the fees?"))
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["sales_stage"]) == ("replied", "replied")
    (note,) = await sql(us, "select payload_sealed from app.notifications where channel = 'mail'")
    assert "How much are the fees?" in us.sealer.open(1, note["payload_sealed"])
    assert len(house.arrived) == 1


async def test_what_may_be_a_stop_holds_the_person_for_review(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    await deliver(us, reply(house, "can you stop by at 5?"))
    (row,) = await sql(us, "select needs_review_since from app.contacts where needs_review_since is not null")
    assert row["needs_review_since"] == clock.now()
    assert (await lead_row(us, lead))["state"] == "stopped"


async def test_not_now_rests_and_resumes(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    await deliver(us, reply(house, "Not right now, ask me again next month."))
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["state"]) == ("paused", "paused")
    assert row["next_execution_at"] == clock.now() + timedelta(days=30)
    clock.hold(clock.now() + timedelta(days=30, minutes=1))
    await send(us, 1)
    assert len(house.arrived) == 2
    assert (await lead_row(us, lead))["campaign_status"] == "active"


async def test_an_absence_rests_the_sequence_until_the_return(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    words = "I am out of the office until December 14 with limited access to email."
    await deliver(us, reply(house, words, Auto_Submitted="auto-replied"))
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["state"]) == ("active", "paused")
    assert row["next_execution_at"].date().isoformat() == "2026-12-14"
    assert "email_replied" not in await events(us, lead)
    clock.hold(row["next_execution_at"] + timedelta(minutes=1))
    await send(us, 1)
    assert len(house.arrived) == 2
    assert (await lead_row(us, lead))["state"] == "active"


async def test_a_machine_is_not_a_reply(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    receipt = await deliver(us, reply(house, "Yes! Your message was received.", Auto_Submitted="auto-generated"))
    assert receipt["outcome"] == "automatic"
    assert (await lead_row(us, lead))["campaign_status"] == "active" and len(house.arrived) == 1


async def test_a_late_bounce_marks_the_address_and_goes_on_with_the_next(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    async with us.db.tenant(1) as db:
        add = "select api.merge_contact_point(cast(:lead as uuid), 'email', :value, 'melissa', 50, true)"
        await execute(db, text(add), lead=str(lead), value=us.sealer.seal(1, "second@home.example"))
    receipt = await deliver(us, bounce(house, "5.1.1", "550 5.1.1 user unknown"))
    assert receipt["outcome"] == "bounce: no such mailbox"
    assert await bars(us) == {"SUPP_HARD_BOUNCE"}
    clock.hold(clock.now() + timedelta(days=2))
    await send(us, 1)
    assert [recipient for _, recipient, _ in house.arrived] == [ADA, "second@home.example"]


async def test_a_late_bounce_of_the_only_address_leaves_the_lead_bounced(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    await deliver(us, bounce(house, "5.1.1", "550 5.1.1 user unknown"))
    row = await lead_row(us, lead)
    assert (row["campaign_status"], row["state"]) == ("bounced", "stopped")
    assert "email_bounced" in await events(us, lead)


async def test_a_forged_bounce_is_ignored(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    receipt = await deliver(us, bounce(house, "5.1.1", "550 user unknown", token="a" * 26))
    assert receipt["outcome"] == "bounce of a message that is not ours"
    assert await bars(us) == set() and (await lead_row(us, lead))["state"] == "active"


async def test_the_third_temporary_bounce_in_two_weeks_rests_the_address(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    for n in range(3):
        assert (await lead_row(us, lead))["state"] == "active"
        await deliver(us, bounce(house, "5.2.2", f"552 mailbox full {n}"))
    row = await lead_row(us, lead)
    assert row["state"] == "paused" and row["next_execution_at"] == clock.now() + timedelta(days=30)
    assert await bars(us) == set()


async def test_trouble_with_our_own_standing_pauses_the_campaign_and_no_address(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    for n in range(20):
        await deliver(us, bounce(house, "5.7.26", f"550 5.7.26 unauthenticated {n}"))
    assert await bars(us) == set()
    campaigns = await sql(us, "select is_active from app.campaigns where playbook = 'equity'")  # the one that wrote
    assert [row["is_active"] for row in campaigns] == [False]
    emails = await sql(us, "select status::text from app.contact_points where kind = 'email'")
    assert [row["status"] for row in emails] == ["green"]
    told = await sql(us, "select kind from app.notifications where kind = 'campaign_switched_off'")
    assert len(told) == 1


async def test_a_spam_complaint_is_a_full_opt_out(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    raw = (
        f"From: fbl@isp.example\nTo: {house.arrived[-1][0]}\nSubject: complaint\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n--b\n'
        "Content-Type: text/plain\n\nspam\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n--b--\n"
    )
    receipt = await deliver(us, raw.encode())
    assert receipt["outcome"] == "complaint"
    assert (await lead_row(us, lead))["campaign_status"] == "unsubscribed"
    kinds = {row["kind"] for row in await sql(us, "select kind from app.suppressions")}
    assert kinds == {"contact", "email", "phone"}


async def test_mail_without_a_reference_is_matched_by_its_sender(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    receipt = await deliver(us, f"From: Ada <{ADA.upper()}>\nSubject: your letter\n\nWhat does it cost?".encode())
    assert (receipt["outcome"], receipt["lead_id"]) == ("question", lead)


async def test_mail_that_cannot_be_read_waits_in_the_dlq_and_holds_nobody_else(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    broken = await deliver(us, b"[1, 2]", kind="postmark")
    assert broken["processed_at"] is None
    (entry,) = await sql(us, "select stage, item, error from app.dlq")
    assert (entry["stage"], entry["item"]) == ("replies", str(broken["id"]))
    assert (await deliver(us, reply(house, "no thanks")))["outcome"] == "negative"


async def test_every_receipt_ends_processed_or_in_the_dlq(us: Context, house: Mailhouse, lead: uuid.UUID) -> None:
    mails = [reply(house, "?"), b"\n", bounce(house, "4.4.1", "timeout"), reply(house, "qwrtz plmkn")]
    for raw in (*mails, b"From: x\n\nhi"):
        await deliver(us, raw)
    (counts,) = await sql(
        us,
        "select count(*) as receipts, count(*) filter (where processed_at is not null) as processed,"
        " (select count(*) from app.dlq where stage = 'replies') as held from app.webhook_receipts",
    )
    assert counts["receipts"] == 5 == counts["processed"] + counts["held"]


async def test_a_reply_of_somebody_who_booked_does_not_undo_the_booking(
    us: Context, house: Mailhouse, lead: uuid.UUID
) -> None:
    booked = (
        "with a as (insert into app.appointments (org_id, lead_id, uid, starts_at, ends_at) values (1, :id, 'u1',"
        " app.now() + interval '1 day', app.now() + interval '25 hours')) "
        "update app.leads set campaign_status = 'converted' where id = :id"
    )
    await change(us, booked, id=lead)
    await deliver(us, reply(house, "Looking forward to speaking with you."))
    assert (await lead_row(us, lead))["campaign_status"] == "converted"


async def test_replies_and_sending_at_the_same_time_get_along(us: Context, house: Mailhouse) -> None:
    """Two readers and two senders over the same people: nobody waits in a ring, nobody who left is written to again."""
    people = [f"person{n}@home.example" for n in range(16)]
    for n, address in enumerate(people):
        await make_contactable(us, last_name=f"Busy{n}", email=address, phone=f"+1813555{2000 + n}")
    await feed(us, 1)
    await send(us, 1)
    clock.hold(clock.now() + timedelta(days=2, hours=1))
    ours = {recipient: message for _, recipient, message in house.arrived}
    words = ["STOP", "yes please call me", "no thanks", "How much is it?"]
    for n, address in enumerate(people):
        house.arrived.append(("", address, ours[address]))
        raw = reply(house, words[n % 4], sender=address)
        house.arrived.pop()
        async with us.db.tenant(1) as db:
            await store(us, db, 1, kind="mime", raw=raw, message_id="")
    await asyncio.gather(pump(us, 1), send(us, 1), pump(us, 1), send(us, 1))
    waiting = await sql(us, "select 1 from app.webhook_receipts where processed_at is null")
    assert waiting == [] and await sql(us, "select 1 from app.dlq") == []
    steps = await sql(
        us, "select lead_id, step, count(*) as n from app.message_log where direction = 'outbound' group by 1, 2"
    )
    assert {row["n"] for row in steps} == {1}
    left = await sql(
        us, "select campaign_status::text as status from app.leads l where campaign_status = 'unsubscribed'"
    )
    assert len(left) == 4
    before = len(house.arrived)
    clock.hold(clock.now() + timedelta(days=9))
    await send(us, 1)
    assert len(house.arrived) == before
