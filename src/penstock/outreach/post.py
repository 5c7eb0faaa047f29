"""Sending one email so that no crash can send it twice.

The order is fixed: (1) one transaction asks the gate, reserves the attempt, writes the message down as `sending` and
moves the
sequence on; (2) the mail server gets it, with no transaction open; (3) a second transaction writes down how it went. A
process
that dies between (1) and (3) leaves a message in doubt: it counts as sent and is never sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import booking, compliance, journey
from penstock.compliance.facts import Decision, Intent
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear
from penstock.core.sqlfile import load
from penstock.outreach.letters import Letter, Links, compose
from penstock.outreach.message import token_for
from penstock.providers import mail
from penstock.providers.mail.smtp import Encryption

SQL = load(__package__)


class Fate(StrEnum):
    """What became of an email at the mail server."""

    SENT = "sent"
    NO_MAILBOX = "no_mailbox"  # the server knows the mailbox does not exist, or refuses it for good
    LATER = "later"  # not taken now
    REFUSED = "refused"  # we are refused: sign-in, sender, policy
    UNCLEAR = "unclear"  # perhaps taken


@dataclass(frozen=True)
class Outcome:
    """How handing over went. `detail` holds no address."""

    fate: Fate
    detail: str = ""
    retry_in_s: float | None = None


@dataclass(frozen=True)
class Posted:
    """An email that is authorised and written down: ready for the wire, and it may go there once."""

    id: int
    at: datetime
    attempt_id: int
    lead_id: UUID
    contact_point_id: int
    enrollment_id: int | None
    step: int
    persona: str
    letter: Letter


@dataclass(frozen=True)
class Draft:
    """What is to be written to whom: `subject_key` and `step` name the message for ever."""

    lead_id: UUID
    contact_point_id: int
    template: str
    persona: str
    subject_key: str
    step: int
    enrollment_id: int | None = None
    campaign_id: int | None = None
    thread: Sequence[str] = ()
    answers: str | None = None
    purpose: str = "MARKETING"


async def authorise(ctx: Context, db: AsyncConnection, org_id: int, draft: Draft) -> tuple[Decision, Posted | None]:
    """Ask the gate about the very message and, if it may go, reserve the attempt and write the message down.

    In the caller's transaction; the email may leave only after its commit. Raises InvalidInput for a template that
    fails.
    """
    (found,) = await rows(
        db, SQL["addressees"], org_id=org_id, lead_ids=[draft.lead_id], point_ids=[draft.contact_point_id]
    )
    addressee = dict(found)
    token = token_for(ctx.sealer.secret("mail"), org_id, f"{draft.subject_key}:{draft.contact_point_id}", draft.step)
    letter = compose(
        ctx,
        addressee,
        recipient=ctx.sealer.open(org_id, addressee["value"]),
        template=draft.template,
        persona_name=draft.persona,
        token=token,
        links=await _links(ctx, db, org_id, addressee),
        thread=draft.thread,
        answers=draft.answers,
    )
    tries = await scalar(db, SQL["tries"], org_id=org_id, lead_id=draft.lead_id, message_id=letter.message_id)
    reservation = await compliance.reserve(
        ctx,
        db,
        org_id,
        lead_id=draft.lead_id,
        contact_point_id=draft.contact_point_id,
        intent=Intent(
            channel="email",
            seller_id=org_id,
            purpose=draft.purpose,
            campaign_id=draft.campaign_id,
            creative_id=f"{addressee['playbook']}/{draft.template}",
            lint=letter.reasons,
        ),
        reference=f"email:{token}:{tries}",
    )
    if not reservation.decision.allowed or reservation.attempt_id is None:
        return reservation.decision, None
    written = await one(
        db,
        SQL["write_down"],
        org_id=org_id,
        lead_id=draft.lead_id,
        contact_id=addressee["contact_id"],
        contact_point_id=draft.contact_point_id,
        enrollment_id=draft.enrollment_id,
        campaign_id=draft.campaign_id,
        step=draft.step,
        persona=draft.persona,
        message_id=letter.message_id,
        in_reply_to=letter.in_reply_to,
        subject=letter.subject,
        body_sealed=ctx.sealer.seal(org_id, letter.text),
        attempt_id=reservation.attempt_id,
        worker_id=ctx.worker_id,
    )
    assert written is not None
    return reservation.decision, Posted(
        id=written["id"],
        at=written["at"],
        attempt_id=reservation.attempt_id,
        lead_id=draft.lead_id,
        contact_point_id=draft.contact_point_id,
        enrollment_id=draft.enrollment_id,
        step=draft.step,
        persona=draft.persona,
        letter=letter,
    )


async def hand_over(ctx: Context, posted: Posted) -> Outcome:
    """Give the email to the mail server; no transaction may be open. Never raises for what a mail server can do."""
    given = ctx.settings.mail
    server = mail.MailServer(
        host=given.smtp_host,
        port=given.smtp_port,
        user=given.smtp_user,
        password=given.smtp_password.get_secret_value(),
        encryption=Encryption(given.smtp_tls),
    )
    letter = posted.letter
    try:
        await mail.send(server, sender=letter.return_path, recipient=letter.recipient, message=letter.raw)
    except mail.MailboxRefused as refused:
        return Outcome(Fate.NO_MAILBOX, f"{refused.code} {refused.enhanced or ''}".strip())
    except ProviderUnclear as unclear:
        return Outcome(Fate.UNCLEAR, str(unclear))
    except ProviderBusy as busy:
        return Outcome(Fate.LATER, str(busy), busy.retry_after_s)
    except ProviderRefused as refused:
        return Outcome(Fate.REFUSED, str(refused))
    return Outcome(Fate.SENT)


async def record_sent(ctx: Context, db: AsyncConnection, org_id: int, sent: Sequence[Posted]) -> None:
    """Write down that these emails left."""
    if not sent:
        return
    await execute(
        db, SQL["sent"], org_id=org_id, ids=[posted.id for posted in sent], ats=[posted.at for posted in sent]
    )
    await compliance.complete(ctx, db, org_id, attempt_ids=[posted.attempt_id for posted in sent], state="done")
    steps = [posted for posted in sent if posted.enrollment_id is not None]
    await execute(
        db,
        SQL["count_step"],
        org_id=org_id,
        lead_ids=[posted.lead_id for posted in steps],
        steps=[posted.step for posted in steps],
    )
    await journey.announce(db, org_id, [_sent_event(posted.lead_id, posted.step, posted.persona) for posted in sent])


async def record_not_sent(ctx: Context, db: AsyncConnection, org_id: int, posted: Posted, outcome: Outcome) -> None:
    """Write down that an email certainly did not leave, or (UNCLEAR) that it may have."""
    unclear = outcome.fate is Fate.UNCLEAR
    state = "in_doubt" if unclear else "failed"
    await execute(db, SQL["not_sent"], org_id=org_id, id=posted.id, at=posted.at, state=state)
    await compliance.complete(ctx, db, org_id, attempt_ids=[posted.attempt_id], state=state)
    if unclear:
        event = _sent_event(posted.lead_id, posted.step, posted.persona, in_doubt=True)
        await journey.announce(db, org_id, [event])


async def settle(ctx: Context, org_id: int) -> int:
    """Close the messages of senders that died: in doubt, counted as sent, never sent again. Gives how many."""
    async with ctx.db.tenant(org_id) as db:
        orphans = await rows(db, SQL["settle"], org_id=org_id)
        attempts = [row["attempt_id"] for row in orphans if row["attempt_id"] is not None]
        await compliance.complete(ctx, db, org_id, attempt_ids=attempts, state="in_doubt")
        await journey.announce(
            db, org_id, [_sent_event(row["lead_id"], row["step"], None, in_doubt=True) for row in orphans]
        )
    return len(orphans)


def _sent_event(lead_id: UUID, step: int, persona: str | None, *, in_doubt: bool = False) -> journey.Event:
    details: dict[str, Any] = {"step": step, **({"persona": persona} if persona else {})}
    return journey.Event(
        "email_sent", lead_id, stage="outreach", details={**details, **({"in_doubt": True} if in_doubt else {})}
    )


async def _links(ctx: Context, db: AsyncConnection, org_id: int, addressee: Any) -> Links:
    lead_id, point_id = addressee["lead_id"], addressee["contact_point_id"]
    consent = await compliance.issue_consent_link(ctx, db, org_id, lead_id=lead_id)
    unsubscribe = await compliance.unsubscribe_url(ctx, db, org_id, lead_id=lead_id, contact_point_id=point_id)
    username, slug = addressee["calendar_username"], addressee["calendar_event_slug"]
    # A broker without a public calendar is booked through the consent page and a call.
    page = booking.link_for(ctx, lead_id=lead_id, username=username, slug=slug) if username and slug else consent
    return Links(consent=consent, booking=page, unsubscribe=unsubscribe)
