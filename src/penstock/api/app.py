"""The HTTP application: every stage's edge and /v1 put together on one Context. It assembles; it decides nothing."""

from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from penstock.api import brokers, health, leads, reports, sign_in, territory, users
from penstock.api.authenticate import Authenticator
from penstock.api.limits import RateLimiter
from penstock.api.middleware import LimitAnonymous, LimitBody, RequestContext
from penstock.billing import endpoints as billing
from penstock.booking import endpoints as booking
from penstock.compliance import endpoints as compliance
from penstock.contagion import endpoints as contagion
from penstock.core import problems
from penstock.core.context import Context
from penstock.core.errors import PenstockError
from penstock.core.problems import Problem
from penstock.imagery import endpoints as imagery
from penstock.intake import endpoints as intake
from penstock.outreach import endpoints as outreach
from penstock.permits import endpoints as permits
from penstock.replies import endpoints as replies
from penstock.reports import endpoints as property_reports
from penstock.sales import endpoints as sales
from penstock.scans import endpoints as scans
from penstock.scrape import endpoints as scrape
from penstock.voice import endpoints as voice

STAGES = (
    intake,
    permits,
    contagion,
    scans,
    imagery,
    scrape,
    compliance,
    outreach,
    replies,
    voice,
    booking,
    sales,
    billing,
    property_reports,
)
ABOUT = """
Sign in at `POST /v1/token`, or use an API key; send either as `Authorization: Bearer …`.
Errors are RFC 9457 problems: `code` is stable, `fix` says what to do. Lists are read with `cursor`.
"""


def create_app(ctx: Context) -> FastAPI:
    """The application on `ctx`, which the caller opens and closes."""
    app = FastAPI(
        title="Penstock",
        version=version("penstock"),
        description=ABOUT,
        responses={
            "default": {"model": Problem, "description": "Any error, as a problem.", "content": _PROBLEM_CONTENT}
        },
        generate_unique_id_function=_operation_id,
    )
    limiter = RateLimiter(ctx.settings.api.requests_per_minute)
    upload_limiter = RateLimiter(ctx.settings.api.upload_requests_per_minute)
    app.state.ctx = ctx
    app.state.authenticate = Authenticator(limiter)
    app.state.sign_in_limiter = RateLimiter(sign_in.TRIES_PER_MINUTE)
    for part in (health, sign_in, users, brokers, leads, reports, *STAGES, territory):
        app.include_router(part.router)
    problems.install(app)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(LimitBody)
    app.add_middleware(LimitAnonymous, limiter=limiter, upload_limiter=upload_limiter)
    app.add_middleware(RequestContext)  # added last, so outermost: a refusal has an id and is counted too
    return app


_PROBLEM_CONTENT = {
    "application/problem+json": {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": {
            "type": problems.DOCS + "not_found",
            "title": "Not found",
            "status": 404,
            "detail": "There is no such lead.",
            "code": "not_found",
        },
    }
}


def _operation_id(route: APIRoute) -> str:
    """The name of the function: what a generated client calls it."""
    return route.name


async def _bug(request: Request, exc: Exception) -> JSONResponse:
    """What nobody foresaw: a plain 500 with the request's id. The server logs the trace beside the same id."""
    return problems.problem(PenstockError, request_id=getattr(request.state, "request_id", None))
