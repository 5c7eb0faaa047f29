"""/healthz, /readyz, /metrics: for the machines that look after us. No credentials asked, no personal data given."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from penstock.core.edge import Ctx
from penstock.core.sqlfile import load
from penstock.insight import metrics
from penstock.schema import migrate

router = APIRouter(tags=["health"])
SQL = load(__package__)
READY_WITHIN_S = 3.0


class Health(BaseModel):
    """`ok`, or what is the matter."""

    status: Literal["ok", "unavailable"]
    reason: str | None = None


@router.get("/healthz")
async def healthy() -> Health:
    """The process answers. Asks nothing of the database: a restart of us does not mend it."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health}})
async def ready(ctx: Ctx, response: Response) -> Health:
    """The database answers and stands at the schema this version works with. 503 otherwise: send no traffic here."""
    reason = await _not_ready(ctx)
    if reason:
        response.status_code = 503
        return Health(status="unavailable", reason=reason)
    return Health(status="ok")


async def _not_ready(ctx: Ctx) -> str | None:
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            async with ctx.db.owner() as db:
                revision = (await db.execute(SQL["revision"])).scalar()
    except (OperationalError, DBAPIError, PoolTimeout, OSError, TimeoutError):
        return "the database does not answer"
    if revision != migrate.head():
        return f"the database stands at {revision}, this version wants {migrate.head()}: run penstock db upgrade"
    return None


@router.get("/metrics", response_class=Response)
async def scrape(ctx: Ctx) -> Response:
    """Numbers for Prometheus, over all orgs together. Keep it behind the proxy if they are nobody's business."""
    async with ctx.db.owner() as db:
        return Response(await metrics.exposition(db), media_type=CONTENT_TYPE_LATEST)
