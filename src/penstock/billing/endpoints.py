"""HTTP: brokers report milestones; subscriptions and usage are put beside it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from penstock.billing import service, subscription_endpoints
from penstock.core.access import Caller, allow
from penstock.core.db import one
from penstock.core.errors import NotFound

router = APIRouter()
router.include_router(subscription_endpoints.router)


class Milestone(BaseModel):
    """A step of the sale after the appointment."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"event": "application_submitted"}]})

    event: Literal["application_submitted", "loan_funded"]


class MilestoneReached(BaseModel):
    """Whether the milestone was new; reporting it twice is harmless."""

    lead_id: UUID
    event: str
    recorded: bool


@router.post("/v1/leads/{lead_id}/milestones", tags=["billing"])
async def reach_milestone(
    lead_id: UUID, milestone: Milestone, caller: Annotated[Caller, allow("leads:write")]
) -> MilestoneReached:
    """Report that a lead submitted an application or that the loan was funded. Billed once."""
    if await one(caller.db, service.SQL["visible_lead"], lead_id=lead_id) is None:
        raise NotFound("there is no such lead")
    # Seeing the lead is the permission; the billing event itself may be written by no signed-in user.
    async with caller.ctx.db.tenant(caller.org_id) as db:
        recorded = await service.reach_milestone(db, caller.org_id, lead_id=lead_id, event_type=milestone.event)
    return MilestoneReached(lead_id=lead_id, event=milestone.event, recorded=recorded)
