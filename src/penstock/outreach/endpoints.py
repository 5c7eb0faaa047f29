"""HTTP: campaigns for companies (staff), and the tasks of people (whoever sees the lead)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from penstock.core.access import Caller, allow
from penstock.core.db import execute
from penstock.core.errors import Conflict, NotAllowed
from penstock.core.sqlfile import load
from penstock.outreach import campaigns, worklist

router = APIRouter(tags=["outreach"])
SQL = load(__package__, "handwork.sql")
Reader = Annotated[Caller, allow("leads:read")]
Writer = Annotated[Caller, allow("leads:write")]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Role = Literal["CEO", "CFO", "HR"]
TaskState = Literal["open", "done", "skipped", "withdrawn"]
Channel = Literal["linkedin", "phone", "other"]


class CampaignWanted(BaseModel):
    """A campaign to be made out of a playbook's audience of now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"playbook": "PLAYBOOK", "name": "Spring", "targets": ["CFO", "HR"]}]},
    )
    playbook: str
    name: str | None = Field(default=None, max_length=200, description="Left out: the playbook's name for now.")
    targets: list[Role] = Field(default=[], description="Slots in the order to be written to; empty: the playbook's.")
    allow_yellow: bool = Field(default=False, description="Write to risky addresses as well.")
    one_at_a_time: bool = Field(default=True, description="Write to one person of a company at a time.")
    dry_run: bool = Field(default=False, description="Count, and change nothing.")


class CampaignMade(BaseModel):
    """What the campaign came to. `held_back`: people of the audience who did not join, by what holds them back.
    `outside`: where nobody joined, companies that give nobody, by why."""

    model_config = ConfigDict(from_attributes=True)
    campaign_id: int | None
    name: str
    added: int
    companies: int
    by_role: dict[str, int]
    held_back: dict[str, int]
    outside: dict[str, int]


class Campaign(BaseModel):
    """A campaign and how far its people are."""

    id: int
    name: str
    playbook: str | None
    is_active: bool
    targets: list[str]
    allow_yellow: bool
    one_at_a_time: bool
    made_by: str
    created_at: datetime
    people: int
    written_to: int
    under_way: int
    replied: int
    booked: int


class Member(BaseModel):
    """A person of a campaign: how far the sequence is (`state`), or what they wait for."""

    contact_id: int
    person: str | None
    title: str | None
    company: str | None
    role_code: str | None
    lead_id: UUID | None
    campaign_status: str | None
    state: str | None
    current_step: int | None
    next_execution_at: datetime | None
    stop_reason: str | None
    waits_for: str | None


class CampaignWithMembers(Campaign):
    """A campaign with its people (the first 1,000)."""

    members: list[Member]


class CampaignChange(BaseModel):
    """Pause a campaign (nobody new is written to, and steps wait), or let it go on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"is_active": False}]})
    is_active: bool


class People(BaseModel):
    """People by their contact ids."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"contact_ids": [12, 13]}]})
    contact_ids: list[Number] = Field(min_length=1, max_length=5000)


class PeopleChanged(BaseModel):
    """The people for whom it made a difference, and the ids that are nobody's."""

    contact_ids: list[int]
    unknown: list[int]


class TaskLine(BaseModel):
    """A task in the list. `waits_for`: it is not to be done now, as an email of its sequence would not go."""

    id: int
    lead_id: UUID
    contact_id: int
    campaign_id: int | None
    campaign: str | None
    channel: Channel
    subject: str | None
    state: TaskState
    step: int | None
    person: str | None
    title: str | None
    company: str | None
    due_at: datetime
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None
    waits_for: str | None


class TaskShown(TaskLine):
    """A task with its words in the clear. `may_now`: what the gate says to doing it now; `reasons` if not, and when."""

    text: str
    phone: str | None
    profile_url: str | None
    may_now: bool | None
    reasons: list[str]
    next_permitted_at: datetime | None


class TaskDone(BaseModel):
    """What was said, if not the prepared words."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "left a voicemail"}]})
    note: str | None = Field(default=None, max_length=10_000)


class TaskSkipped(BaseModel):
    """Why a task is not done. `do_not_contact`: the person asked to be left alone, and is, on every channel."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "profile is somebody else's"}]}
    )
    reason: str = Field(min_length=1, max_length=500)
    do_not_contact: bool = False


def _staff(caller: Caller) -> None:
    if caller.who.role not in ("admin", "operator") and not caller.who.may("admin"):
        raise NotAllowed("Only operators and admins make campaigns.")


@router.post("/v1/campaigns", status_code=201)
async def create_campaign(wanted: CampaignWanted, caller: Writer) -> CampaignMade:
    """Make a campaign; whom it takes in is decided by its playbook, whom it writes to by the feeder and the gate."""
    _staff(caller)
    made = await campaigns.create(caller.ctx, caller.org_id, actor=caller.who.actor, **wanted.model_dump())
    return CampaignMade.model_validate(made)


@router.get("/v1/campaigns")
async def list_campaigns(caller: Reader) -> list[Campaign]:
    """Every campaign, newest first."""
    return [Campaign(**row) for row in await campaigns.listing(caller.db)]


@router.get("/v1/campaigns/{campaign_id}")
async def show_campaign(campaign_id: Number, caller: Reader) -> CampaignWithMembers:
    """One campaign with its people; a broker, who sees leads and not lists, gets the figures alone."""
    found = await campaigns.show(caller.db, campaign_id)
    people = []
    if caller.who.role != "broker":
        async with caller.ctx.db.tenant(caller.org_id) as db:
            people = await campaigns.members(db, campaign_id)
    return CampaignWithMembers(**found, members=[Member(**row) for row in people])


@router.patch("/v1/campaigns/{campaign_id}")
async def change_campaign(campaign_id: Number, change: CampaignChange, caller: Writer) -> Campaign:
    """Pause or resume a campaign."""
    _staff(caller)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        await campaigns.switch(db, caller.org_id, campaign_id, on=change.is_active)
        return Campaign(**await campaigns.show(db, campaign_id))


@router.post("/v1/campaigns/{campaign_id}/people")
async def add_people(campaign_id: Number, people: People, caller: Writer) -> PeopleChanged:
    """Add people who hold, or held, an office of a company. Who is in it already stays as they are."""
    _staff(caller)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        joined = await campaigns.add(db, caller.org_id, campaign_id, people.contact_ids)
        return PeopleChanged(contact_ids=joined, unknown=await campaigns.unknown(db, people.contact_ids))


@router.post("/v1/campaigns/{campaign_id}/people/remove")
async def remove_people(campaign_id: Number, people: People, caller: Writer) -> PeopleChanged:
    """Take people out of the campaign and end their sequence in it; the timetable does not put them back."""
    _staff(caller)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        gone = await campaigns.remove(db, caller.org_id, campaign_id, people.contact_ids)
        return PeopleChanged(contact_ids=gone, unknown=await campaigns.unknown(db, people.contact_ids))


@router.get("/v1/tasks")
async def list_tasks(
    caller: Reader,
    state: TaskState | None = "open",
    channel: Channel | None = None,
    campaign_id: Number | None = None,
    lead_id: UUID | None = None,
    due_before: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[TaskLine]:
    """The tasks of the leads that the caller sees, the ones due longest first. An empty `state` shows every state."""
    found = await worklist.listing(
        caller.db,
        state=state,
        channel=channel,
        campaign_id=campaign_id,
        lead_id=lead_id,
        due_before=due_before,
        limit=limit,
    )
    return [TaskLine(**row) for row in found]


@router.get("/v1/tasks/{task_id}")
async def show_task(task_id: Number, caller: Reader) -> TaskShown:
    """One task with its words, the number or profile, and what the gate says to doing it now; on record as a look."""
    await worklist.seen(caller.db, task_id)
    # Seeing the task is the permission; what the gate decides on may be read by no broker.
    async with caller.ctx.db.tenant(caller.org_id) as db:
        task = await worklist.show(caller.ctx, db, caller.org_id, task_id)
        await execute(db, SQL["looked"], org_id=caller.org_id, actor=caller.who.actor, id=str(task_id))
    return _shown(task)


def _shown(task: worklist.Task) -> TaskShown:
    decision = task.decision
    return TaskShown(
        **task.row,
        text=task.text,
        phone=task.phone,
        may_now=decision.allowed and task.row["waits_for"] is None if decision is not None else None,
        reasons=list(decision.reasons) if decision is not None else [],
        next_permitted_at=decision.next_permitted_at if decision is not None else None,
    )


@router.post("/v1/tasks/{task_id}/done")
async def do_task(task_id: Number, done: TaskDone, caller: Writer) -> dict[str, Any]:
    """Press this when about to send or dial: the gate is asked once more. `409` means: do not, and says when."""
    await worklist.seen(caller.db, task_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:  # committed before the answer, a refusal too: it is proof
        result = await worklist.done(caller.ctx, db, caller.org_id, task_id, actor=caller.who.actor, note=done.note)
    if result.waits_for is not None:
        raise Conflict(f"The task waits: {result.waits_for}.", fix="do it when it is in the list of open tasks again")
    if result.decision is not None and not result.done:
        when = result.decision.next_permitted_at
        raise Conflict(
            f"The gate says no: {result.decision.reason}.",
            fix=f"from {when.isoformat()} on" if when else result.decision.cure,
            reasons=list(result.decision.reasons),
        )
    return {"task_id": task_id, "state": "done"}


@router.post("/v1/tasks/{task_id}/skip")
async def skip_task(task_id: Number, skipped: TaskSkipped, caller: Writer) -> dict[str, Any]:
    """Close a task undone; the sequence goes on without it."""
    await worklist.seen(caller.db, task_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        await worklist.skip(
            caller.ctx,
            db,
            caller.org_id,
            task_id,
            actor=caller.who.actor,
            reason=skipped.reason,
            do_not_contact=skipped.do_not_contact,
        )
    return {"task_id": task_id, "state": "skipped"}
