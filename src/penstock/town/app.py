"""The town as one ASGI application: each vendor below its own prefix, the controls at the root."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from penstock.town.aerial import Views
from penstock.town.batchdata import BatchData
from penstock.town.business.apify import Apify
from penstock.town.business.checkers import Checkers
from penstock.town.business.dns import NameServer
from penstock.town.business.front import Front
from penstock.town.calcom import CalCom
from penstock.town.control import Control
from penstock.town.geocoder import Geocoder
from penstock.town.imagery import Imagery
from penstock.town.llm import Models
from penstock.town.melissa import Melissa
from penstock.town.socrata import Socrata
from penstock.town.state import TownState
from penstock.town.stripe import Stripe
from penstock.town.vapi import Vapi


def make_app(town: TownState) -> ASGIApp:
    """The town: websites of companies by Host header, everything else by path.

    Base URLs: /melissa, /batchdata/api/v1, /vapi, /calcom, /apify/v2, /zerobounce/v2, /neverbounce/v4.2,
    /millionverifier/api/v3, /socrata/{domain}, /census, /naip, /mapbox, /google_maps,
    /nearmap, /openai/v1, /anthropic, /stripe; the town's own paths are /town/… and /truth.
    """
    checkers, portals = Checkers(town), Socrata(town)
    imagery, models = Imagery(town, Views(town.dice, portals.cities.values())), Models(town)
    inside = Starlette(
        routes=[
            Mount("/melissa", routes=Melissa(town).routes()),
            Mount("/batchdata/api/v1", routes=BatchData(town, portals.cities.values()).routes()),
            Mount("/vapi", routes=Vapi(town).routes()),
            Mount("/stripe", routes=Stripe(town).routes()),
            Mount("/calcom", routes=CalCom(town).routes()),
            Mount("/apify/v2", routes=Apify(town).routes()),
            Mount("/zerobounce/v2", routes=checkers.zerobounce_routes()),
            Mount("/neverbounce/v4.2", routes=checkers.neverbounce_routes()),
            Mount("/millionverifier/api/v3", routes=checkers.millionverifier_routes()),
            Mount("/socrata", routes=portals.routes()),
            Mount("/census/geocoder", routes=Geocoder(town, portals.cities.values()).routes()),
            Mount("/naip", routes=imagery.naip_routes()),
            Mount("/mapbox", routes=imagery.mapbox_routes()),
            Mount("/google_maps", routes=imagery.google_routes()),
            Mount("/nearmap", routes=imagery.nearmap_routes()),
            Mount("/openai/v1", routes=models.openai_routes()),
            Mount("/anthropic/v1", routes=models.anthropic_routes()),
            *NameServer(town).routes(),
            *Control(town, portals.cities).routes(),
        ],
        exception_handlers={HTTPException: _detail},
    )
    return Front(town, inside)


async def _detail(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, status_code=error.status_code)
