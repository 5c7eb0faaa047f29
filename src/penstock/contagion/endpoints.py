"""HTTP: the map, layer by layer."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from penstock.contagion.map_box import read_box
from penstock.contagion.map_view import Asked, view
from penstock.contagion.rules import Rules, rules_of
from penstock.core import clock
from penstock.core.access import Caller, allow
from penstock.core.context import Context
from penstock.core.errors import InvalidInput
from penstock.core.problems import Problem

router = APIRouter(tags=["map"])
# As the service: what a broker may see of a place that is nobody's lead is decided in the query, not by its row.
Looker = Annotated[Caller, allow("leads:read", as_service=True)]
Layer = Literal["clusters", "permits", "properties"]


class GeoJson(JSONResponse):
    """An answer that map libraries know."""

    media_type = "application/geo+json"

    def render(self, content: Any) -> bytes:
        """The content as compact JSON, days in ISO form."""
        return json.dumps(content, default=_day, separators=(",", ":")).encode()


class Feature(BaseModel):
    """A thing, or a cell of the grid (`cell`: its edges) with how much lies in it."""

    type: Literal["Feature"]
    geometry: dict[str, Any]
    properties: dict[str, Any]


class MapLayer(BaseModel):
    """GeoJSON. Single things, the most telling first; or cells, counted whole."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    aggregated: bool = Field(description="the features are cells")
    cell_degrees: float | None = Field(description="how wide and high a cell is")
    truncated: bool = Field(description="there are more single things than `limit`: look closer")
    scored_on: date | None = Field(description="the day that the scores count from")
    scored_at: datetime | None = Field(description="the last pass over all places")


@router.get(
    "/v1/map/{layer}",
    response_class=GeoJson,
    response_model=MapLayer,
    responses={422: {"model": Problem}},
)
async def map_layer(
    layer: Layer,
    caller: Looker,
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north in degrees")],
    zoom: Annotated[int, Query(ge=0, le=22, description="of web maps: a tile is 360 / 2^zoom degrees wide")],
    playbook: Annotated[str | None, Query(max_length=40, description="left out: the only one with a map")] = None,
    since: Annotated[date | None, Query(description="permits after that day; left out: as long as they count")] = None,
    limit: Annotated[int, Query(ge=1, le=5_000, description="single things at most")] = 2_000,
) -> GeoJson:
    """What a map shows of a box: single things from close by, cells with counts and scores from far away."""
    rules = rules_for(caller.ctx, playbook)
    start = since or clock.now().date() - timedelta(days=rules.reach.window_days)
    broker = caller.who.user_id if caller.who.role == "broker" else None
    asked = Asked(layer, read_box(bbox), zoom, limit, start, broker)
    seen = await view(caller.db, caller.org_id, rules, asked)
    return GeoJson(seen, headers={"Cache-Control": "private, max-age=60"})


def rules_for(ctx: Context, name: str | None) -> Rules:
    """The rules of the playbook of that name, or of the only one that finds leads on the map."""
    able = {book.name: book for book in ctx.playbooks.values() if book.territory is not None}
    if name is None and len(able) == 1:
        return rules_of(next(iter(able.values())))
    if name not in able:
        what = "several playbooks have a map" if name is None else f"playbook {name!r} has no map"
        raise InvalidInput(f"playbook: {what}", fix=f"use {' or '.join(able) or 'one with a territory'}")
    return rules_of(able[name])


def _day(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")
