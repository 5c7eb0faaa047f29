"""HTTP: the timeline of a lead, notes, tags, follow-ups, stages. Whoever sees the lead may; all of it is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from penstock.core.access import Caller, allow
from penstock.core.db import rows
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load
from penstock.sales import service

router = APIRouter(tags=["sales"])
SQL = load(__package__)
Reader = Annotated[Caller, allow("leads:read")]
Writer = Annotated[Caller, allow("leads:write")]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
TaskState = Literal["open", "done", "skipped"]


class Activity(BaseModel):
    """One line of a lead's timeline. `description` of a note is its text."""

    id: str
    activity_type: str
    title: str
    description: str | None
    activity_metadata: dict[str, Any]
    success: bool
    error_message: str | None
    created_at: datetime


class Note(BaseModel):
    """What somebody wants to remember."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "asks for a call after May"}]})
    text: str = Field(min_length=1, max_length=service.LONGEST_NOTE)


class Tags(BaseModel):
    """Tags to add and to take away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"add": ["hail-2026"], "remove": []}]})
    add: list[str] = Field(default=[], max_length=50)
    remove: list[str] = Field(default=[], max_length=50)


class FollowUp(BaseModel):
    """Something to be done about a lead at a time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "call back", "due_at": "2026-12-03T09:00:00-05:00"}]},
    )
    title: str = Field(min_length=1, max_length=service.LONGEST_TITLE)
    due_at: AwareDatetime
    note: str = Field(default="", max_length=service.LONGEST_NOTE)
    assignee: str | None = Field(default=None, max_length=200)


class FollowUpShown(BaseModel):
    """A follow-up as it stands."""

    id: int
    lead_id: UUID
    title: str | None
    note: str | None
    state: str
    due_at: datetime
    is_due: bool
    assignee: str | None
    created_by: str | None
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None


class FollowUpChange(BaseModel):
    """Done, skipped, open again, or another day."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"state": "done"}]})
    state: TaskState | None = None
    due_at: AwareDatetime | None = None
    reason: str | None = Field(default=None, max_length=500)


class StageWanted(BaseModel):
    """The stage that the sale has reached; words of the trade (CLOSED_WON, PROPOSAL_SENT…) are understood."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stage": "quoted", "reason": "sent"}]})
    stage: str = Field(max_length=40)
    reason: str | None = Field(default=None, max_length=500)


@router.get("/v1/leads/{lead_id}/activities")
async def show_activities(
    lead_id: UUID,
    caller: Reader,
    before: AwareDatetime | None = None,
    before_id: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[Activity]:
    """What happened to a lead, newest first. For the next page: `created_at` and `id` of the last line."""
    await service.must_exist(caller.db, lead_id)
    start = (before, before_id or "") if before else None
    found = await service.timeline(caller.ctx, caller.db, caller.org_id, lead_id, before=start, limit=limit)
    return [Activity(**line) for line in found]


@router.post("/v1/leads/{lead_id}/notes", status_code=201)
async def write_note(lead_id: UUID, note: Note, caller: Writer) -> dict[str, int]:
    """Write a note."""
    await service.must_exist(caller.db, lead_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        made = await service.add_note(caller.ctx, db, caller.org_id, lead_id, note.text, actor=caller.who.actor)
    return {"id": made}


@router.delete("/v1/leads/{lead_id}/notes/{note_id}", status_code=204)
async def take_back_note(lead_id: UUID, note_id: Number, caller: Writer) -> None:
    """Take a note back; it can be restored."""
    await service.must_exist(caller.db, lead_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        await service.take_back_note(db, caller.org_id, lead_id, note_id, actor=caller.who.actor)


@router.post("/v1/leads/{lead_id}/notes/{note_id}/restore", status_code=204)
async def restore_note(lead_id: UUID, note_id: Number, caller: Writer) -> None:
    """Bring a note back that was taken back."""
    await service.must_exist(caller.db, lead_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        await service.restore_note(db, caller.org_id, lead_id, note_id, actor=caller.who.actor)


@router.get("/v1/tags")
async def list_tags(caller: Reader) -> dict[str, int]:
    """Every tag with how many leads carry it, of the leads that the caller sees."""
    return {row["tag"]: row["leads"] for row in await rows(caller.db, SQL["all_tags"])}


@router.post("/v1/leads/{lead_id}/tags")
async def change_tags(lead_id: UUID, tags: Tags, caller: Writer) -> list[str]:
    """Add and remove tags; gives those that stand then."""
    await service.must_exist(caller.db, lead_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        return await service.change_tags(
            db, caller.org_id, lead_id, add=tags.add, remove=tags.remove, actor=caller.who.actor
        )


@router.post("/v1/leads/{lead_id}/follow_ups", status_code=201)
async def make_follow_up(lead_id: UUID, wanted: FollowUp, caller: Writer) -> dict[str, int]:
    """Make a task for somebody."""
    await service.must_exist(caller.db, lead_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        made = await service.follow_up(
            caller.ctx, db, caller.org_id, lead_id, actor=caller.who.actor, **wanted.model_dump()
        )
    return {"id": made}


@router.get("/v1/follow_ups")
async def list_follow_ups(
    caller: Reader,
    state: TaskState | None = "open",
    due: Annotated[bool, Query(description="Only those whose time has come.")] = False,
    lead_id: UUID | None = None,
    assignee: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[FollowUpShown]:
    """Follow-ups of the leads that the caller sees, the ones due longest first."""
    found = await service.follow_ups(
        caller.ctx,
        caller.db,
        caller.org_id,
        state=state,
        due_only=due,
        lead_id=lead_id,
        assignee=assignee,
        limit=limit,
    )
    return [FollowUpShown(**line) for line in found]


@router.patch("/v1/follow_ups/{task_id}")
async def change_follow_up(task_id: Number, change: FollowUpChange, caller: Writer) -> FollowUpShown:
    """Close a follow-up, open it again, or move it to another day. Both at once: it is opened, then moved."""
    if not await service.follow_ups(caller.ctx, caller.db, caller.org_id, state=None, task=task_id):
        raise NotFound("There is no such follow-up.")
    async with caller.ctx.db.tenant(caller.org_id) as db:
        if change.state is not None:
            await service.close_follow_up(
                db, caller.org_id, task_id, state=change.state, actor=caller.who.actor, reason=change.reason
            )
        if change.due_at is not None:
            await service.postpone(db, caller.org_id, task_id, change.due_at, actor=caller.who.actor)
        (line,) = await service.follow_ups(caller.ctx, db, caller.org_id, state=None, task=task_id)
    return FollowUpShown(**line)


@router.post("/v1/leads/{lead_id}/stage")
async def move_stage(lead_id: UUID, wanted: StageWanted, caller: Writer) -> dict[str, str]:
    """Move the sale on. What may not follow is refused (409) with what may."""
    await service.must_exist(caller.db, lead_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        was, now = await service.move_stage(
            db, caller.org_id, lead_id, wanted.stage, actor=caller.who.actor, reason=wanted.reason
        )
    return {"from": was, "to": now}
