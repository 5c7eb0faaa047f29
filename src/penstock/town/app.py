"""The town as one ASGI application: each vendor below its own prefix, the controls at the root."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from penstock.town.batchdata import BatchData
from penstock.town.calcom import CalCom
from penstock.town.control import Control
from penstock.town.melissa import Melissa
from penstock.town.state import TownState
from penstock.town.vapi import Vapi


def make_app(town: TownState) -> Starlette:
    """Base URLs: /melissa, /batchdata/api/v1, /vapi, /calcom; the town's own paths are /town/… and /truth."""
    return Starlette(
        routes=[
            Mount("/melissa", routes=Melissa(town).routes()),
            Mount("/batchdata/api/v1", routes=BatchData(town).routes()),
            Mount("/vapi", routes=Vapi(town).routes()),
            Mount("/calcom", routes=CalCom(town).routes()),
            *Control(town).routes(),
        ],
        exception_handlers={HTTPException: _detail},
    )


async def _detail(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, status_code=error.status_code)
