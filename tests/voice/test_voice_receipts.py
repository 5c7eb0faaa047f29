"""What is said of a call decides what follows for the lead."""

from datetime import timedelta
from typing import Any

import pytest
from voice_cast import all_of, do, look, make_call, message, post, report, the_call, told

from penstock.core import clock
from penstock.core.context import Context


async def lead(ctx: Context) -> Any:
    return await look(
        ctx, "select campaign_status::text, status_reason, consent, next_call_at, call_attempt_count from app.leads"
    )


async def test_the_report_of_a_call_is_kept_sealed_and_paid_for(ctx: Context) -> None:
    call = await make_call(ctx)
    await told(ctx, report(call, "customer-ended-call", "callback", recording="ANNOUNCE"))
    call = await the_call(ctx)
    assert (call["state"], call["outcome"], call["ended_reason"]) == ("ended", "callback", "customer-ended-call")
    assert ctx.sealer.open(1, call["summary_sealed"]) == "They talked."
    assert "User: Yes" in ctx.sealer.open(1, call["transcript_sealed"])
    assert "User" not in call["transcript_sealed"]
    assert call["cost_cents"] == 21
    what = "select stage, vendor, operation, status, price_cents, cost_cents, lead_id from app.vendor_calls"
    paid = await look(ctx, what)
    assert tuple(paid.values()) == ("voice", "vapi", "call", "applied", 75, 21, call["lead_id"])
    attempt = await look(ctx, "select state, ended_at from app.contact_attempts")
    assert attempt["state"] == "done"
    diary = await all_of(ctx, "select event_type from app.pipeline_events where stage = 'voice' order by id")
    assert [row["event_type"] for row in diary] == ["call_initiated", "call_completed"]


@pytest.mark.parametrize(
    ("recording", "said", "kept"),
    [
        ("ANNOUNCE", {}, True),
        ("ANNOUNCE", {"recording_consent": False}, False),
        ("AFFIRMATIVE", {}, False),
        ("AFFIRMATIVE", {"recording_consent": True}, True),
        ("OFF", {}, False),
    ],
)
async def test_words_are_kept_only_where_that_was_announced_or_agreed(
    ctx: Context, recording: str, said: dict[str, Any], kept: bool
) -> None:
    call = await make_call(ctx)
    await told(ctx, report(call, "customer-ended-call", "callback", structured=said, recording=recording))
    assert ((await the_call(ctx))["transcript_sealed"] is not None) is kept


async def test_a_wish_to_be_called_back_is_kept_to_the_minute(ctx: Context) -> None:
    call = await make_call(ctx)
    at = clock.now() + timedelta(days=2, hours=1)
    await told(ctx, report(call, "customer-ended-call", "callback", structured={"callback_at": at.isoformat()}))
    assert (await lead(ctx))["next_call_at"] == at
    assert (await the_call(ctx))["callback_at"] == at


async def test_who_is_not_interested_is_left_alone(ctx: Context) -> None:
    call = await make_call(ctx)
    await told(ctx, report(call, "customer-ended-call", "not_interested"))
    now = await lead(ctx)
    assert now["campaign_status"] == "do_not_contact"
    assert "not interested" in now["status_reason"]
    assert (await look(ctx, "select status from app.lead_number_assignments"))["status"] == "released"


@pytest.mark.parametrize("reason", ["customer-ended-call", "pipeline-error-openai-llm-failed", "voicemail"])
async def test_who_asks_not_to_be_called_is_suppressed_however_the_call_ended(ctx: Context, reason: str) -> None:
    call = await make_call(ctx)
    await told(ctx, report(call, reason, "do_not_call"))
    now = await lead(ctx)
    assert (now["campaign_status"], now["consent"]) == ("unsubscribed", False)
    bars = await all_of(ctx, "select kind, reason, method from app.suppressions order by kind")
    assert {row["kind"] for row in bars} == {"contact", "email", "phone"}
    assert {(row["reason"], row["method"]) for row in bars} == {("SUPP_OPT_OUT", "call")}


async def test_an_unanswered_call_keeps_its_planned_next_attempt(ctx: Context) -> None:
    call = await make_call(ctx)
    planned = (await lead(ctx))["next_call_at"]
    await told(ctx, report(call, "customer-did-not-answer"))
    now = await lead(ctx)
    assert now["next_call_at"] == planned > clock.now()
    assert now["call_attempt_count"] == 1
    assert (await look(ctx, "select min(health_score) as h from app.phone_numbers"))["h"] == 99


async def test_after_five_calls_without_contact_a_lead_is_unreachable(ctx: Context) -> None:
    call = await make_call(ctx, attempts=4)
    assert call["attempt_no"] == 5
    await told(ctx, report(call, "customer-busy"))
    now = await lead(ctx)
    assert (now["campaign_status"], now["status_reason"]) == ("do_not_contact", "unreachable")
    assert (await look(ctx, "select status from app.lead_number_assignments"))["status"] == "unreachable"
    diary = await all_of(ctx, "select event_type from app.pipeline_events where event_type = 'lead_unreachable'")
    assert len(diary) == 1


async def test_a_dead_number_is_marked_and_not_called_again(ctx: Context) -> None:
    call = await make_call(ctx)
    await told(ctx, report(call, "twilio-failed-to-connect-call"))
    point = await look(ctx, "select status::text, verified from app.contact_points where kind = 'phone'")
    assert tuple(point.values()) == ("red", False)
    assert (await the_call(ctx))["outcome"] == "bad_number"


async def test_a_call_the_vendor_never_started_uses_no_attempt_up(ctx: Context) -> None:
    call = await make_call(ctx)
    await told(ctx, report(call, "call.start.error-subscription-insufficient-credits"))
    assert (await the_call(ctx))["state"] == "failed"
    assert (await lead(ctx))["call_attempt_count"] == 0
    assert (await look(ctx, "select state from app.contact_attempts"))["state"] == "failed"
    assert "insufficient-credits" in (await look(ctx, "select error from app.dlq"))["error"]


async def test_a_report_that_overtakes_our_own_answer_counts_the_call_once(ctx: Context) -> None:
    from penstock.voice import placing

    call = await make_call(ctx, placed=False)
    await told(ctx, report(call, "customer-ended-call", "callback"))
    async with ctx.db.tenant(1) as db:
        await placing.note_placed(ctx, db, 1, call["id"], "vapi-1")  # our own answer comes in at last
    assert ((await the_call(ctx))["state"], (await lead(ctx))["call_attempt_count"]) == ("ended", 1)
    diary = await all_of(ctx, "select event_type from app.pipeline_events where event_type = 'call_initiated'")
    assert len(diary) == 1


async def test_copies_and_latecomers_change_nothing(ctx: Context) -> None:
    call = await make_call(ctx)
    done = report(call, "customer-ended-call", "callback")
    await told(ctx, done, done)
    before = await all_of(ctx, "select count(*) as n from app.pipeline_events")
    late = message("status-update", call, status="in-progress")
    other = report(call, "customer-ended-call", "not_interested")  # the same call reported again, in other words
    await told(ctx, late, other)
    assert await all_of(ctx, "select count(*) as n from app.pipeline_events") == before
    assert (await the_call(ctx))["outcome"] == "callback"
    assert (await lead(ctx))["campaign_status"] == "replied"


async def test_status_updates_say_when_somebody_answered(ctx: Context) -> None:
    call = await make_call(ctx)
    await told(
        ctx, message("status-update", call, status="ringing"), message("status-update", call, status="in-progress")
    )
    assert (await the_call(ctx))["started_at"] == clock.now()


TALKED = (
    "select (select quantity from api.billing_usage where metric = 'voice_minutes') as minutes,"
    " (select duration_seconds from territory.voice_calls) as seconds,"
    " (select avg_duration_s from territory.voice_metrics_daily) as average"
)


@pytest.mark.parametrize(
    ("began", "ended", "minutes", "seconds"),
    [
        (-150, 0, 3, 150),
        (-150, None, 3, 150),  # no end in the report: when it was written
        (None, 0, 0, 0),  # no beginning either: what was said on the way, here only as the call ended
        (60, 0, 0, 0),  # the vendor's clock makes no time run backwards
    ],
)
async def test_minutes_are_those_of_the_report_however_late_we_heard_that_somebody_answered(
    ctx: Context, began: int | None, ended: int | None, minutes: int, seconds: int
) -> None:
    call = await make_call(ctx)
    clock.hold(clock.now() + timedelta(minutes=5))

    def after(shift: int | None) -> str | None:
        return None if shift is None else (clock.now() + timedelta(seconds=shift)).isoformat()

    answered = message("status-update", call, status="in-progress", timestamp=None)
    done = report(call, "customer-ended-call", "callback", startedAt=after(began), endedAt=after(ended))
    for told_in_turn in (answered, done):
        await told(ctx, told_in_turn)
    assert tuple((await look(ctx, TALKED)).values()) == (minutes, seconds, seconds)


async def test_a_message_about_a_call_of_others_is_unmatched(ctx: Context) -> None:
    call = dict(await make_call(ctx))
    call["id"], call["vapi_call_id"] = "00000000-0000-4000-8000-000000000000", "vapi-9"
    await told(ctx, report(call, "customer-ended-call", "callback"))
    assert (await look(ctx, "select outcome from app.webhook_receipts"))["outcome"] == "unmatched"


async def test_a_forged_or_stale_message_is_refused_and_counted(ctx: Context) -> None:
    call = await make_call(ctx)
    body = report(call, "customer-ended-call", "do_not_call")
    assert (await post(ctx, body, secret="another")).status_code == 401
    assert (await post(ctx, body, sent_at=clock.now() - timedelta(minutes=6))).status_code == 401
    checks = await all_of(ctx, "select ok from app.signature_checks where route = '/webhooks/vapi'")
    assert [row["ok"] for row in checks] == [False, False]
    assert await look(ctx, "select 1 as x from app.webhook_receipts") is None


async def test_a_receipt_that_cannot_be_opened_waits_in_the_dlq_and_holds_nobody(ctx: Context) -> None:
    call = await make_call(ctx)
    assert (await post(ctx, message("status-update", call, status="ringing"))).status_code == 200
    await do(ctx, "update app.webhook_receipts set payload_sealed = 's1.AAAA'")
    await told(ctx, report(call, "customer-ended-call", "callback"))
    assert (await the_call(ctx))["outcome"] == "callback"
    assert (await look(ctx, "select item from app.dlq"))["item"].startswith("receipt:")
