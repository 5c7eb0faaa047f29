"""HTTP: area scans. A broker handles their own, staff everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.access import Caller, Principal, allow
from penstock.core.context import Context
from penstock.core.errors import NotAllowed
from penstock.scans import service
from penstock.scans.areas import LONGEST_NAME, read_area
from penstock.scans.service import ENDED, MOST_CENTS, MOST_LEADS, ScanRequest

router = APIRouter(prefix="/v1/area_scans", tags=["area scans"])
Reader = Annotated[Caller, allow("leads:read")]
Writer = Annotated[Caller, allow("leads:write")]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Status = Literal["pending", "queued", "in_progress", "completed", "failed", "cancelled"]
POLL_S = 1.0
LONGEST_S = 3600.0  # then the client connects anew, and is asked anew who it is
KEEPALIVE_S = 15.0


class AreaWanted(BaseModel):
    """An area and how far its scan may go: exactly one of `city`, `zip_code` and `polygon`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"city": "Austin, TX", "max_leads": 50}, {"zip_code": "78701"}]},
    )
    city: str | None = Field(default=None, max_length=100, description="With its state: Austin, TX.")
    zip_code: str | None = Field(default=None, max_length=10)
    polygon: dict[str, Any] | None = Field(
        default=None, description="GeoJSON Polygon or MultiPolygon (or a Feature with one), WGS84, longitude first."
    )
    name: str | None = Field(default=None, max_length=LONGEST_NAME, description="What a drawn area is called.")
    playbook: str | None = Field(default=None, max_length=40, description="Left out: the only one that scans areas.")
    broker_id: UUID | None = Field(default=None, description="Who gets and pays the leads; a broker: oneself.")
    search: bool = Field(
        default=False, description="Buy places that nobody has loaded; of a drawn area, in the box around each part."
    )
    permits: bool = Field(default=False, description="Read the followed portals of the area's cities first.")
    max_leads: int | None = Field(default=None, ge=1, le=MOST_LEADS)
    max_cost_cents: Decimal | None = Field(
        default=None, ge=0, le=MOST_CENTS, description="Search and leads cost no more, told or charged, US cents."
    )


class ScanWanted(AreaWanted):
    """A scan to be made."""

    start: bool = Field(default=True, description="false: it waits, drawn up, for POST …/start.")


class CostShown(BaseModel):
    """A part of the price: so many at most, and as expected."""

    what: str
    at_most: int
    expected: int
    unit_cents: float
    at_most_cents: float


class EstimateShown(BaseModel):
    """What a scan would find and cost, US cents. `at_vendor` is null where no search is wanted,
    `leads_expected` where nothing is scored yet."""

    playbook: str
    area_name: str
    square_miles: float | None
    places: int
    scored: int
    leads_already: int = Field(description="Places that are a lead of any customer.")
    permits: int = Field(description="On record here, of the playbook's `works`.")
    works: list[str]
    at_vendor: int | None
    leads_expected: int | None
    leads_at_most: int
    trial_leads: int
    costs: list[CostShown]
    expected_cents: float
    at_most_cents: float
    notes: list[str]
    no_leads_because: str | None = Field(description="Why an order would be refused: no lead may be made now.")


class Scan(BaseModel):
    """A scan and how far it is: of `total_properties` places, `processed_properties` are decided.

    `results_summary` accounts for every place of the area once it has ended.
    """

    id: int
    playbook: str
    broker_id: UUID
    broker: str | None
    area_name: str
    scan_type: Literal["city", "zip_code", "custom_area"]
    area: dict[str, Any]
    status: Status
    step: str | None
    scan_parameters: dict[str, Any]
    estimate: dict[str, Any] | None
    max_cost_cents: float | None
    total_properties: int
    processed_properties: int
    qualified_leads: int
    progress_percentage: float = Field(description="Processed of total; where there are none, 100 once completed.")
    results_summary: dict[str, Any] | None
    error_message: str | None
    cancel_requested_at: datetime | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    changed_at: datetime


@router.post("/estimate")
async def estimate_scan(wanted: AreaWanted, caller: Writer) -> EstimateShown:
    """What a scan would find and cost at most. Nothing is stored or bought."""
    request = _request(wanted, caller)
    await _let_go(caller)
    drawn_up = await service.estimate(caller.ctx, caller.org_id, request)
    return EstimateShown(**drawn_up.as_json())


@router.post("", status_code=201)
async def order_scan(
    wanted: ScanWanted,
    caller: Writer,
    idempotency_key: Annotated[str | None, Header(max_length=200, description="the same request is one scan")] = None,
) -> Scan:
    """Order a scan: its estimate is stored with it and bounds it, and it begins unless `start` is false."""
    request = _request(wanted, caller, start=wanted.start, request_key=idempotency_key)
    await _let_go(caller)
    scan = await service.order(caller.ctx, caller.org_id, request, actor=caller.who.actor)
    return await _shown(caller, scan)


@router.get("")
async def list_scans(
    caller: Reader,
    status: Status | None = None,
    broker: UUID | None = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Id of the last scan of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Scan]:
    """Scans that the caller may see, newest first."""
    found = await service.listing(caller.db, status=status, broker_id=broker, before=before, limit=limit)
    return [Scan(**row) for row in found]


@router.get("/{scan_id}")
async def show_scan(scan_id: Number, caller: Reader) -> Scan:
    """One scan."""
    return Scan(**await service.show(caller.db, scan_id))


@router.post("/{scan_id}/start")
async def start_scan(scan_id: Number, caller: Writer) -> Scan:
    """Let a scan that waits begin."""
    await service.show(caller.db, scan_id)
    await service.start(caller.ctx, caller.org_id, scan_id)
    return await _shown(caller, scan_id)


@router.post("/{scan_id}/cancel")
async def cancel_scan(scan_id: Number, caller: Writer) -> Scan:
    """Stop a scan: at once, or at its next step if it is at work. The leads it has made stay, and stay charged."""
    await service.show(caller.db, scan_id)
    await service.cancel(caller.ctx, caller.org_id, scan_id)
    return await _shown(caller, scan_id)


@router.post("/{scan_id}/retry")
async def retry_scan(scan_id: Number, caller: Writer) -> Scan:
    """Queue a failed scan again; it goes on where it failed."""
    await service.show(caller.db, scan_id)
    await service.retry(caller.ctx, caller.org_id, scan_id)
    return await _shown(caller, scan_id)


@router.get("/{scan_id}/events", response_class=StreamingResponse)
async def watch_scan(scan_id: Number, caller: Reader) -> StreamingResponse:
    """Server-sent events: the scan as `GET …/{scan_id}` shows it, now and at each change (`progress`), to its end.

    The last event is named after the status: completed, failed or cancelled.
    """
    await service.show(caller.db, scan_id)
    return StreamingResponse(
        _changes(caller.ctx, caller.who, scan_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _changes(ctx: Context, who: Principal, scan_id: int) -> AsyncIterator[bytes]:
    told, quiet_s = "", 0.0
    for _ in range(int(LONGEST_S / POLL_S)):
        async with _as(ctx, who) as db:
            scan = Scan(**await service.show(db, scan_id))
        now = scan.model_dump_json()
        if now != told:
            told, quiet_s = now, 0.0
            yield format_sse_event(event=scan.status if scan.status in ENDED else "progress", data_str=now)
        if scan.status in ENDED:
            return
        await asyncio.sleep(POLL_S)
        quiet_s += POLL_S
        if quiet_s >= KEEPALIVE_S:
            quiet_s = 0.0
            yield KEEPALIVE_COMMENT


async def _let_go(caller: Caller) -> None:
    """End the caller's transaction, which has told who they are: none is open while a vendor counts its places."""
    await caller.db.rollback()


def _as(ctx: Context, who: Principal) -> AbstractAsyncContextManager[AsyncConnection]:
    """A transaction that sees what the caller may see."""
    if who.user_id is None:
        return ctx.db.tenant(who.org_id)
    return ctx.db.tenant(who.org_id, role="authenticated", sub=str(who.user_id), user_role=who.role)


async def _shown(caller: Caller, scan_id: int) -> Scan:
    async with _as(caller.ctx, caller.who) as db:
        return Scan(**await service.show(db, scan_id))


def _request(wanted: AreaWanted, caller: Caller, **more: Any) -> ScanRequest:
    area = read_area(
        city=wanted.city,
        zip_code=wanted.zip_code,
        polygon=wanted.polygon,
        name=wanted.name,
        largest_square_miles=caller.ctx.settings.scans.largest_square_miles,
    )
    given = wanted.model_dump(include={"playbook", "search", "permits", "max_leads", "max_cost_cents"})
    return ScanRequest(area=area, broker_id=_broker(wanted, caller), **given, **more)


def _broker(wanted: AreaWanted, caller: Caller) -> UUID | None:
    """Whose leads: a broker's own."""
    if caller.who.role != "broker":
        return wanted.broker_id
    if wanted.broker_id not in (None, caller.who.user_id):
        raise NotAllowed("A broker orders scans for themselves.", fix="leave broker_id out")
    return caller.who.user_id
