"""/v1/funnel, /v1/waiting, /v1/alerts: what everything came to."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from penstock import insight
from penstock.core.access import Caller, allow
from penstock.core.db import rows
from penstock.core.sqlfile import load
from penstock.insight.alerts import ADVICE

router = APIRouter(prefix="/v1", tags=["insight"])
SQL = load(__package__)
Reader = Annotated[Caller, allow("events:read")]


class EventCount(BaseModel):
    """How often something happened, to how many leads, and how long it took."""

    model_config = ConfigDict(from_attributes=True)
    stage: str
    event: str
    events: int
    leads: int
    mean_ms: float | None
    p95_ms: float | None


class Spending(BaseModel):
    """US cents."""

    model_config = ConfigDict(from_attributes=True)
    total: float
    by_stage: dict[str, float]
    by_vendor: dict[str, float]
    by_operation: dict[str, float]
    per_appointment: float | None


class Funnel(BaseModel):
    """Rows that came in, how far the leads first seen in the period came, what happened in it, money out and in."""

    model_config = ConfigDict(from_attributes=True)
    since: datetime | None
    until: datetime | None
    rows: dict[str, int]
    stages: dict[str, int]
    companies: dict[str, int]
    events: list[EventCount]
    spend_cents: Spending
    invoiced_cents: int


class Alert(BaseModel):
    """An alert, firing (`resolved_at` null) or over."""

    id: int
    rule: str
    value: str
    advice: str
    fired_at: datetime
    resolved_at: datetime | None
    details: dict[str, Any]


@router.get("/funnel")
async def show_funnel(
    caller: Reader,
    since: Annotated[AwareDatetime | None, Query(description="From this instant on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this instant.")] = None,
) -> Funnel:
    """The funnel of a period over what the caller may see: the org for staff and keys, their own leads for a broker."""
    return Funnel.model_validate(await insight.funnel(caller.db, since, until))


@router.get("/alerts")
async def show_alerts(
    caller: Reader, open_only: bool = False, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[Alert]:
    """The org's alerts, newest first; none for a broker."""
    found = await rows(caller.db, SQL["alerts"], open_only=open_only, limit=limit)
    return [Alert(**row, advice=ADVICE.get(row["rule"], "")) for row in found]
