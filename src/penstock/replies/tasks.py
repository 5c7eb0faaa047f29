"""The pump of replies: every stored mail, and every answer logged by hand, is understood and acted on, or waits in the
DLQ with its reason."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, outreach
from penstock.compliance import Intent
from penstock.core import clock, dlq, receipts
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.receipts import Done
from penstock.core.sealing import is_sealed
from penstock.core.sqlfile import load
from penstock.outreach import Draft, Fate, Outcome, Posted
from penstock.replies import actions, business, matching
from penstock.replies.actions import Mail
from penstock.replies.business import Business
from penstock.replies.endpoints import read
from penstock.replies.inbound import Inbound
from penstock.replies.meaning import Meaning, understand
from penstock.replies.quotes import new_text

SQL = load(__package__)
log = structlog.get_logger(__name__)


async def pump(ctx: Context, org_id: int) -> int:
    """Understand every mail and every logged answer that waits, each in one transaction; then, outside it, send the
    answer a mail may have called for. Gives how many."""

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        return await _process(ctx, db, org_id, receipt)

    mails = await receipts.drain(ctx, org_id, stage="replies", due=SQL["due"], act=act)
    return mails + await _logged(ctx, org_id)


async def _logged(ctx: Context, org_id: int) -> int:
    """Answers that somebody logged by hand, each in a transaction of its own; one that fails waits in the DLQ, and
    nobody writes to its person."""
    handled = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            batch = await rows(db, SQL["logged_due"], limit=receipts.BATCH)
        taken = 0
        for due in batch:
            item = f"message:{due['message_id']}"
            try:
                async with ctx.db.tenant(org_id) as db:
                    row = await one(db, SQL["logged"], org_id=org_id, at=due["received_at"], id=due["message_id"])
                    if row is None:
                        continue
                    await _understand(ctx, db, org_id, _mail(ctx, org_id, item, row))
                    await dlq.clear(db, org_id, stage="replies", items=[item])
            except Exception as error:
                await receipts.put_aside(ctx, org_id, stage="replies", item=item, error=error)
            taken += 1
        if not taken:  # none is left, or others have them
            return handled
        handled += taken


def _mail(ctx: Context, org_id: int, key: str, row: RowMapping) -> Mail:
    """A logged answer as the mail it would have been, without the parts that only a mail has."""
    body = row["body"] or ""
    whole = ctx.sealer.open(org_id, body) if is_sealed(body) else body
    inbound = Inbound(
        sender="", recipients=(), message_id="", in_reply_to="", references=(), subject=row["subject"] or "",
        text=new_text(whole), whole=whole, headers={}, automatic=False,
    )  # fmt: skip
    at = min(row["at"], clock.now())
    return Mail(key, at, inbound, row, logged=True, opt_out_only=row["opt_out_only"])


async def _process(ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping) -> Done:
    inbound = read(row["event_type"], ctx.sealer.open(org_id, row["payload_sealed"]).encode("latin-1"))
    match = await matching.by_reference(db, org_id, inbound)
    report = bool(inbound.bounces) or inbound.complaint is not None
    if match is None and not report:  # a report proves itself by our token or is ignored (EM-06)
        match = await matching.by_sender(ctx, db, org_id, inbound)
    mail = Mail(str(row["id"]), row["received_at"], inbound, match)
    answer: Posted | None = None
    if inbound.complaint is not None:
        outcome = await actions.complained(ctx, db, org_id, mail)
        await _log(ctx, db, org_id, mail, outcome)
    elif inbound.bounces:
        outcome = await actions.bounced(ctx, db, org_id, mail, inbound.bounces[0])
        await _log(ctx, db, org_id, mail, outcome)
    else:
        outcome, answer = await _understand(ctx, db, org_id, mail)
    return Done(outcome, mail.lead_id, None if answer is None else partial(_send, ctx, org_id, answer))


async def _understand(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail) -> tuple[str, Posted | None]:
    inbound = mail.inbound
    meaning = understand(inbound, at=mail.received_at, zone=await _zone(db, org_id))
    told = business.read(inbound.text, subject=inbound.subject) if _at_company(mail) else Business()
    if told.refers and not meaning.opts_out and not inbound.automatic:
        meaning = replace(meaning, intent="referral")
    await _log(ctx, db, org_id, mail, meaning.intent)  # before any answer: the gate counts from this message
    return await _act(ctx, db, org_id, mail, meaning, told)


async def _act(
    ctx: Context, db: AsyncConnection, org_id: int, mail: Mail, meaning: Meaning, told: Business
) -> tuple[str, Posted | None]:
    if meaning.opts_out and meaning.ruling is not None and (mail.inbound.sender or mail.match):
        await actions.opted_out(ctx, db, org_id, mail, meaning.ruling)
    if mail.opt_out_only:
        return (meaning.intent, None)
    if mail.lead_id is None:
        return (f"unmatched: {meaning.intent}", None)
    if told.left:
        await actions.person_left(db, org_id, mail)
        if mail.inbound.automatic:
            return ("left the company", None)
    if meaning.intent == "automatic":
        return ("automatic", None)
    if meaning.intent == "out_of_office":
        assert meaning.rest_until is not None
        await outreach.pause_sequence(db, org_id, mail.lead_id, meaning.rest_until)
        return ("out of office", None)
    if meaning.opts_out and mail.inbound.automatic:
        return (meaning.intent, None)
    if meaning.ruling is not None and meaning.opts_out and meaning.ruling.scope == "all":
        await actions.left(db, org_id, mail, meaning)
    else:
        await actions.replied(ctx, db, org_id, mail, meaning)
    answer = await _answer(ctx, db, org_id, mail) if meaning.intent == "positive" else None
    return (meaning.intent, answer)


def _at_company(mail: Mail) -> bool:
    return mail.match is not None and mail.match["company_id"] is not None


async def _answer(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail) -> Posted | None:
    """An interested person gets the booking and consent links back, at most once a week, into the
    thread they opened."""
    match, inbound = mail.match, mail.inbound
    assert match is not None
    lead = await one(db, SQL["lead"], org_id=org_id, lead_id=match["lead_id"])
    if lead is None or not inbound.message_id.startswith("<"):
        return None
    playbook = ctx.playbooks[lead["playbook"]]
    forms = ctx.sealer.forms(org_id, inbound.sender)
    known = await scalar(db, SQL["is_their_address"], org_id=org_id, id=match["contact_point_id"], values=forms)
    lately = await scalar(
        db, SQL["answered_lately"], org_id=org_id, contact_id=lead["contact_id"], lead_id=match["lead_id"]
    )
    if not known or lately or not playbook.reply_template:
        return None
    draft = Draft(
        lead_id=match["lead_id"],
        contact_point_id=match["contact_point_id"],
        template=playbook.reply_template,
        persona=match["persona"] or lead["assigned_persona"] or "",
        subject_key=f"reply:{mail.key}",
        step=0,
        thread=(*inbound.references[-10:], inbound.message_id),
        answers=inbound.subject,
        purpose="REPLY_INBOUND",
    )
    # Asked beforehand, because writing the answer replaces the consent link of the emails that went out earlier.
    planned = await compliance.decide(
        ctx,
        db,
        org_id,
        lead_id=draft.lead_id,
        contact_point_id=draft.contact_point_id,
        intent=Intent(channel="email", seller_id=org_id, purpose=draft.purpose),
    )
    if not planned.allowed:
        log.info("answer_refused", lead_id=str(draft.lead_id), reason=planned.reason)
        return None
    (answer,) = await outreach.authorise(ctx, db, org_id, [draft])
    return answer.posted


async def _send(ctx: Context, org_id: int, answer: Posted) -> None:
    allowed = await outreach.still_allowed(ctx, org_id, [answer])
    outcome = await outreach.hand_over(ctx, answer) if allowed else Outcome(Fate.FORBIDDEN)
    async with ctx.db.tenant(org_id) as db:
        if outcome.fate is Fate.SENT:
            await outreach.record_sent(ctx, db, org_id, [answer])
        else:  # an answer is a courtesy: it is not tried again, the broker has been told
            await outreach.record_not_sent(ctx, db, org_id, answer, outcome)


async def _log(ctx: Context, db: AsyncConnection, org_id: int, mail: Mail, intent: str) -> None:
    match, inbound = mail.match, mail.inbound
    if match is None:
        return
    if mail.logged:
        await execute(db, SQL["heard"], org_id=org_id, at=match["at"], id=match["id"], intent=intent)
        return
    await execute(
        db, SQL["log_inbound"], org_id=org_id, lead_id=match["lead_id"], contact_id=match["contact_id"],
        contact_point_id=match["contact_point_id"], enrollment_id=match["enrollment_id"],
        campaign_id=match["campaign_id"],
        step=match["step"], message_id=inbound.message_id, in_reply_to=inbound.in_reply_to or None,
        subject=inbound.subject[:500], body_sealed=ctx.sealer.seal(org_id, inbound.text or inbound.whole[:2000]),
        intent=intent, received_at=mail.received_at,
    )  # fmt: skip


async def _zone(db: AsyncConnection, org_id: int) -> str:
    return str(await scalar(db, SQL["timezone"], org_id=org_id))
