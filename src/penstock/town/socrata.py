"""The open-data portals of four cities (Socrata), versions 2.1 and 3.0, each with its own columns.

Their habits: a column without a value is left out of the row, everything is text, Chicago's express permits have an en
dash in their type and no ZIP, New York's costs are text, a row published late carries its true date. Without an app
token every 40th request is turned away with 429, and version 3 does not answer at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town import soql
from penstock.town.permits import City, Permit
from penstock.town.state import TownState
from penstock.town.wire import body_as_object, hurt, text

LIMIT: Final = 50_000
PATIENCE: Final = 40  # requests without a token until one is turned away


@dataclass(frozen=True, slots=True)
class Portal:
    """A dataset: whose permits, and how this portal writes one."""

    city: str
    state: str
    write: Callable[[Permit, date], Mapping[str, str | None]]
    empty: tuple[str, ...]  # columns that no row of the town fills


class Socrata:
    """All portals over one town. The portal's own domain is a part of the path here."""

    def __init__(self, town: TownState) -> None:
        self._town = town
        self.cities = {portal.city: City(town.dice, portal.city, portal.state) for portal in PORTALS.values()}
        self._without_token = 0

    def routes(self) -> list[Route]:
        """Paths below /socrata/{domain}."""
        return [
            Route("/{domain}/resource/{id}.json", self.resource, methods=["GET"]),
            Route("/{domain}/api/v3/views/{id}/query.json", self.query, methods=["POST"]),
            Route("/{domain}/api/views/{id}.json", self.view, methods=["GET"]),
            Route("/{domain}/truth/{id}.json", self.truth, methods=["GET"]),
        ]

    async def resource(self, request: Request) -> Response:
        """Version 2.1: the clauses are query parameters."""
        return await self._answer(request, lambda: _clauses(request.query_params))

    async def query(self, request: Request) -> Response:
        """Version 3: one statement in the body, and the page apart."""
        if not _token(request):
            return _error(403, "permission_denied", "You must be logged in or provide an app token")
        try:
            sent = await body_as_object(request)
        except ValueError:
            return _error(400, "invalid_request", "The body is no JSON object")
        return await self._answer(request, lambda: _statement(sent))

    async def view(self, request: Request) -> Response:
        """The dataset's metadata. `rowsUpdatedAt` is in seconds."""
        portal = _portal(request)
        if isinstance(portal, Response):
            return portal
        midnight = datetime.combine(self._town.clock.now().date(), datetime.min.time(), UTC)
        names = self._columns(portal, self._shown(portal))
        columns = [{"fieldName": name, "name": name.replace("_", " ").title()} for name in names]
        known = {"id": request.path_params["id"], "columns": columns, "rowsUpdatedAt": int(midnight.timestamp())}
        return JSONResponse(known)

    async def truth(self, request: Request) -> Response:
        """What each permit shown really is, for grading: its kind, its house and the slip in its record."""
        portal = _portal(request)
        if isinstance(portal, Response):
            return portal
        return JSONResponse(
            [
                {
                    "number": permit.number,
                    "kind": permit.kind,
                    "address": permit.house.line,
                    "zip": permit.house.zip_code.code,
                    "parcel": permit.house.parcel,
                    "lat": permit.house.lat,
                    "lng": permit.house.lng,
                    "slip": permit.slip,
                }
                for permit in self._shown(portal)
            ]
        )

    async def _answer(self, request: Request, read: Callable[[], soql.Query]) -> Response:
        portal = _portal(request)
        if isinstance(portal, Response):
            return portal
        item = f"{request.path_params['id']} {request.url.query}"
        if blow := self._town.faults.strike("socrata", item):
            busy = _error(429, "rate_limited", "Too many requests")
            return await hurt(request, blow, busy=busy, broken=Response("Internal error", status_code=500))
        if not _token(request):
            self._without_token += 1
            if self._without_token % PATIENCE == 0:
                return _error(429, "rate_limited", "Too many requests: use an app token")
        if _token(request) == "BAD":
            return _error(403, "permission_denied", "Invalid app_token specified")
        permits, today = self._shown(portal), self._town.clock.now().date()
        rows = [_filled(portal.write(permit, today)) for permit in permits]
        try:
            return JSONResponse(soql.run(read(), rows, self._columns(portal, permits)))
        except soql.SoqlError as error:
            return _error(400, error.code, str(error))

    def _shown(self, portal: Portal) -> list[Permit]:
        return self.cities[portal.city].permits(self._town.clock.now())

    def _columns(self, portal: Portal, permits: list[Permit]) -> tuple[str, ...]:
        return (*portal.write(permits[0], self._town.clock.now().date()), *portal.empty)


def _portal(request: Request) -> Portal | Response:
    found = PORTALS.get((request.path_params["domain"], request.path_params["id"]))
    return found or _error(404, "dataset.missing", "Not found")


def _token(request: Request) -> str:
    return request.headers.get("x-app-token", "").strip()


def _clauses(query: Mapping[str, str]) -> soql.Query:
    return soql.Query(
        select=query.get("$select", "*"),
        where=query.get("$where", ""),
        order=query.get("$order", ""),
        limit=min(_count(query.get("$limit", "1000")), LIMIT),
        offset=_count(query.get("$offset", "0")),
    )


def _statement(sent: Mapping[str, Any]) -> soql.Query:
    query = soql.parse(text(sent.get("query")))
    page = sent.get("page")
    if not isinstance(page, dict):
        return query
    size = _count(text(page.get("pageSize")))
    # The real one drops every ORDER BY on "discard": nobody can page by it, and the town shows what comes of that.
    order = "" if sent.get("orderingSpecifier") == "discard" else query.order
    return soql.Query(query.select, query.where, order, size, (_count(text(page.get("pageNumber"))) - 1) * size)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise soql.SoqlError("query.compiler.malformed", f"Not a count: {text}")
    return int(text)


def _filled(row: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value}


def _error(status: int, code: str, message: str) -> Response:
    headers = {"Retry-After": "1"} if status == 429 else {}
    return JSONResponse({"code": code, "error": True, "message": message}, status_code=status, headers=headers)


def _stamp(day: date) -> str:
    return day.isoformat() + "T00:00:00.000"


def _issued(permit: Permit) -> str:
    return _stamp(permit.issued.replace(year=2071, day=1) if permit.slip == "2071" else permit.issued)


def _done(permit: Permit, today: date) -> bool:
    return permit.completed <= today


def _cost(permit: Permit) -> str | None:
    return None if permit.slip == "no value" else str(permit.value)


def _point(permit: Permit) -> tuple[str | None, str | None]:
    """Latitude and longitude as the record has them."""
    if permit.slip == "no place":
        return None, None
    if permit.slip == "zero place":
        return "0", "0"
    lat, lng = str(permit.house.lat), str(permit.house.lng)
    return (lng, lat) if permit.slip == "swapped" else (lat, lng)


def _austin(permit: Permit, today: date) -> Mapping[str, str | None]:
    lat, lng = _point(permit)
    work = {"new_construction": "New", "reroof": "Remodel", "roof_repair": "Repair"}.get(permit.kind, "Remodel")
    return {
        "permittype": "BP",
        "permit_type_desc": "Building Permit",
        "permit_number": permit.number + " BP",
        "permit_class_mapped": "Residential",
        "work_class": work,
        "description": permit.description,
        "tcad_id": permit.house.parcel,
        "applieddate": _stamp(permit.applied),
        "issue_date": _issued(permit),
        "status_current": "Final" if _done(permit, today) else "Active",
        "completed_date": _stamp(permit.completed) if _done(permit, today) else None,
        "total_job_valuation": _cost(permit),
        "original_address1": permit.house.line.upper(),
        "original_city": "AUSTIN",
        "original_state": "TX",
        "original_zip": permit.house.zip_code.code,
        "link": f"https://abc.austintexas.example/permit/{permit.number}",
        "latitude": lat,
        "longitude": lng,
        "contractor_company_name": permit.contractor,
        "contractor_phone": "5125550100",
    }


def _chicago(permit: Permit, today: date) -> Mapping[str, str | None]:
    lat, lng = _point(permit)
    new = permit.kind == "new_construction"
    kind = "PERMIT - NEW CONSTRUCTION" if new else "PERMIT – EXPRESS PERMIT PROGRAM"
    number, name = str(permit.house.number), permit.house.street
    return {
        "id": permit.number.replace("-", ""),
        "permit_": "B" + permit.number.replace("-", ""),
        "permit_status": "COMPLETE" if _done(permit, today) else "ACTIVE",
        "permit_type": kind,
        "review_type": "EXPRESS" if not new else "STANDARD PLAN REVIEW",
        "application_start_date": _stamp(permit.applied),
        "issue_date": _issued(permit),
        "street_number": number,
        "street_direction": None,
        "street_name": name.upper(),
        "work_type": None if new else "Roofing" if "roof" in permit.kind else "Exterior",
        "work_description": permit.description,
        "contact_1_type": "OWNER AS GENERAL CONTRACTOR" if new else "OWNER",
        "contact_1_name": f"OWNER OF {number} {name}".upper(),
        "contact_2_type": "CONTRACTOR-GENERAL CONTRACTOR",
        "contact_2_name": permit.contractor.upper(),
        "reported_cost": _cost(permit),
        "pin_list": permit.house.parcel,
        "latitude": lat,
        "longitude": lng,
    }


def _seattle(permit: Permit, today: date) -> Mapping[str, str | None]:
    lat, lng = _point(permit)
    return {
        "permitnum": permit.number + "-CN",
        "permitclass": "Single Family / Duplex",
        "permitclassmapped": "Residential",
        "permittypemapped": "Building",
        "permittypedesc": "New" if permit.kind == "new_construction" else "Addition/Alteration",
        "description": permit.description,
        "estprojectcost": _cost(permit),
        "applieddate": _stamp(permit.applied),
        "issueddate": _issued(permit),
        "completeddate": _stamp(permit.completed) if _done(permit, today) else None,
        "statuscurrent": "Completed" if _done(permit, today) else "Issued",
        "originaladdress1": permit.house.line.upper(),
        "originalcity": "SEATTLE",
        "originalstate": "WA",
        "originalzip": permit.house.zip_code.code,
        "contractorcompanyname": permit.contractor,
        "link": f"https://cosaccela.seattle.example/{permit.number}",
        "latitude": lat,
        "longitude": lng,
    }


def _new_york(permit: Permit, today: date) -> Mapping[str, str | None]:
    lat, lng = _point(permit)
    return {
        "job_filing_number": "X" + permit.number.replace("-", "") + "-I1",
        "work_permit": "X" + permit.number.replace("-", "") + "-I1-GC",
        "sequence_number": "1",
        "house_no": str(permit.house.number),
        "street_name": permit.house.street.upper(),
        "borough": "BRONX",
        "bbl": "2" + permit.house.parcel.zfill(9),
        "zip_code": permit.house.zip_code.code,
        "work_type": "Solar" if permit.kind == "solar" else "General Construction",
        "permit_status": "Signed-off" if _done(permit, today) else "Permit Issued",
        "applicant_business_name": permit.contractor,
        "approved_date": _stamp(permit.applied),
        "issued_date": _issued(permit),
        "job_description": permit.description.upper(),
        "estimated_job_costs": None if permit.slip == "no value" else f"{permit.value:.2f}",
        "owner_name": "PR",
        "latitude": lat,
        "longitude": lng,
    }


PORTALS: Final[Mapping[tuple[str, str], Portal]] = {
    ("data.austintexas.gov", "3syk-w9eu"): Portal("Austin", "TX", _austin, ("project_id", "housing_units")),
    ("data.cityofchicago.org", "ydr8-5enu"): Portal("Chicago", "IL", _chicago, ("ward", "community_area")),
    ("data.seattle.gov", "76t5-zqzr"): Portal("Seattle", "WA", _seattle, ("expiresdate", "housingunits")),
    ("data.cityofnewyork.us", "rbx6-tga4"): Portal("Bronx", "NY", _new_york, ("bin", "lot", "owner_business_name")),
}
