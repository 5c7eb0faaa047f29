"""Notes, tags, follow-ups and stages of a lead. Who may see the lead is asked by the edge; here it is done and told."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sqlfile import load
from penstock.core.texts import keepable

SQL = load(__package__)
STAGE: Final = "sales"
LONGEST_NOTE: Final = 10_000
LONGEST_TITLE: Final = 200
FARTHEST: Final = timedelta(days=5 * 366)
TAG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# What the trade calls our stages of a sale.
WORDS: Final = {
    "qualified": "interested",
    "proposal_sent": "quoted",
    "closed_won": "won",
    "closed_lost": "lost",
}


async def must_exist(db: AsyncConnection, lead_id: object) -> None:
    """Raises NotFound for a lead that the asker cannot see, or that went into another."""
    if not await scalar(db, SQL["lead_exists"], lead_id=str(lead_id)):
        raise NotFound("There is no such lead.")


async def timeline(
    ctx: Context, db: AsyncConnection, org_id: int, lead_id: object, *, before: tuple[datetime, str] | None, limit: int
) -> list[dict[str, Any]]:
    """What happened to a lead and what was written about it, newest first; notes in the clear."""
    at, line = before or (None, None)
    found = await rows(db, SQL["timeline"], lead_id=str(lead_id), before=at, before_id=line, limit=limit)
    return [_opened(ctx, org_id, row) for row in found]


def _opened(ctx: Context, org_id: int, row: RowMapping) -> dict[str, Any]:
    line = dict(row)
    if line["activity_type"] == "note_added" and line["description"]:
        line["description"] = ctx.sealer.open(org_id, line["description"])
    return line


async def add_note(ctx: Context, db: AsyncConnection, org_id: int, lead_id: object, text: str, *, actor: str) -> int:
    """Keep a note, sealed; gives its id. Raises InvalidInput for an empty or endless one."""
    body = keepable("text", text).strip()
    if not body or len(body) > LONGEST_NOTE:
        raise InvalidInput(f"text: a note has 1 to {LONGEST_NOTE:,} characters", fix="write less, or more")
    sealed = ctx.sealer.seal(org_id, body)
    note = await scalar(db, SQL["add_note"], org_id=org_id, lead_id=str(lead_id), body_sealed=sealed, author=actor)
    await _tell(db, org_id, "note_added", lead_id, {"note": note, "by": actor})
    return int(note)


async def take_back_note(db: AsyncConnection, org_id: int, lead_id: object, note: int, *, actor: str) -> None:
    """Hide a note; `restore_note` brings it back. Raises NotFound."""
    await _mark(db, org_id, lead_id, note, actor=actor, gone=True)


async def restore_note(db: AsyncConnection, org_id: int, lead_id: object, note: int, *, actor: str) -> None:
    """Show a note again that was taken back. Raises NotFound."""
    await _mark(db, org_id, lead_id, note, actor=actor, gone=False)


async def _mark(db: AsyncConnection, org_id: int, lead_id: object, note: int, *, actor: str, gone: bool) -> None:
    if await scalar(db, SQL["mark_note"], org_id=org_id, lead_id=str(lead_id), id=note, gone=gone) is None:
        raise NotFound("There is no such note." if gone else "No such note was taken back.")
    await _audit(db, org_id, actor, "deleted" if gone else "restored", "note", str(note), {"lead": str(lead_id)})


async def change_tags(
    db: AsyncConnection,
    org_id: int,
    lead_id: object,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    actor: str,
) -> list[str]:
    """Add and remove tags; gives all that stand then. Raises InvalidInput for a word that is no tag."""
    for tag in (*add, *remove):
        if not TAG.fullmatch(tag):
            raise InvalidInput(
                f"tag: {tag[:60]!r} is none",
                fix="lower case letters, digits, - and _, at most 40, a letter or digit first",
            )
    await execute(db, SQL["remove_tags"], org_id=org_id, lead_id=str(lead_id), tags=list(remove))
    await execute(db, SQL["add_tags"], org_id=org_id, lead_id=str(lead_id), tags=list(add), actor=actor)
    await _tell(db, org_id, "tags_changed", lead_id, {"added": list(add), "removed": list(remove), "by": actor})
    return list(await scalar(db, SQL["tags"], lead_id=str(lead_id)))


async def follow_up(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    lead_id: object,
    *,
    title: str,
    due_at: datetime,
    note: str = "",
    assignee: str | None = None,
    actor: str,
) -> int:
    """Somebody is to do something about a lead at that time; gives the task's id. Raises InvalidInput."""
    title, note = keepable("title", title).strip(), keepable("note", note).strip()
    if not title or len(title) > LONGEST_TITLE:
        raise InvalidInput(f"title: 1 to {LONGEST_TITLE} characters", fix="say in a line what is to be done")
    _check_due(due_at)
    task = await scalar(
        db,
        SQL["make_follow_up"],
        org_id=org_id,
        lead_id=str(lead_id),
        title=title,
        note_sealed=ctx.sealer.seal(org_id, note) if note else None,
        due_at=due_at,
        assignee=keepable("assignee", assignee),
        actor=actor,
    )
    await _tell(db, org_id, "follow_up_made", lead_id, {"task": task, "due_at": due_at.isoformat(), "by": actor})
    return int(task)


def _check_due(due_at: datetime) -> None:
    if due_at.tzinfo is None:
        raise InvalidInput("due_at: has no time zone", fix="such as 2026-12-01T09:00:00-05:00")
    if not clock.now() - timedelta(days=1) <= due_at <= clock.now() + FARTHEST:
        raise InvalidInput("due_at: lies in the past, or more than five years ahead", fix="a day from today on")


async def follow_ups(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    state: str | None = "open",
    due_only: bool = False,
    lead_id: object | None = None,
    assignee: str | None = None,
    task: int | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """Follow-ups of the leads that the asker sees, the ones due longest first; `note` in the clear."""
    found = await rows(
        db,
        SQL["follow_ups"],
        state=state,
        due_only=due_only,
        lead_id=str(lead_id) if lead_id else None,
        assignee=keepable("assignee", assignee),
        id=task,
        limit=limit,
    )
    shown = []
    for row in found:
        line = dict(row)
        sealed = line.pop("body_sealed")
        line["note"] = ctx.sealer.open(org_id, sealed) if sealed else None
        shown.append(line)
    return shown


async def close_follow_up(
    db: AsyncConnection, org_id: int, task: int, *, state: str, actor: str, reason: str | None = None
) -> None:
    """Done, skipped, or open again. Raises NotFound for no such follow-up, Conflict for one that stands so already."""
    why = keepable("reason", reason)
    lead_id = await scalar(db, SQL["close_follow_up"], org_id=org_id, id=task, state=state, actor=actor, reason=why)
    if lead_id is None:
        await _must_be_one(db, org_id, task)
        raise Conflict(f"The follow-up is {state} already.", fix="give another state, or none")
    await _tell(db, org_id, "follow_up_closed", lead_id, {"task": task, "state": state, "by": actor})


async def postpone(db: AsyncConnection, org_id: int, task: int, due_at: datetime, *, actor: str) -> None:
    """Another day. Raises NotFound for no such follow-up, Conflict for one that is not open."""
    _check_due(due_at)
    lead_id = await scalar(db, SQL["postpone"], org_id=org_id, id=task, due_at=due_at)
    if lead_id is None:
        state = await _must_be_one(db, org_id, task)
        raise Conflict(f"The follow-up is {state}.", fix="open it again first, or at once: state open with due_at")
    await _audit(db, org_id, actor, "changed", "task", str(task), {"due_at": due_at.isoformat()})


async def _must_be_one(db: AsyncConnection, org_id: int, task: int) -> str:
    """The state of a follow-up. Raises NotFound."""
    state: str | None = await scalar(db, SQL["follow_up_state"], org_id=org_id, id=task)
    if state is None:
        raise NotFound("There is no such follow-up.")
    return state


def stage_named(word: str) -> str:
    """Our name of a stage of the sale; the trade's words (CLOSED_WON…) are understood. Raises InvalidInput."""
    name = word.strip().lower().replace(" ", "_").replace("-", "_")
    name = WORDS.get(name, name)
    if name not in STAGES:
        raise InvalidInput(f"stage: {word[:40]!r} is none", fix=f"one of {', '.join(STAGES)}")
    return name


STAGES: Final = (
    "new",
    "contacted",
    "replied",
    "interested",
    "appointment_scheduled",
    "quoted",
    "application_submitted",
    "won",
    "lost",
)


async def move_stage(
    db: AsyncConnection, org_id: int, lead_id: object, stage: str, *, actor: str, reason: str | None = None
) -> tuple[str, str]:
    """Move the sale on; gives from where to where. Where it stands already only the reason is kept.

    Raises Conflict naming what may follow, InvalidInput where a lost sale is taken up again without a reason, NotFound.
    """
    wanted, reason = stage_named(stage), (keepable("reason", reason) or "").strip() or None
    row = await one(db, SQL["stage"], org_id=org_id, lead_id=str(lead_id))
    if row is None:
        raise NotFound("There is no such lead.")
    present = str(row["sales_stage"])
    if wanted != present:
        allowed = [each["to_status"] for each in await rows(db, SQL["allowed"], stage=present)]
        if wanted not in allowed:
            fix = f"from {present}: {', '.join(allowed)}" if allowed else f"{present} is final"
            raise Conflict(f"The sale may not go from {present} to {wanted}.", fix=fix)
        if present == "lost" and reason is None:
            raise InvalidInput("reason: a lost sale is taken up again with one", fix="say why")
    await execute(db, SQL["move_stage"], org_id=org_id, lead_id=str(lead_id), stage=wanted, reason=reason)
    if wanted != present:
        await _tell(db, org_id, "stage_changed", lead_id, {"from": present, "to": wanted, "by": actor})
    return present, wanted


async def _tell(db: AsyncConnection, org_id: int, event: str, lead_id: object, details: dict[str, Any]) -> None:
    await journey.announce(db, org_id, [journey.Event(event, str(lead_id), STAGE, details)])


async def _audit(
    db: AsyncConnection, org_id: int, actor: str, action: str, kind: str, object_id: str, details: dict[str, Any]
) -> None:
    about = {"kind": kind, "object_id": object_id, "details": json.dumps(details)}
    await execute(db, SQL["audit"], org_id=org_id, actor=actor, action=action, **about)
