"""What follows from a mail: each kind of mail, in one transaction, moves the lead, the sequence and
the suppressions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import booking, compliance, journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.sqlfile import load
from penstock.outreach import address_failed, pause_sequence, stop_sequence
from penstock.replies.bounces import Bounce, BounceKind
from penstock.replies.inbound import Inbound
from penstock.replies.meaning import Meaning
from penstock.replies.rules import Ruling, Verdict

SQL = load(__package__)
SOFT_BOUNCES = 3
REST_AFTER_SOFT = timedelta(days=30)
SENDER_TROUBLE = 3
"""So many rejections about us in a day switch the campaign off: one odd server alone does not."""
ALL_CHANNELS = ("email", "sms", "voice_ai", "voice_live")
VOICE = ("voice_ai", "voice_live")


@dataclass(frozen=True)
class Mail:
    """An inbound mail and what we know of it: the lead and message it belongs to, if any. `key` names it among all
    answers: its receipt, or `message:` and its number where somebody logged it by hand (`logged`: it is written down
    already). `opt_out_only`: it is old, and nothing but a wish to be left alone still counts."""

    key: str
    received_at: datetime
    inbound: Inbound
    match: RowMapping | None
    logged: bool = False
    opt_out_only: bool = False

    @property
    def lead_id(self) -> UUID | None:
        return self.match["lead_id"] if self.match else None


async def bounced(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail, bounce: Bounce) -> str:
    """A delivery report about one of our messages; gives the outcome in words."""
    match = mail.match
    if match is None:
        return "bounce of a message that is not ours"
    if bounce.kind is BounceKind.HARD:
        await address_failed(
            ctx, db, org_id, lead_id=match["lead_id"], contact_point_id=match["contact_point_id"],
            enrollment_id=match["enrollment_id"], step=match["step"], detail=bounce.status or "no code",
        )  # fmt: skip
        return "bounce: no such mailbox"
    if bounce.kind is BounceKind.SENDER:
        return await _trouble_with_us(ctx, db, org_id, match)
    count = await scalar(db, SQL["soft_bounce"], org_id=org_id, id=match["contact_point_id"])
    if count is not None and count >= SOFT_BOUNCES:
        await execute(db, SQL["forget_soft_bounces"], org_id=org_id, id=match["contact_point_id"])
        await pause_sequence(db, org_id, match["lead_id"], clock.now() + REST_AFTER_SOFT)
        return "bounce: temporary, third in two weeks: rests 30 days"
    return "bounce: temporary"


async def _trouble_with_us(ctx: Context, db: AsyncConnection, org_id: int, match: RowMapping) -> str:
    """Our standing is bad, the address is innocent: after a few of these the campaign is switched off and we say so."""
    earlier = await scalar(db, SQL["sender_trouble"], org_id=org_id)
    if earlier + 1 >= SENDER_TROUBLE and match["campaign_id"] is not None:
        name = await scalar(db, SQL["switch_off_campaign"], org_id=org_id, id=match["campaign_id"])
        target = await scalar(db, SQL["alert_target"], org_id=org_id)
        if name is not None and target:
            await booking.queue(
                ctx, db, org_id, kind="campaign_switched_off", channel="mail", target=target,
                payload={
                    "subject": f"Campaign {name} is switched off",
                    "text": "Mail servers refuse our mail because of our own standing (5.7.x). Check SPF, "
                    "DKIM and DMARC "
                    "of the sending domain, then switch the campaign on again. No address was marked as bad.",
                },
                dedupe_key=f"campaign_switched_off:{match['campaign_id']}:{clock.now().date()}",
            )  # fmt: skip
    return "bounce: about the sender"


async def complained(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail) -> str:
    """The person pressed "spam": left alone on every channel (EM-06)."""
    if mail.match is None:
        return "complaint about a message that is not ours"
    await compliance.suppress(
        ctx, db, org_id, reason="SUPP_OPT_OUT", method="complaint", actor="replies", contact_id=mail.match["contact_id"]
    )
    return "complaint"


async def opted_out(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail, ruling: Ruling) -> None:
    """Suppress what the ruling says: the person, the address that wrote, and the address that was written to."""
    match = mail.match
    for reason in ruling.suppressions:
        await compliance.suppress(
            ctx, db, org_id, reason=reason, method="reply", actor="replies", email=mail.inbound.sender,
            contact_id=match["contact_id"] if match is not None else None,
            contact_point_id=match["contact_point_id"] if match is not None else None,
            channels=VOICE if ruling.scope == "voice" else ALL_CHANNELS, raw=mail.inbound.text[:2000],
        )  # fmt: skip


async def replied(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail, meaning: Meaning) -> None:
    """A person wrote: the lead moves, the sequence ends or rests, the diary and the broker are told."""
    lead_id = mail.lead_id
    assert lead_id is not None
    lead = await one(db, SQL["lead"], org_id=org_id, lead_id=lead_id)
    assert lead is not None
    # Everybody takes the sequence before the lead, and the person last.
    resting = meaning.rest_until if meaning.intent == "not_now" else None
    if resting is not None:
        await pause_sequence(db, org_id, lead_id, resting)
    else:
        await stop_sequence(db, org_id, lead_id, f"reply: {meaning.intent}")
    await execute(
        db, SQL["replied"], org_id=org_id, lead_id=lead_id, at=mail.received_at,
        campaign_status="paused" if resting is not None else "replied", sales_stage=_stage(meaning),
        reason=f"reply: {meaning.intent}",
    )  # fmt: skip
    ruling = meaning.ruling
    if ruling is not None and ruling.verdict is Verdict.REVIEW and ruling.suppressions:
        await execute(
            db, SQL["hold_for_review"], org_id=org_id, contact_id=lead["contact_id"], reason=f"reply: {ruling.rule}"
        )
    event = journey.Event(
        "email_replied", lead_id, stage="replies",
        details={"intent": meaning.intent, "confidence": round(meaning.confidence, 2)},
    )  # fmt: skip
    await journey.announce(db, org_id, [event])
    handed = await _hand_off(ctx, db, org_id, mail, meaning)
    await _tell_broker(ctx, db, org_id, mail, meaning, lead, handed)


async def person_left(db: AsyncConnection, org_id: int, mail: Mail) -> None:
    """Whoever we wrote to has left the company: nothing more goes to that mailbox, and it is known from now on."""
    lead_id = mail.lead_id
    assert lead_id is not None
    await stop_sequence(db, org_id, lead_id, "left the company")
    if await execute(db, SQL["person_left"], org_id=org_id, lead_id=lead_id, at=mail.received_at):
        await journey.announce(db, org_id, [journey.Event("person_left", lead_id, stage="replies")])


async def left(db: AsyncConnection, org_id: int, mail: Mail, meaning: Meaning) -> None:
    """A person wrote to be left alone, and is (the suppression is in this transaction): the diary says so."""
    lead_id = mail.lead_id
    assert lead_id is not None
    reason = f"reply: {meaning.intent}"
    await stop_sequence(db, org_id, lead_id, reason)
    await execute(db, SQL["left"], org_id=org_id, lead_id=lead_id, at=mail.received_at, reason=reason)
    event = journey.Event("email_replied", lead_id, stage="replies", details={"intent": meaning.intent})
    await journey.announce(db, org_id, [event])


async def _hand_off(
    ctx: Context, db: AsyncConnection, org_id: int, mail: Mail, meaning: Meaning
) -> booking.Handoff | None:
    """What a person goes on with: somebody who is interested, or who names the one to talk to."""
    if meaning.intent not in ("positive", "referral"):
        return None
    return await booking.hand_off(
        ctx, db, org_id, lead_id=mail.lead_id, cause=f"reply:{mail.key}", kind=meaning.intent,
        said=mail.inbound.text,
    )  # fmt: skip


def _stage(meaning: Meaning) -> str:
    return {"positive": "interested", "negative": "lost"}.get(meaning.intent, "replied")


async def _tell_broker(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    mail: Mail,
    meaning: Meaning,
    lead: RowMapping,
    handed: booking.Handoff | None,
) -> None:
    """Whatever a machine should not decide alone is read by a person: everything but a plain no and a not-now."""
    if lead["assigned_broker_id"] is None or meaning.intent in ("negative", "not_now"):
        return
    wishes_to_cancel = meaning.ruling is not None and meaning.ruling.cancels_appointment
    asks = {
        "positive": "is interested", "question": "has a question", "referral": "names somebody else to talk to",
        "review": "asks to cancel an appointment" if wishes_to_cancel else "wrote something that a person has to judge",
    }.get(meaning.intent, "wrote back")  # fmt: skip
    name = lead["first_name"] or lead["full_name"] or "A lead"
    known = f"{handed.about_company}\n\n" if handed is not None and handed.about_company else ""
    notice = booking.Notice(
        kind="reply_received",
        lead_id=lead["id"],
        dedupe_key=f"reply:{mail.key}",
        subject=f"{name} {asks}",
        text=f"{name} {asks}. Their words:\n\n{mail.inbound.text[:2000]}\n\n{known}Lead: {lead['id']}\n",
        data={"lead_id": str(lead["id"]), "intent": meaning.intent, **({"handoff_id": handed.id} if handed else {})},
    )
    await booking.tell_broker(ctx, db, org_id, lead["assigned_broker_id"], notice)
    await journey.wake(db, org_id, {"notification_queued"})
