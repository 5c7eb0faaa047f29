"""HTTP: the public page of a report (a signed link is the whole permission), and reports for who is signed in."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from penstock.core.access import Caller, allow
from penstock.core.context import Context
from penstock.core.db import one, rows
from penstock.core.edge import Ctx
from penstock.core.errors import InvalidInput, NotAllowed, NotFound
from penstock.reports import page, service
from penstock.reports.firm import Firm, set_firm
from penstock.reports.links import read_token, report_link
from penstock.reports.service import SQL, Shown

router = APIRouter()
log = structlog.get_logger()
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
LOOK = ["GET", "HEAD"]
PDF = "application/pdf"
Reader = Annotated[Caller, allow("leads:read")]
Writer = Annotated[Caller, allow("leads:write")]


@router.api_route("/r/{token}.pdf", methods=LOOK, include_in_schema=False)
async def report_on_paper(token: str, ctx: Ctx) -> Response:
    """The report as one page of PDF."""
    found = await _find(ctx, token)
    return await _paper(ctx, *found) if found[1] else _gone(found[0] != 0)


@router.api_route("/r/{token}", methods=LOOK, include_in_schema=False)
async def report_page(token: str, request: Request, ctx: Ctx) -> Response:
    """The report as a page. Counted; nothing else follows from it, because mail scanners open links too."""
    org_id, shown = await _find(ctx, token)
    if shown is None:
        return _gone(org_id != 0)
    if request.method == "GET":
        async with ctx.db.tenant(org_id) as db:
            await service.note_opened(db, org_id, shown.id)
    return _html(shown.as_html())


@router.api_route("/r/{token}/{where}", methods=LOOK, include_in_schema=False)
async def report_leads_to(token: str, where: str, ctx: Ctx) -> Response:
    """Where a link of the report leads now: a live consent page, the calendar, the way out. Asks nothing."""
    try:
        org_id, report_id = read_token(ctx, token)
        async with ctx.db.tenant(org_id) as db:
            url = await service.way(ctx, db, org_id, report_id, where)
    except NotFound as refused:
        log.info("link refused", route="/r", reason=str(refused))
        return _gone(False)
    return Response(status_code=303, headers={**HEADERS, "Location": url})


async def _find(ctx: Context, token: str) -> tuple[int, Shown | None]:
    """(org, report): org 0 where the link opens nothing, no report where it was withdrawn."""
    try:
        org_id, report_id = read_token(ctx, token)
        async with ctx.db.tenant(org_id) as db:
            return org_id, await service.open_report(ctx, db, org_id, report_id)
    except NotFound as refused:
        log.info("link refused", route="/r", reason=str(refused))
        return 0, None


async def _paper(ctx: Context, org_id: int, shown: Shown | None) -> Response:
    assert shown is not None
    made = await shown.as_pdf()
    if shown.pdf is None:
        async with ctx.db.tenant(org_id) as db:
            await service.keep_pdf(db, shown.id, made)
    return Response(made, media_type=PDF, headers={**HEADERS, "Content-Disposition": 'inline; filename="report.pdf"'})


def _gone(withdrawn: bool) -> Response:
    if withdrawn:
        return _html(page.gone("This page was withdrawn", "It is not shown any more."), status=410)
    return _html(page.gone("There is no such page", "Perhaps a part of the link got lost on the way."), status=404)


def _html(text: str, *, status: int = 200) -> Response:
    headers = {**HEADERS, "Content-Security-Policy": page.content_security_policy()}
    return Response(text, status_code=status, media_type="text/html; charset=utf-8", headers=headers)


class ReportLine(BaseModel):
    """A report in a list."""

    id: UUID
    lead_id: UUID | None
    property_id: int
    playbook: str
    address_line1: str | None
    city: str | None
    state: str | None
    total_urgency_score: int
    urgency_tier: str
    is_current: bool = Field(description="The latest of its lead; earlier ones stay as they were sent.")
    opened_count: int = Field(description="How often its page was opened, by people or by mail scanners.")
    first_opened_at: datetime | None
    created_at: datetime
    withdrawn_at: datetime | None


class ReportShown(BaseModel):
    """A report with all that it says."""

    id: UUID
    lead_id: UUID | None
    property_id: int
    playbook: str
    url: str
    content: dict[str, Any]
    is_current: bool
    opened_count: int
    first_opened_at: datetime | None
    created_at: datetime
    withdrawn_at: datetime | None


class SocialProof(BaseModel):
    """What may be said to an owner of the work around: public facts only."""

    property_id: int
    playbook: str
    text: str
    facts: dict[str, Any]
    permits: int
    contractors: int
    made_at: datetime


class Nothing(BaseModel):
    """Nothing is to be said."""

    model_config = ConfigDict(extra="forbid")


class Withdrawn(BaseModel):
    """Whether the report was shown until now; withdrawing it twice is harmless."""

    id: UUID
    withdrawn: bool


class ContractorChanges(BaseModel):
    """A customer's own firm; what is left out stays. `logo` is base64 of a PNG, JPEG or plain SVG of at most 200 kB."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Harbor Roofing", "license_number": "RC-204418", "license_state": "TX"}]
        },
    )

    name: str | None = None
    license_number: str | None = None
    license_state: str | None = None
    phone: str | None = None
    website: str | None = None
    logo: str | None = Field(default=None, max_length=300_000)
    broker_id: UUID | None = Field(default=None, description="Whose firm it is, where staff or a key asks.")


class Contractor(BaseModel):
    """A customer's own firm as reports show it."""

    id: int
    name: str
    license_number: str | None
    license_state: str | None
    phone: str | None
    website: str | None
    logo_type: str | None
    broker_id: UUID
    updated_at: datetime


@router.get("/v1/property_reports", tags=["reports"])
async def list_reports(
    caller: Reader,
    lead_id: UUID | None = None,
    current: Annotated[bool, Query(description="Only the latest of each lead.")] = True,
    before: Annotated[AwareDatetime | None, Query(description="`created_at` of the last one read.")] = None,
    before_id: Annotated[UUID | None, Query(description="`id` of the last one read.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ReportLine]:
    """Reports of the leads that the caller sees, newest first. Read on with `before` and `before_id` of the last."""
    if (before is None) != (before_id is None):
        raise InvalidInput("`before` and `before_id` go together.", fix="give both, of the last report read")
    found = await rows(
        caller.db, SQL["listing"], lead_id=lead_id, current=current, after_at=before, after_id=before_id, limit=limit
    )
    return [ReportLine(**row) for row in found]


@router.get("/v1/property_reports/{report_id}.pdf", tags=["reports"], response_class=Response)
async def show_report_pdf(report_id: UUID, caller: Reader) -> Response:
    """A report as one page of PDF."""
    await _visible(caller, report_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        shown = await service.open_report(caller.ctx, db, caller.org_id, report_id)
    if shown is None:
        raise NotFound("This report was withdrawn.")
    return await _paper(caller.ctx, caller.org_id, shown)


@router.get("/v1/property_reports/{report_id}", tags=["reports"])
async def show_report(report_id: UUID, caller: Reader) -> ReportShown:
    """A report with all that it says."""
    found = await _visible(caller, report_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        url = await report_link(caller.ctx, db, caller.org_id, report_id)
    return ReportShown(**found, url=url)


@router.post("/v1/property_reports/{report_id}/withdraw", tags=["reports"])
async def withdraw_report(report_id: UUID, caller: Writer, nothing: Nothing | None = None) -> Withdrawn:
    """Show a report no more. A new one is made when the facts around the place change."""
    await _visible(caller, report_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        return Withdrawn(id=report_id, withdrawn=await service.withdraw(db, report_id))


@router.get("/v1/social_proof_data/{property_id}", tags=["reports"])
async def show_social_proof(
    property_id: Annotated[int, Field(ge=1, le=2**63 - 1)], caller: Reader
) -> list[SocialProof]:
    """What may be said of the work around a place, per playbook; nothing where there is none."""
    return [SocialProof(**row) for row in await rows(caller.db, SQL["proof"], property_id=property_id)]


@router.put("/v1/contractors/me", tags=["reports"])
async def set_contractor(body: ContractorChanges, caller: Writer) -> Contractor:
    """Set the firm that a customer's reports speak for. A customer sets its own, staff name the `broker_id`."""
    broker_id = await _own(caller, body.broker_id)
    try:
        logo = base64.b64decode(body.logo, validate=True) if body.logo is not None else None
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("`logo` is not base64.", fix="send the file's bytes as base64") from error
    given = body.model_dump(exclude={"logo", "broker_id"})
    async with caller.ctx.db.tenant(caller.org_id) as db:
        return Contractor(**await set_firm(db, caller.org_id, broker_id, Firm(**given, logo=logo)))


@router.get("/v1/contractors/{contractor_id}/logo", tags=["reports"], response_class=Response)
async def show_logo(contractor_id: Annotated[int, Field(ge=1, le=2**31 - 1)], caller: Reader) -> Response:
    """A firm's logo as it was given."""
    found = await one(caller.db, SQL["logo_of"], id=contractor_id)
    if found is None or found["logo"] is None:
        raise NotFound("There is no such logo.")
    # An SVG opened by itself is a document: it may do nothing.
    locked = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(bytes(found["logo"]), media_type=found["logo_type"], headers=locked)


async def _own(caller: Caller, named: UUID | None) -> UUID:
    """The broker whose firm a caller may set. Raises NotAllowed, NotFound, InvalidInput."""
    if caller.who.role == "broker":
        if named not in (None, caller.who.user_id):
            raise NotAllowed("A customer sets its own firm only.")
        assert caller.who.user_id is not None
        return caller.who.user_id
    if caller.who.role not in ("admin", "operator") and not caller.who.may("admin"):
        raise NotAllowed("Only operators and admins set other people's firms.")
    if named is None:
        raise InvalidInput("`broker_id` is missing.", fix="say whose firm it is")
    if await one(caller.db, SQL["broker_is_here"], broker_id=named) is None:
        raise NotFound("There is no such broker.")
    return named


async def _visible(caller: Caller, report_id: UUID) -> dict[str, Any]:
    """The report's row, if the caller sees its lead. Raises NotFound."""
    found = await one(caller.db, SQL["shown"], id=report_id)
    if found is None:
        raise NotFound("There is no such report.")
    return dict(found)
