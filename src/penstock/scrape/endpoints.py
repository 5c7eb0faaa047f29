"""HTTP: the page vendor reports the end of a run. It signs nothing: a secret in the path says who it is."""

from __future__ import annotations

import hmac
import json
import re

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from penstock import journey
from penstock.core.db import execute, scalar
from penstock.core.edge import Ctx
from penstock.core.errors import InvalidInput, NotSignedIn, ProviderRefused
from penstock.core.sqlfile import load
from penstock.providers.pages import apify

SQL = load(__package__)
ROUTE = "/webhooks/apify"
router = APIRouter()


@router.post(ROUTE + "/{token}", tags=["webhooks"])
async def run_ended(token: str, request: Request, ctx: Ctx, about: str = "") -> JSONResponse:
    """Take one report of a run. `about`: the pages it was asked for, as we named them. Copies are answered with 200."""
    org_id, secret = ctx.settings.org_id, ctx.settings.vendors.apify.webhook_token.get_secret_value()
    genuine = bool(secret) and hmac.compare_digest(token.encode(), secret.encode())
    async with ctx.db.tenant(org_id) as db:
        reason = None if genuine else "token"
        await execute(db, SQL["note_signature"], org_id=org_id, route=ROUTE, ok=genuine, reason=reason)
    if not genuine:
        raise NotSignedIn("the address is not the one that was given to the vendor")
    try:
        run_id, event_type = apify.parse_report(await request.body())
    except ProviderRefused as error:
        raise InvalidInput(error.detail) from error
    pages = [int(one) for one in about.split(",") if re.fullmatch(r"\d{1,18}", one)][:1000]
    # Of the body only the name of the run counts: it is read again, with our own key.
    payload = json.dumps({"run_id": run_id, "about": pages})
    async with ctx.db.tenant(org_id) as db:
        stored = await scalar(
            db,
            SQL["store_report"],
            org_id=org_id,
            event_type=event_type,
            dedupe_key=f"{run_id}:{event_type}",
            payload=ctx.sealer.seal(org_id, payload),
        )
        if stored is not None:
            await journey.wake(db, org_id, {"page_run_reported"})
    return JSONResponse({})
