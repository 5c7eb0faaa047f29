"""Uploads over HTTP: POST a signed CSV, ask what became of it, download the rows that were refused."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from penstock.core import problems
from penstock.core.access import Caller, allow
from penstock.core.db import execute, rows
from penstock.core.edge import Ctx
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.problems import Problem
from penstock.core.sqlfile import load
from penstock.intake.load_endpoints import router as loads
from penstock.intake.receiving import Wanted, receive, refused_as_duplicate
from penstock.intake.service import choose_playbook

SQL = load(__package__)
PAGE = 1000  # rejected rows read at once

router = APIRouter()
uploads = APIRouter(tags=["uploads"])
MayUpload = Annotated[Caller, allow("uploads:write", as_service=True)]


class Rows(BaseModel):
    """What became of the rows: read = inserted + updated + duplicate_in_file + rejected."""

    read: int
    inserted: int
    updated: int
    duplicate_in_file: int
    rejected: int


class Upload(BaseModel):
    """A file that came in."""

    id: UUID
    name: str
    source: str
    playbook: str
    map_name: str
    state: str = Field(description="receiving, received (waits or is being merged), running, done or failed")
    bytes: int
    rows: Rows | None = Field(description="null until the upload is done")
    warnings: dict[str, int] = Field(description="values that made no sense and were left empty, by field and reason")
    columns_unused: list[str] = Field(description="columns of which the map makes nothing")
    error: str | None = Field(description="why the file as a whole was refused")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Accepted(BaseModel):
    """An upload that will be merged; ask `Location` what became of it."""

    id: UUID
    state: str = "received"


@uploads.post(
    "/v1/uploads",
    status_code=202,
    responses={202: {"model": Accepted}, 401: {"model": Problem}, 409: {"model": Problem}, 422: {"model": Problem}},
    openapi_extra={"requestBody": {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def upload_file(
    request: Request,
    ctx: Ctx,
    playbook: Annotated[
        str | None,
        Query(description="whose leads, or places, the rows become; by default the only one about properties"),
    ] = None,
    map: Annotated[str, Query(description="auto, or a named map")] = "auto",
    source: Annotated[str, Query(description="where the records come from; the map's by default", max_length=80)] = "",
    name: Annotated[str, Query(description="file name to show", max_length=200)] = "upload.csv",
    key: Annotated[str | None, Query(description="key prefix, for clients that send no X-Key-Id")] = None,
    x_key_id: Annotated[str | None, Header(description="prefix of the API key that signed")] = None,
) -> JSONResponse:
    """Take a file, signed over its raw bytes, plain or gzip. It is merged in the background.

    Sign `timestamp.body` (X-Signature, X-Signature-Timestamp) or as Standard Webhooks do. The same file again resumes
    an unfinished upload; a finished one answers 409 with a link to its result.
    """
    if map.endswith((".yaml", ".yml")):
        raise InvalidInput("over HTTP only named maps can be used", fix="use map=auto or the name of a map")
    wanted = Wanted(choose_playbook(ctx.playbooks, playbook), map, source, name)
    try:
        upload_id = await receive(ctx, x_key_id or key, request.headers, request.stream(), wanted)
    except Conflict as error:
        before = error.extra["upload_id"]
        await refused_as_duplicate(ctx, error.extra["org_id"], before, error.extra["actor"])
        answer = problems.problem(Conflict, error.detail, fix="ask the first upload for its result", upload_id=before)
        answer.headers["Location"] = f"/v1/uploads/{before}"
        return answer
    body = {"id": str(upload_id), "state": "received"}
    return JSONResponse(body, status_code=202, headers={"Location": f"/v1/uploads/{upload_id}"})


@uploads.get("/v1/uploads")
async def list_uploads(
    caller: MayUpload,
    before: Annotated[UUID | None, Query(description="the last upload of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Upload]:
    """Uploads, newest first."""
    edge = await _one(caller, before) if before else None
    values = {"before": edge.created_at if edge else None, "before_id": before}
    return [_shown(row) for row in await rows(caller.db, SQL["uploads"], id=None, limit=limit, **values)]


@uploads.get("/v1/uploads/{upload_id}", responses={404: {"model": Problem}})
async def show_upload(upload_id: UUID, caller: MayUpload) -> Upload:
    """What became of an upload."""
    return await _one(caller, upload_id)


@uploads.get(
    "/v1/uploads/{upload_id}/rejected.csv", responses={200: {"content": {"text/csv": {}}}, 404: {"model": Problem}}
)
async def download_rejected(upload_id: UUID, caller: MayUpload) -> Response:
    """The rows that were refused, each with its number, field, reason and fix, and the row as it came."""
    await _one(caller, upload_id)
    await execute(
        caller.db,
        SQL["audit"],
        org_id=caller.org_id,
        actor=caller.who.actor,
        action="accessed",
        upload_id=str(upload_id),
        details='{"what": "rejected rows"}',
    )
    headers = {"Content-Disposition": f'attachment; filename="rejected-{upload_id}.csv"'}
    return StreamingResponse(_rejected(caller, upload_id), media_type="text/csv; charset=utf-8", headers=headers)


@uploads.get(
    "/v1/uploads/{upload_id}/notes.csv", responses={200: {"content": {"text/csv": {}}}, 404: {"model": Problem}}
)
async def download_notes(upload_id: UUID, caller: MayUpload) -> Response:
    """The rows that were taken without a part of them, each with its number, what was left out, and what to do."""
    await _one(caller, upload_id)
    headers = {"Content-Disposition": f'attachment; filename="notes-{upload_id}.csv"'}
    return StreamingResponse(_noted(caller, upload_id), media_type="text/csv; charset=utf-8", headers=headers)


async def _noted(caller: Caller, upload_id: UUID) -> AsyncIterator[str]:
    """Lines of CSV, page by page."""
    yield _line(["row", "note"])
    after = 0
    while True:
        async with caller.ctx.db.tenant(caller.org_id) as db:
            found = await rows(db, SQL["noted"], upload_id=upload_id, after=after, limit=PAGE)
        for row in found:
            yield _line(list(row.values()))
        if len(found) < PAGE:
            return
        after = found[-1]["row_number"]


async def _rejected(caller: Caller, upload_id: UUID) -> AsyncIterator[str]:
    """Lines of CSV, page by page, each page in a transaction of its own: the download may take its time."""
    yield _line(["row", "field", "reason", "fix", "raw"])
    after = 0
    while True:
        async with caller.ctx.db.tenant(caller.org_id) as db:
            found = await rows(db, SQL["rejected"], upload_id=upload_id, after=after, limit=PAGE)
        for row in found:
            raw = caller.ctx.sealer.open(caller.org_id, row["raw_sealed"]) if row["raw_sealed"] else ""
            yield _line([row["row_number"], row["field"], row["reason"], row["fix"], raw])
        if len(found) < PAGE:
            return
        after = found[-1]["row_number"]


def _line(cells: list[Any]) -> str:
    """One line of CSV. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    safe = [f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell for cell in cells]
    out = io.StringIO()
    csv.writer(out).writerow(safe)
    return out.getvalue()


async def _one(caller: Caller, upload_id: UUID) -> Upload:
    found = await rows(caller.db, SQL["uploads"], id=upload_id, before=None, before_id=None, limit=1)
    if not found:
        raise NotFound("There is no such upload.")
    return _shown(found[0])


def _shown(row: Any) -> Upload:
    counted = {"read": row["rows_read"], **{name: row[name] for name in list(Rows.model_fields)[1:]}}
    done = row["state"] == "done"
    return Upload(**{**row, "rows": Rows(**counted) if done else None})


for part in (uploads, loads):
    router.include_router(part)
