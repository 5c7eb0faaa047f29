"""Four emails on days 1, 3, 5 and 7, and nothing twice, whatever happens in between."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_contactable
from mailhouse import Mailhouse
from penstock import compliance
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.outreach import letters, post, tasks
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump
from penstock.providers import mail
from penstock.providers.mail import MailServer

ADA = "ada@home.example"


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def fed(ctx: Context, **kwargs: Any) -> uuid.UUID:
    lead = await make_contactable(ctx, email=ADA, **kwargs)
    await feed(ctx, 1)
    return lead


async def enrollment(ctx: Context, lead: uuid.UUID) -> dict[str, Any]:
    (found,) = await sql(ctx, "select * from app.enrollments where lead_id = :id", id=lead)
    return found


async def run_until(ctx: Context, end: datetime) -> None:
    """Move the clock from one due instant to the next and pump, as the simulator does."""
    while True:
        await pump(ctx, 1)
        (due,) = await sql(
            ctx,
            "select least((select min(next_execution_at) from app.enrollments e where state in ('active', 'paused')"
            " and not exists (select 1 from app.dlq d where d.item = e.id::text)),"
            " (select min(retry_after) from app.dlq)) as at",
        )
        if due["at"] is None or due["at"] > end:
            clock.hold(end)
            return
        clock.hold(max(due["at"], clock.now() + timedelta(minutes=1)))


async def states(ctx: Context) -> list[str]:
    return [row["state"] for row in await sql(ctx, "select state from app.message_log order by id")]


async def test_four_emails_arrive_on_days_one_three_five_and_seven(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    start = clock.now()
    await run_until(sender, start + timedelta(days=12))
    messages = [message for _, _, message in house.arrived]
    assert [recipient for _, recipient, _ in house.arrived] == [ADA] * 4
    assert [(message["Date"].datetime - start).days + 1 for message in messages] == [1, 3, 5, 7]
    assert len({message["Message-ID"] for message in messages}) == 4
    assert messages[0]["In-Reply-To"] is None
    for earlier, later in pairwise(messages):
        assert later["In-Reply-To"] == earlier["Message-ID"]
    for (return_path, _, message), raw in zip(house.arrived, house.raw, strict=True):
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert return_path.startswith("bounce+") and return_path.endswith("@mail.acme.example")
        assert b"\r\nList-Unsubscribe: <http" in raw
        for part in ("plain", "html"):
            body = message.get_body((part,)).get_content()
            assert "/unsubscribe/" in body and "/consent/" in body and "1 Main Street, Tampa" in body
    state = await enrollment(sender, lead)
    assert (state["state"], state["current_step"]) == ("finished", 4)
    (row,) = await sql(sender, "select current_sequence_step, sales_stage from app.leads where id = :id", id=lead)
    assert (row["current_sequence_step"], row["sales_stage"]) == (4, "contacted")
    events = await sql(
        sender,
        "select event_type from app.pipeline_events where lead_id = :id and stage = 'outreach' order by id",
        id=lead,
    )
    assert [row["event_type"] for row in events].count("email_sent") == 4
    assert events[-1]["event_type"] == "email_sent" or "sequence_finished" in {row["event_type"] for row in events}
    assert await sql(sender, "select 1 from app.contact_attempts where state <> 'done'") == []
    assert (await compliance_chain(sender)).sound


async def compliance_chain(ctx: Context) -> Any:
    async with ctx.db.tenant(1) as db:
        return await compliance.verify_chain(ctx, db, 1)


async def test_an_unsubscribe_between_two_steps_stops_the_sequence(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    await pump(sender, 1)
    async with sender.db.tenant(1) as db:
        await compliance.suppress(
            sender, db, 1, reason="SUPP_OPT_OUT", method="one-click", actor="test", lead_id=lead, email=ADA
        )
    await run_until(sender, clock.now() + timedelta(days=10))
    assert len(house.arrived) == 1
    assert (await enrollment(sender, lead))["state"] == "stopped"


async def test_a_suppression_between_the_reservation_and_the_wire_stops_the_email(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await fed(sender)
    real = post.still_allowed

    async def meanwhile(ctx: Context, org_id: int, posted: Any) -> frozenset[int]:
        async with ctx.db.tenant(org_id) as db:
            await compliance.suppress(ctx, db, org_id, reason="SUPP_OPT_OUT", method="page", actor="test", lead_id=lead)
        return await real(ctx, org_id, posted)

    monkeypatch.setattr(post, "still_allowed", meanwhile)
    await pump(sender, 1)
    assert house.arrived == [] and house.asked == 0
    assert await states(sender) == ["failed"]
    assert (await enrollment(sender, lead))["state"] == "stopped"


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("moment", ["before the wire", "after the wire"])
async def test_a_worker_that_dies_between_reservation_and_record_sends_nothing_twice(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    lead = await fed(sender)
    real = post.hand_over

    async def dies(ctx: Context, email: Any) -> Any:
        if moment == "after the wire":
            await real(ctx, email)
        raise Killed

    monkeypatch.setattr(post, "hand_over", dies)
    with pytest.raises(Killed):
        await pump(sender, 1)
    monkeypatch.setattr(post, "hand_over", real)
    assert await states(sender) == ["sending"]
    successor = replace(sender, worker_id=uuid.uuid4())
    clock.hold(clock.now() + timedelta(minutes=20))
    await pump(successor, 1)
    assert await states(sender) == ["in_doubt"]
    assert [row["state"] for row in await sql(sender, "select state from app.contact_attempts")] == ["in_doubt"]
    await run_until(successor, clock.now() + timedelta(days=10))
    steps = [row["step"] for row in await sql(sender, "select step from app.message_log order by id")]
    assert steps == [1, 2, 3, 4]
    assert len(house.arrived) == (4 if moment == "after the wire" else 3)
    assert len({message["Message-ID"] for _, _, message in house.arrived}) == len(house.arrived)
    assert (await enrollment(sender, lead))["state"] == "finished"


@pytest.mark.parametrize("fate", [post.Fate.SENT, post.Fate.UNCLEAR])
async def test_an_email_that_was_put_in_doubt_while_it_was_on_its_way_is_told_of_once(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch, fate: post.Fate
) -> None:
    await fed(sender)

    async def slow(ctx: Context, posted: post.Posted) -> post.Outcome:
        clock.hold(clock.now() + timedelta(minutes=20))
        assert await post.settle(ctx, 1) == 1
        return post.Outcome(fate)

    monkeypatch.setattr(post, "hand_over", slow)
    await pump(sender, 1)
    told = await sql(sender, "select details from app.pipeline_events where event_type = 'email_sent'")
    assert told == [{"details": {"step": 1, "in_doubt": True}}]
    assert await states(sender) == ["sent" if fate is post.Fate.SENT else "in_doubt"]


async def test_a_message_of_a_worker_known_to_be_dead_is_settled_at_once(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fed(sender)

    async def dies(ctx: Context, email: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(post, "hand_over", dies)
        await pump(sender, 1)
    await change(
        sender,
        "insert into app.workers (id, host, pid, started_at, last_seen_at, stopped_at)"
        " values (:id, 'h', 1, app.now(), app.now(), app.now())",
        id=sender.worker_id,
    )
    await pump(replace(sender, worker_id=uuid.uuid4()), 1)
    assert await states(sender) == ["in_doubt"]


async def test_a_connection_cut_after_the_text_is_never_repeated(sender: Context, house: Mailhouse) -> None:
    await fed(sender)
    house.data = "cut"
    await pump(sender, 1)
    assert await states(sender) == ["in_doubt"]
    house.data = "250 taken"
    await run_until(sender, clock.now() + timedelta(hours=30))
    assert len(house.arrived) == 1


async def test_two_pumps_at_once_send_each_step_once(sender: Context, house: Mailhouse) -> None:
    for n in range(30):
        await make_contactable(sender, last_name=f"Twin{n}")
    await feed(sender, 1)
    other = replace(sender, worker_id=uuid.uuid4())
    await asyncio.gather(pump(sender, 1), pump(other, 1))
    assert len(house.arrived) == 30
    assert len({recipient for _, recipient, _ in house.arrived}) == 30
    assert await states(sender) == ["sent"] * 30


async def test_a_mailbox_that_does_not_exist_goes_red_and_the_next_best_address_is_tried(
    sender: Context, house: Mailhouse
) -> None:
    lead = await fed(sender)
    async with sender.db.tenant(1) as db:
        await execute(
            db,
            text("select api.merge_contact_point(cast(:lead as uuid), 'email', :value, 'melissa', 50, true)"),
            lead=str(lead),
            value=sender.sealer.seal(1, "second@home.example"),
        )
    house.rcpt[ADA] = "550 5.1.1 no such mailbox"
    await run_until(sender, clock.now() + timedelta(days=2))
    assert [recipient for _, recipient, _ in house.arrived] == ["second@home.example"]
    points = await sql(
        sender, "select value, status::text, verified from app.contact_points where kind = 'email' order by score desc"
    )
    assert [(row["status"], row["verified"]) for row in points] == [("red", False), ("green", True)]
    bars = await sql(sender, "select reason, value from app.suppressions")
    assert [(row["reason"], row["value"]) for row in bars] == [("SUPP_HARD_BOUNCE", sender.sealer.seal(1, ADA))]
    assert (await enrollment(sender, lead))["state"] == "active"


async def test_an_address_that_plain_mail_cannot_carry_is_given_up_alone(sender: Context, house: Mailhouse) -> None:
    odd = await make_contactable(sender, email="jörg@home.example")
    await fed(sender)
    await pump(sender, 1)
    assert [recipient for _, recipient, _ in house.arrived] == [ADA]
    assert sorted(await states(sender)) == ["failed", "sent"]
    lead = await sql(sender, "select campaign_status::text as status from app.leads where id = :id", id=odd)
    assert lead == [{"status": "bounced"}]


async def test_an_email_that_fails_in_an_unforeseen_way_is_in_doubt_and_the_others_are_written_down(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_contactable(sender, email="eve@home.example")
    await fed(sender)
    send = mail.send

    async def sometimes(server: MailServer, **letter: Any) -> None:
        if letter["recipient"] != ADA:
            raise TypeError("something about Eve")
        await send(server, **letter)

    monkeypatch.setattr(mail, "send", sometimes)
    await pump(sender, 1)
    assert [recipient for _, recipient, _ in house.arrived] == [ADA]
    assert sorted(await states(sender)) == ["in_doubt", "sent"]


async def test_without_another_address_the_lead_is_bounced(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    house.rcpt[ADA] = "550 5.1.1 no such mailbox"
    await pump(sender, 1)
    (row,) = await sql(sender, "select campaign_status::text as status from app.leads where id = :id", id=lead)
    assert row["status"] == "bounced"
    state = await enrollment(sender, lead)
    assert (state["state"], state["stop_reason"]) == ("stopped", "SUPP_HARD_BOUNCE")
    assert await states(sender) == ["failed"]


async def test_a_server_that_is_busy_is_asked_again_later_and_the_step_arrives_once(
    sender: Context, house: Mailhouse
) -> None:
    lead = await fed(sender)
    house.rcpt[ADA] = "451 4.7.1 greylisted"
    await pump(sender, 1)
    (entry,) = await sql(sender, "select stage, item, retry_after from app.dlq")
    assert entry["stage"] == "outreach" and entry["retry_after"] >= clock.now() + timedelta(minutes=5)
    assert (await enrollment(sender, lead))["current_step"] == 0
    house.rcpt.clear()
    await run_until(sender, clock.now() + timedelta(hours=4))
    assert len(house.arrived) == 1
    assert await states(sender) == ["failed", "sent"]
    assert await sql(sender, "select 1 from app.dlq") == []


async def test_outside_the_persons_hours_the_step_waits_for_the_morning(sender: Context, house: Mailhouse) -> None:
    clock.hold(datetime.fromisoformat("2026-12-01T02:30:00+00:00"))  # 21:30 in Tampa
    lead = await fed(sender)
    await pump(sender, 1)
    assert house.arrived == []
    assert (await enrollment(sender, lead))["next_execution_at"] == datetime.fromisoformat("2026-12-01T14:00:00+00:00")
    denied = await sql(
        sender, "select details ->> 'reason' as reason from app.pipeline_events where event_type = 'contact_denied'"
    )
    assert [row["reason"] for row in denied] == ["TIME_QUIET_HOURS"]


async def test_a_campaign_that_is_switched_off_keeps_its_people_waiting(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    await change(sender, "update app.campaigns set is_active = false")
    assert await pump(sender, 1) == 0
    assert house.arrived == [] and (await enrollment(sender, lead))["state"] == "active"


async def test_a_template_that_fails_waits_in_the_dlq_and_holds_nobody_else(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    await make_contactable(sender, last_name="Other", email="other@home.example")
    await feed(sender, 1)
    await change(sender, "update app.contacts set first_name = E'Ada\\nBcc' where last_name = 'Sample'")
    await change(sender, "update app.enrollments set persona = :bad where lead_id = :id", bad="Nobody Known", id=lead)
    broken = replace(sender.playbooks["equity"].personas[0], name="Eve\r\nBcc: all@home.example")
    playbook = replace(sender.playbooks["equity"], personas=(broken, *sender.playbooks["equity"].personas[1:]))
    await pump(replace(sender, playbooks={"equity": playbook}), 1)
    assert [recipient for _, recipient, _ in house.arrived] == ["other@home.example"]
    (entry,) = await sql(sender, "select stage, error from app.dlq")
    assert entry["stage"] == "outreach" and "line break" in entry["error"]


async def test_one_letter_that_cannot_be_written_waits_alone_and_its_error_says_nothing_of_the_person(
    sender: Context, house: Mailhouse, monkeypatch: Any
) -> None:
    leads = [await make_contactable(sender, last_name=f"No{n}", email=f"no{n}@home.example") for n in range(6)]
    await feed(sender, 1)

    def strange(ctx: Context, addressee: Any, **given: Any) -> Any:
        if addressee["lead_id"] == leads[2]:
            raise RuntimeError("no2@home.example is strange")
        return letters.compose(ctx, addressee, **given)

    monkeypatch.setattr("penstock.outreach.post.compose", strange)
    await pump(sender, 1)
    assert {recipient for _, recipient, _ in house.arrived} == {f"no{n}@home.example" for n in (0, 1, 3, 4, 5)}
    (entry,) = await sql(sender, "select item, error, payload from app.dlq")
    row = await enrollment(sender, leads[2])
    assert entry == {"item": str(row["id"]), "error": "RuntimeError", "payload": {"step": 1}}
    assert (row["state"], row["current_step"]) == ("active", 0)
    assert await states(sender) == ["sent"] * 5
    monkeypatch.undo()
    await run_until(sender, clock.now() + timedelta(minutes=5))
    assert len(house.arrived) == 6 and await sql(sender, "select 1 from app.dlq") == []


async def test_words_that_break_a_rule_wait_in_the_dlq_and_are_never_sent(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    await change(sender, "update app.properties set city = 'a guaranteed HUD program'")
    await pump(sender, 1)
    assert house.arrived == []
    (entry,) = await sql(sender, "select error, retry_after from app.dlq")
    assert entry["error"] == "CONTENT_PROHIBITED_CLAIM"
    assert (await enrollment(sender, lead))["state"] == "active"
    (decision,) = await sql(sender, "select verdict, reason from app.contact_decisions")
    assert (decision["verdict"], decision["reason"]) == ("DENY", "CONTENT_PROHIBITED_CLAIM")


async def test_an_address_of_a_forbidden_source_is_given_up(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    await change(sender, "update app.contact_points set source = 'trigger_lead' where kind = 'email'")
    await pump(sender, 1)
    assert house.arrived == []
    (row,) = await sql(sender, "select campaign_status::text, status_reason from app.leads where id = :id", id=lead)
    assert (row["campaign_status"], row["status_reason"]) == ("do_not_contact", "DATA_SOURCE_PROHIBITED")
    assert (await enrollment(sender, lead))["stop_reason"] == "DATA_SOURCE_PROHIBITED"


async def test_a_lead_that_replied_meanwhile_gets_nothing_more(sender: Context, house: Mailhouse) -> None:
    lead = await fed(sender)
    await pump(sender, 1)
    await change(
        sender, "update app.leads set campaign_status = 'replied', last_reply_at = app.now() where id = :id", id=lead
    )
    await run_until(sender, clock.now() + timedelta(days=10))
    assert len(house.arrived) == 1
    assert (await enrollment(sender, lead))["stop_reason"] == "replied"


def test_batches_are_small_enough_to_leave_little_in_doubt() -> None:
    assert tasks.AUTHORISED <= 50
