"""HTTP: send a file of permits, look at permits and where they come from."""

import tempfile
from datetime import date, datetime
from typing import Annotated, BinaryIO, Literal, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import RowMapping

from penstock.core.access import Caller, allow
from penstock.core.errors import InvalidInput, TooLarge
from penstock.core.problems import Problem
from penstock.permits import listing
from penstock.permits.sources import named_sources
from penstock.permits.store import import_file

IMPORT = "/v1/permits/import"
MAX_BYTES = 256 * 1024 * 1024
SPOOL = 16 * 1024 * 1024  # bytes of a body kept in memory
MAX_ID = 2**63 - 1

Shape = TypeVar("Shape", bound=BaseModel)
router = APIRouter(tags=["permits"])
Reader = Annotated[Caller, allow("leads:read")]
MayUpload = Annotated[Caller, allow("uploads:write", as_service=True)]


class PermitsIn(BaseModel):
    """What became of a file: read = new + changed + unchanged + repeated + refused."""

    upload_id: UUID = Field(description="GET /v1/uploads/{upload_id}/rejected.csv gives the refused rows")
    source: str
    read: int
    new: int
    changed: int
    unchanged: int
    repeated: int = Field(description="rows of a permit that another row of the file has too")
    refused: int
    works: dict[str, int] = Field(description="rows by kind of work")
    warnings: dict[str, int] = Field(description="values that made no sense and were left out, by field and reason")
    seconds: float


class PermitLine(BaseModel):
    """A permit in the list."""

    id: int
    source: str
    permit_number: str | None
    work: str = Field(description="kind of work: reroof, roof_repair, new_construction…")
    is_final: bool
    permit_date: date = Field(description="issued, else applied for, else finished")
    status: str | None
    description: str | None
    value_cents: int | None
    address_line1: str | None
    city: str | None
    state: str
    postal_code: str | None
    lat: float | None
    lng: float | None
    contractor_name: str | None
    property_id: int | None
    matched_by: Literal["parcel", "address", "nearest"] | None
    unmatched_reason: str | None = Field(description="why it belongs to no place we know")
    matched_at: datetime | None = Field(description="null: its place is not decided yet")


class PermitWhole(PermitLine):
    """A permit with all that is known of it but personal data."""

    source_id: str
    type_raw: str | None
    work_raw: str | None
    applied_on: date | None
    issued_on: date | None
    completed_on: date | None
    at_place: bool = Field(description="the source gave no coordinates: these are those of its place")
    county: str | None
    apn: str | None
    subdivision: str | None
    contractor_id: int | None
    source_url: str | None
    verified: bool
    upload_id: UUID | None
    row_number: int | None
    scraped_at: datetime
    created_at: datetime
    updated_at: datetime


class Source(BaseModel):
    """Where permits come from, and how far this org has read it."""

    source: str
    about: str
    portal: str | None = Field(description="domain of the portal; null for files")
    followed: bool
    since: date | None
    read_up_to: date | None
    last_pulled_at: datetime | None
    last_outcome: str | None
    rows_read: int | None


@router.post(
    IMPORT,
    responses={413: {"model": Problem}, 422: {"model": Problem}},
    openapi_extra={"requestBody": {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def import_permits(
    request: Request,
    caller: MayUpload,
    source: Annotated[str, Query(description="auto, or a named source")] = "auto",
    name: Annotated[str, Query(description="file name to show", max_length=200)] = "permits.csv",
) -> PermitsIn:
    """Take a file of permits (CSV, plain or packed, or a workbook) as the raw body, and answer what became of its rows.

    All of it is taken, or nothing. The same file may be sent again: what is known and unchanged is not written.
    """
    if source != "auto" and source not in named_sources():
        raise InvalidInput(f"there is no source {source!r}", fix=f"auto, or one of: {', '.join(named_sources())}")
    with tempfile.SpooledTemporaryFile(SPOOL) as file:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > MAX_BYTES:
                raise TooLarge(f"The file is larger than {MAX_BYTES >> 20} MB.", fix="send it in several files")
            file.write(part)
        body = cast(BinaryIO, file)
        done = await import_file(caller.ctx, caller.org_id, body, name=name, source=source, actor=caller.who.actor)
    return PermitsIn(**{field: getattr(done, field) for field in PermitsIn.model_fields})


@router.get("/v1/permits")
async def list_permits(
    caller: Reader,
    city: str | None = None,
    work: str | None = None,
    source: str | None = None,
    unmatched: Annotated[bool, Query(description="only those that belong to no place we know")] = False,
    since: Annotated[date | None, Query(description="from that day on")] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID, description="the last permit of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[PermitLine]:
    """Permits, newest first."""
    wanted = listing.Filters(city, work, source, unmatched, since)
    return [_of(PermitLine, row) for row in await listing.listed(caller.db, wanted, before=before, limit=limit)]


@router.get("/v1/permits/sources")
async def list_permit_sources(caller: MayUpload) -> list[Source]:
    """The named sources of permits, and how far each has been read."""
    return [Source(**one) for one in await listing.sources(caller.db)]


@router.get("/v1/permits/{permit_id}", responses={404: {"model": Problem}})
async def show_permit(permit_id: Annotated[int, Path(ge=1, le=MAX_ID)], caller: Reader) -> PermitWhole:
    """One permit."""
    return _of(PermitWhole, await listing.shown(caller.db, permit_id))


def _of(model: type[Shape], row: RowMapping) -> Shape:
    return model(**{name: row[name] for name in model.model_fields})
