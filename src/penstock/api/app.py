"""The HTTP application: every stage's edge and /v1 put together on one Context. It assembles; it decides nothing."""

from importlib import import_module
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from penstock.api import brokers, health, leads, reports, sign_in, users
from penstock.api.authenticate import Authenticator
from penstock.api.limits import RateLimiter
from penstock.api.middleware import LimitAnonymous, RequestContext
from penstock.core import problems
from penstock.core.context import Context
from penstock.core.errors import PenstockError
from penstock.core.problems import Problem

STAGES_WITH_AN_EDGE = ("intake", "compliance", "replies", "voice", "booking", "billing")

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
    per_minute = ctx.settings.api.requests_per_minute
    limiter = RateLimiter(per_minute)
    app.state.ctx = ctx
    app.state.authenticate = Authenticator(limiter)
    app.state.sign_in_limiter = RateLimiter(sign_in.TRIES_PER_MINUTE)
    for router in (
        health.router,
        sign_in.router,
        users.router,
        brokers.router,
        leads.router,
        reports.router,
        *_edges(),
    ):
        app.include_router(router)
    problems.install(app)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(LimitAnonymous, limiter=limiter)
    app.add_middleware(RequestContext)  # added last, so outermost: a refusal has an id and is counted too
    return app


def _edges() -> list[APIRouter]:
    """The routers of the stages, each under the name that every stage uses for its edge."""
    found = []
    for stage in STAGES_WITH_AN_EDGE:
        try:
            found.append(import_module(f"penstock.{stage}.endpoints").router)
        except ImportError as e:
            print("DEV", stage, e)
    return found


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
