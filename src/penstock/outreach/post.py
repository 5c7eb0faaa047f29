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
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import booking, compliance, journey, reports
from penstock.compliance import Decision, Intent
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import InvalidInput, ProviderBusy, ProviderRefused, reason_of
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
    FORBIDDEN = "forbidden"  # something forbade it between the reservation and the wire: it did not go


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


@dataclass(frozen=True)
class Authorised:
    """The gate's last word on a draft. `posted` is None unless it may go; `decision` is None when a template failed."""

    decision: Decision | None
    posted: Posted | None = None
    error: str = ""


async def authorise(ctx: Context, db: AsyncConnection, org_id: int, drafts: Sequence[Draft]) -> list[Authorised]:
    """Ask the gate about the very messages; for those that may go, reserve the attempt and write the message down.

    In the caller's transaction, which must not hold rows that the gate locks; an email may leave only after its commit.
    """
    letters = await _compose(ctx, db, org_id, drafts)
    wanted = [
        compliance.Wanted(
            compliance.Request(draft.lead_id, draft.contact_point_id, _intent(org_id, draft, letter)), reference
        )
        for draft, letter, reference in letters
        if isinstance(letter, Letter)
    ]
    answers = iter(await compliance.reserve_many(ctx, db, org_id, wanted) if wanted else ())
    authorised = []
    for draft, letter, _ in letters:
        if isinstance(letter, str):
            authorised.append(Authorised(None, error=letter))
            continue
        answer = next(answers)
        posted = None
        if answer.attempt_id is not None:
            posted = await _write_down(ctx, db, org_id, draft, letter, answer.attempt_id)
        authorised.append(Authorised(answer.decision, posted))
    return authorised


async def _compose(
    ctx: Context, db: AsyncConnection, org_id: int, drafts: Sequence[Draft]
) -> list[tuple[Draft, Letter | str, str]]:
    """Each draft with its letter (or what is wrong with its template) and the reference that makes it unrepeatable."""
    found = await rows(
        db,
        SQL["addressees"],
        org_id=org_id,
        lead_ids=[draft.lead_id for draft in drafts],
        point_ids=[draft.contact_point_id for draft in drafts],
    )
    addressees = {(row["lead_id"], row["contact_point_id"]): dict(row) for row in found}
    composed: list[tuple[Draft, Letter | str, str]] = []
    for draft in drafts:
        addressee = addressees[draft.lead_id, draft.contact_point_id]
        subject_key = f"{draft.subject_key}:{draft.contact_point_id}"
        token = token_for(ctx.sealer.secret("mail"), org_id, subject_key, draft.step)
        letter: Letter | str
        try:
            letter = compose(
                ctx,
                addressee,
                recipient=ctx.sealer.open(org_id, addressee["value"]),
                template=draft.template,
                persona_name=draft.persona,
                token=token,
                links=await links_of(ctx, db, org_id, addressee),
                thread=draft.thread,
                answers=draft.answers,
            )
        except InvalidInput as error:
            letter = str(error)
        composed.append((draft, letter, f"email:{token}"))
    return composed


def _intent(org_id: int, draft: Draft, letter: Letter) -> Intent:
    return Intent(
        channel="email",
        seller_id=org_id,
        purpose=draft.purpose,
        campaign_id=draft.campaign_id,
        creative_id=draft.template,
        lint=letter.reasons,
    )


async def _write_down(
    ctx: Context, db: AsyncConnection, org_id: int, draft: Draft, letter: Letter, attempt_id: int
) -> Posted:
    written = await one(
        db,
        SQL["write_down"],
        org_id=org_id,
        lead_id=draft.lead_id,
        contact_point_id=draft.contact_point_id,
        enrollment_id=draft.enrollment_id,
        campaign_id=draft.campaign_id,
        step=draft.step,
        persona=draft.persona,
        message_id=letter.message_id,
        in_reply_to=letter.in_reply_to,
        subject=letter.subject,
        body_sealed=ctx.sealer.seal(org_id, letter.text),
        attempt_id=attempt_id,
        worker_id=ctx.worker_id,
    )
    assert written is not None
    return Posted(
        id=written["id"],
        at=written["at"],
        attempt_id=attempt_id,
        lead_id=draft.lead_id,
        contact_point_id=draft.contact_point_id,
        enrollment_id=draft.enrollment_id,
        step=draft.step,
        persona=draft.persona,
        letter=letter,
    )


async def still_allowed(ctx: Context, org_id: int, posted: Sequence[Posted]) -> frozenset[int]:
    """The last look before the wire: ids of the attempts that nothing forbade since they were reserved, to addresses
    that still are good. An answer to somebody's own mail goes to where it came from, whatever a check thinks of it.
    """
    if not posted:
        return frozenset()
    allowed = await compliance.last_look(ctx, org_id, [email.attempt_id for email in posted])
    enrolled = [email.enrollment_id for email in posted if email.enrollment_id is not None]
    async with ctx.db.tenant(org_id) as db:
        turned = {row["enrollment_id"] for row in await rows(db, SQL["not_good_any_more"], org_id=org_id, ids=enrolled)}
    return allowed - {email.attempt_id for email in posted if email.enrollment_id in turned}


async def hand_over(ctx: Context, posted: Posted) -> Outcome:
    """Give the email to the mail server; no transaction may be open. Never raises: an email's trouble is its own."""
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
        return Outcome(Fate.NO_MAILBOX, f"{refused.smtp_code} {refused.enhanced or ''}".strip())
    except ProviderUnclear as unclear:
        return Outcome(Fate.UNCLEAR, str(unclear))
    except ProviderBusy as busy:
        return Outcome(Fate.LATER, str(busy), busy.retry_after_s)
    except ProviderRefused as refused:
        return Outcome(Fate.REFUSED, str(refused))
    except Exception as error:  # nobody knows how far it came
        return Outcome(Fate.UNCLEAR, reason_of(error))
    return Outcome(Fate.SENT)


async def record_sent(ctx: Context, db: AsyncConnection, org_id: int, sent: Sequence[Posted]) -> None:
    """Write down that these emails left, and tell it, where it was not told of them already that they are in doubt."""
    if not sent:
        return
    found = await rows(
        db, SQL["sent"], org_id=org_id, ids=[posted.id for posted in sent], ats=[posted.at for posted in sent]
    )
    untold = {row["id"] for row in found if row["untold"]}
    await compliance.complete(ctx, db, org_id, attempt_ids=[posted.attempt_id for posted in sent])
    steps = [posted for posted in sent if posted.enrollment_id is not None]
    await execute(
        db,
        SQL["count_step"],
        org_id=org_id,
        lead_ids=[posted.lead_id for posted in steps],
        steps=[posted.step for posted in steps],
    )
    events = [_sent_event(email.lead_id, email.step, email.persona) for email in sent if email.id in untold]
    await journey.announce(db, org_id, events)


async def record_not_sent(ctx: Context, db: AsyncConnection, org_id: int, posted: Posted, outcome: Outcome) -> None:
    """Write down that an email certainly did not leave, or (UNCLEAR) that it may have."""
    unclear = outcome.fate is Fate.UNCLEAR
    state: Literal["in_doubt", "failed"] = "in_doubt" if unclear else "failed"
    found = await one(db, SQL["not_sent"], org_id=org_id, id=posted.id, at=posted.at, state=state)
    await compliance.complete(ctx, db, org_id, attempt_ids=[posted.attempt_id], state=state)
    if unclear and found is not None and found["untold"]:
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


async def links_of(ctx: Context, db: AsyncConnection, org_id: int, addressee: Any) -> Links:
    """Where a message to an addressee (a row of the query `addressees`) leads."""
    lead_id, point_id = addressee["lead_id"], addressee["contact_point_id"]
    consent = await compliance.issue_consent_link(ctx, db, org_id, lead_id=lead_id)
    unsubscribe = await compliance.unsubscribe_url(ctx, db, org_id, lead_id=lead_id, contact_point_id=point_id)
    username, slug = addressee["calendar_username"], addressee["calendar_event_slug"]
    # A broker without a public calendar is booked through the consent page and a call.
    page = booking.link_for(ctx, lead_id=lead_id, username=username, slug=slug) if username and slug else consent
    territory = ctx.playbooks[addressee["playbook"]].territory
    report = await reports.link_of_lead(db, ctx, org_id, lead_id) if territory else None
    return Links(consent=consent, booking=page, unsubscribe=unsubscribe, report=report)
