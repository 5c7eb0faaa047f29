"""The HTTP edge of imagery: pictures of a place, what models saw on them, and the pictures themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from penstock.core.access import Caller, allow
from penstock.core.db import one
from penstock.core.errors import NotFound
from penstock.core.problems import Problem
from penstock.core.sqlfile import load
from penstock.imagery import shown

SQL = load(__package__)
MayRead = Annotated[Caller, allow("leads:read")]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
router = APIRouter(tags=["imagery"])


class Assessment(BaseModel):
    """What one model saw. Only `live` counts; a failed one has a reason instead."""

    vendor: str
    model: str
    status: str
    assessment: str | None
    condition_score: int | None
    damage_level: str | None
    damage_indicators: list[str]
    remaining_life_years: int | None
    material: str | None
    reason: str | None
    assessed_at: datetime


class Picture(BaseModel):
    """A picture from one source: live, synthetic (a stand-in's) or failed."""

    id: int
    source: str
    status: str
    license: str | None
    taken_on: date | None
    media_type: str | None
    bytes: int | None
    meters_per_pixel: float | None
    reason: str | None
    fetched_at: datetime
    content_url: str | None
    assessments: list[Assessment]


class Facts(BaseModel):
    """What the live words come to. `apart`: points between the models that differ most."""

    models: int
    condition_score: int
    apart: int
    models_disagree: bool


class Glance(BaseModel):
    """What the last look of a playbook came to, and when the next is due."""

    playbook: str
    outcome: str | None
    reason: str | None
    looked_at: datetime | None
    due_at: datetime


class Imagery(BaseModel):
    """All that is known of a place from above. `live` is null where nothing live was seen."""

    property_id: int
    address: str
    images: list[Picture]
    live: Facts | None
    looks: list[Glance]


@router.get("/v1/properties/{property_id}/imagery", responses={404: {"model": Problem}})
async def show_imagery(property_id: Number, caller: MayRead) -> Imagery:
    """Pictures of a place with each model's words beside them."""
    return Imagery(**await shown.of_property(caller.db, property_id))


@router.get(
    "/v1/properties/{property_id}/imagery/{image_id}/content",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}, 404: {"model": Problem}},
)
async def download_picture(property_id: Number, image_id: Number, caller: MayRead) -> Response:
    """The picture. `X-Image-Status` says whether it is live or synthetic."""
    found = await one(caller.db, SQL["content"], property_id=property_id, image_id=image_id)
    if found is None:
        raise NotFound("There is no such picture.")
    headers = {
        "X-Image-Status": found["status"],
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=3600",
    }
    return Response(bytes(found["content"]), media_type=found["media_type"], headers=headers)
