"""/v1/leads: the list, one lead with how to reach it, and its diary, decisions and spend."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from penstock import contagion, sales
from penstock.api.accounts import audit
from penstock.api.lead_list import Filters, Sort, page
from penstock.api.paging import Page, open_cursor, seal_cursor
from penstock.core.access import Caller, allow
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load
from penstock.insight import diary, spend

router = APIRouter(prefix="/v1/leads", tags=["leads"])
SQL = load(__package__)
Reader = Annotated[Caller, allow("leads:read")]
Writer = Annotated[Caller, allow("leads:write")]
LeadStatus = Literal["new", "enriched", "contactable", "do_not_contact"]
CampaignStatus = Literal[
    "new", "queued", "active", "replied", "paused", "unsubscribed", "bounced", "do_not_contact", "converted"
]
SalesStage = Literal[
    "new",
    "contacted",
    "replied",
    "interested",
    "appointment_scheduled",
    "quoted",
    "application_submitted",
    "won",
    "lost",
]


class LeadLine(BaseModel):
    """A lead in the list. How to reach it is on the lead itself, where looking is recorded."""

    id: UUID
    playbook: str
    name: str | None
    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    lead_status: LeadStatus
    campaign_status: CampaignStatus
    sales_stage: SalesStage
    priority: Literal["HOT", "WARM", "COLD"]
    lead_score: int
    quality_score: float
    assigned_broker_id: UUID | None
    consent: bool
    call_attempt_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    last_reply_at: datetime | None


class Place(BaseModel):
    """The place the lead is about. Money in US dollars, areas in square feet."""

    mak: str | None
    apn: str | None
    apn_raw: str | None
    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    county: str | None
    lat: float | None
    lng: float | None
    land_use: str | None
    year_built: int | None
    bedrooms: float | None
    bathrooms: float | None
    building_sqft: int | None
    lot_sqft: int | None
    property_value: float | None
    estimated_equity: float | None
    mortgage_balance: float | None
    last_sale_date: date | None
    last_sale_price: float | None
    owner_occupied: bool | None
    source: str


class ContactPoint(BaseModel):
    """A phone (E.164) or email of the person, in the clear."""

    id: int
    kind: Literal["phone", "email"]
    value: str
    source: str
    score: float | None
    verified: bool
    status: Literal["green", "yellow", "red", "gray"]
    line_type: str | None
    verified_at: datetime | None
    dnc_listed: bool | None
    dnc_checked_at: datetime | None


class Reason(BaseModel):
    """One cause of the score of the lead's place. `points`: how telling it is."""

    code: str
    sentence: str
    points: float


class Lead(BaseModel):
    """One lead, whole. Reading it leaves an `accessed` row in the audit log.

    `reasons`: why its place is scored as it is, most telling first, where leads are found on the map; else empty.
    """

    id: UUID
    playbook: str
    source: str
    name: str | None
    contact_kind: Literal["person", "company"] | None
    lead_status: LeadStatus
    campaign_status: CampaignStatus
    sales_stage: SalesStage
    status_reason: str | None
    priority: Literal["HOT", "WARM", "COLD"]
    lead_score: int
    quality_score: float
    assigned_broker_id: UUID | None
    assigned_persona: str | None
    consent: bool
    consented_at: datetime | None
    call_attempt_count: int
    next_call_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    last_reply_at: datetime | None
    added_to_campaign_at: datetime | None
    place: Place | None
    contact_points: list[ContactPoint]
    reasons: list[Reason]


class LeadChanges(BaseModel):
    """The columns that a broker may change. Reachability, consent and outreach are not among them: facts move those."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"sales_stage": "quoted", "status_reason": "sent offer"}]}
    )
    sales_stage: SalesStage | None = None
    status_reason: str | None = Field(default=None, max_length=500)
    assigned_persona: str | None = Field(default=None, max_length=100)


class DiaryLine(BaseModel):
    """One thing that happened. `folder` is where the code that did it stands."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    stage: str
    what: str
    detail: str
    cents: float | None
    folder: str


class Decision(BaseModel):
    """An answer of the gate: may this person be contacted, on this channel, at this instant, and why not."""

    at: datetime
    channel: str
    purpose: str
    phase: str
    verdict: Literal["ALLOW", "DENY"]
    reason: str
    reasons: list[str]
    next_permitted_at: datetime | None
    cure: str | None
    obligations: list[str]
    states: list[str]
    zones: list[str]
    rules_version: str
    chain_n: int | None


class Spend(BaseModel):
    """What was spent on a lead, US cents, and on what."""

    total_cents: float
    items: list[dict[str, Any]]


@router.get("")
async def list_leads(
    caller: Reader,
    status: LeadStatus | None = None,
    campaign_status: CampaignStatus | None = None,
    playbook: Annotated[str | None, Query(max_length=40)] = None,
    broker: UUID | None = None,
    state: Annotated[str | None, Query(pattern="^[A-Z]{2}$")] = None,
    score_min: Annotated[int | None, Query(ge=0, le=100)] = None,
    score_max: Annotated[int | None, Query(ge=0, le=100)] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Words in name, street, city or ZIP; all must occur.")
    ] = None,
    sort: Annotated[Sort, Query(description="Best score first, or newest first.")] = "score",
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[LeadLine]:
    """The leads that the caller may see, filtered and in order, page by page."""
    secret, listing = caller.ctx.sealer.secret("page cursor"), f"leads:{sort}"
    after = open_cursor(secret, listing=listing, cursor=cursor) if cursor else None
    filters = Filters(status, campaign_status, playbook, broker, state, score_min, score_max, q)
    found, following = await page(caller.db, filters, sort=sort, after=after, limit=limit)
    following_cursor = seal_cursor(secret, listing=listing, at=following) if following else None
    return Page(items=[LeadLine(**row) for row in found], next=following_cursor)


@router.get("/{lead_id}")
async def show_lead(lead_id: UUID, caller: Reader) -> Lead:
    """One lead with its place and its contact points in the clear. Leaves an `accessed` row in the audit log."""
    return await _whole_lead(caller, lead_id)


@router.patch("/{lead_id}")
async def change_lead(lead_id: UUID, body: LeadChanges, caller: Writer) -> Lead:
    """Change what a broker may change. A sales stage that may not follow is refused (409) with what may."""
    await _must_exist(caller, lead_id)
    changes = body.model_dump(exclude_none=True)
    # Seeing the lead is the permission; the diary of a stage that changed may be written by no signed-in user.
    async with caller.ctx.db.tenant(caller.org_id) as db:
        if body.sales_stage is not None:
            await sales.move_stage(
                db, caller.org_id, lead_id, body.sales_stage, actor=caller.who.actor, reason=body.status_reason
            )
        await execute(
            db,
            SQL["change_lead"],
            id=lead_id,
            status_reason=body.status_reason,
            assigned_persona=body.assigned_persona,
        )
        await audit(
            db,
            caller.org_id,
            actor=caller.who.actor,
            action="changed",
            kind="lead",
            id=lead_id,
            fields=sorted(changes),
        )
    return await _whole_lead(caller, lead_id)


@router.get("/{lead_id}/diary")
async def show_diary(lead_id: UUID, caller: Reader) -> list[DiaryLine]:
    """Everything that happened to a lead, oldest first, each line with what it cost and the folder that did it."""
    await _must_exist(caller, lead_id)
    return [DiaryLine.model_validate(line) for line in await diary.of_lead(caller.db, lead_id)]


@router.get("/{lead_id}/decisions")
async def show_decisions(
    lead_id: UUID, caller: Reader, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[Decision]:
    """What the gate answered about a lead, newest first."""
    await _must_exist(caller, lead_id)
    return [Decision(**row) for row in await rows(caller.db, SQL["decisions"], id=lead_id, limit=limit)]


@router.get("/{lead_id}/spend")
async def show_spend(lead_id: UUID, caller: Reader) -> Spend:
    """What was bought for a lead, and for how much."""
    await _must_exist(caller, lead_id)
    items = [dict(row) for row in await spend.of_lead(caller.db, lead_id)]
    return Spend(total_cents=float(sum(item["cents"] for item in items)), items=items)


async def _must_exist(caller: Caller, lead_id: UUID) -> None:
    if not await scalar(caller.db, SQL["lead_exists"], id=lead_id):
        raise NotFound("There is no such lead.")


async def _whole_lead(caller: Caller, lead_id: UUID) -> Lead:
    lead = await one(caller.db, SQL["lead"], id=lead_id)
    if lead is None:
        raise NotFound("There is no such lead.")
    place = await one(caller.db, SQL["property"], id=lead["property_id"])
    points = await rows(caller.db, SQL["contact_points"], id=lead["contact_id"])
    opened = [
        ContactPoint(**(dict(row) | {"value": caller.ctx.sealer.open(caller.org_id, row["value"])})) for row in points
    ]
    await audit(
        caller.db,
        caller.org_id,
        actor=caller.who.actor,
        action="accessed",
        kind="lead",
        id=lead_id,
        contact_points=len(opened),
    )
    told = await contagion.reasons(caller.ctx, caller.org_id, lead["playbook"], lead["property_id"])
    why = [Reason(**asdict(reason)) for reason in told]
    return Lead(**lead, place=Place(**place) if place else None, contact_points=opened, reasons=why)
