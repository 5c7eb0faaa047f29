"""Every error as an RFC 9457 problem, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from penstock.core.errors import BY_SQLSTATE, InvalidInput, PenstockError

log = structlog.get_logger(__name__)
DOCS = "https://penstock.dev/problems/"


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `fix` says what to do, `errors` names fields."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    fix: str | None = None
    errors: list[dict[str, Any]] | None = None


def problem(
    kind: type[PenstockError],
    detail: str | None = None,
    *,
    fix: str | None = None,
    status: int | None = None,
    **extra: Any,
) -> JSONResponse:
    """A problem response of an error class."""
    body = {
        "type": DOCS + kind.code,
        "title": kind.title,
        "status": status or kind.status,
        "detail": detail or kind.title,
        "code": kind.code,
    }
    if fix:
        body["fix"] = fix
    headers = {"Retry-After": str(max(1, round(extra["retry_after_s"])))} if "retry_after_s" in extra else None
    return JSONResponse(
        {**body, **extra}, status_code=status or kind.status, media_type="application/problem+json", headers=headers
    )


async def penstock_error(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, PenstockError)
    return problem(type(exc), exc.detail, fix=exc.fix, **exc.extra)


async def validation_error(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    errors = [
        {"field": _field(e["loc"], exc.body, missing=e["type"] == "missing"), "reason": e["msg"]} for e in exc.errors()
    ]
    return problem(InvalidInput, "; ".join(f"{e['field']}: {e['reason']}" for e in errors), errors=errors)


def _field(place: Sequence[str | int], body: Any, *, missing: bool) -> str:
    """Where in the request it is: "body.records". Of shapes that are tried against a body it names none."""
    if place[0] != "body" or not isinstance(body, dict | list | str | int | float):
        return ".".join(map(str, place))
    parts, at = ["body"], body
    for n, part in enumerate(place[1:], start=2):
        inside = part in at if isinstance(at, dict) else isinstance(at, list) and isinstance(part, int)
        if inside or (missing and n == len(place)):
            parts.append(str(part))
        at = at[part] if inside else at  # type: ignore[index]
    return ".".join(parts)


async def http_error(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    kind = next((k for k in _all_kinds(PenstockError) if k.status == exc.status_code), PenstockError)
    if exc.status_code == 400:  # the framework could not read the body: not JSON as we take it, or nested too deep
        return problem(InvalidInput, "the body could not be read", fix="send well-formed JSON, not nested deeply")
    if kind is PenstockError and exc.status_code < 500:
        kind = InvalidInput
    return problem(kind, str(exc.detail), status=exc.status_code)


async def database_error(request: Request, exc: Exception) -> JSONResponse:
    """Our own SQLSTATEs and constraint violations become problems; anything else is a bug and stays loud."""
    assert isinstance(exc, DBAPIError)
    original = exc.orig
    state = original.sqlstate if isinstance(original, psycopg.Error) else None
    if isinstance(original, psycopg.DataError) and state is None:  # the driver could not even send it, as with NUL
        return problem(InvalidInput, "a value holds a character that cannot be stored", fix="take out NUL characters")
    kind = BY_SQLSTATE.get(state or "")
    if kind is None or not isinstance(original, psycopg.Error):
        raise exc
    # The server's own wording names constraints: it is logged, not sent. Ours (PS…) was written to be read.
    ours = (state or "").startswith("PS")
    log.info("database refused", sqlstate=state, path=request.url.path, constraint=original.diag.constraint_name)
    return problem(
        kind, original.diag.message_primary if ours else None, fix=original.diag.message_hint if ours else None
    )


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(PenstockError, penstock_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(DBAPIError, database_error)


def _all_kinds(kind: type[PenstockError]) -> list[type[PenstockError]]:
    return [k for child in kind.__subclasses__() for k in (child, *_all_kinds(child))]
