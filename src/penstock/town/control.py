"""The town's own endpoints: its clock, faults and webhooks for the simulator, its truth for the grader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from penstock.town import houses, places, records
from penstock.town.business import describe, lists
from penstock.town.clock import parse_instant, stamp
from penstock.town.people import Household
from penstock.town.permits import City
from penstock.town.state import TownState, Webhooks
from penstock.town.wire import body_as_object, ten_digits, text

ROWS_AT_MOST = 1_000_000
CSV = "text/csv; charset=utf-8"


class Control:
    """The control endpoints over one town. Bad input is a 400 with {"detail": …}."""

    def __init__(self, town: TownState, cities: Mapping[str, City]) -> None:
        self._town = town
        self._cities = cities

    def routes(self) -> list[Route]:
        """Paths from the root of the town."""
        return [
            Route("/town/clock", self.set_clock, methods=["PUT"]),
            Route("/town/clock", self.clock, methods=["GET"]),
            Route("/town/next", self.next, methods=["GET"]),
            Route("/town/advance", self.advance, methods=["POST"]),
            Route("/town/webhooks", self.webhooks, methods=["PUT"]),
            Route("/town/staff", self.staff, methods=["PUT"]),
            Route("/town/faults", self.faults, methods=["PUT"]),
            Route("/town/records", self.records, methods=["GET"]),
            Route("/town/places", self.places, methods=["GET"]),
            Route("/town/companies", self.companies, methods=["GET"]),
            Route("/town/companies/truth", self.companies_truth, methods=["GET"]),
            Route("/town/people", self.people, methods=["GET"]),
            Route("/town/mailbox", self.mailbox, methods=["GET"]),
            Route("/truth", self.truth, methods=["GET"]),
        ]

    async def clock(self, request: Request) -> Response:
        """What time it is in town."""
        return JSONResponse({"now": stamp(self._town.clock.now())})

    async def set_clock(self, request: Request) -> Response:
        """{"now": iso} sets the clock; what became due meanwhile happens with the next advance."""
        if self._town.clock.is_wall:
            raise HTTPException(409, "the town runs by the wall clock")
        self._town.clock.put(await _instant(request, "now"))
        return await self.clock(request)

    async def next(self, request: Request) -> Response:
        """When something happens next, or null."""
        return JSONResponse({"next": self._next()})

    async def advance(self, request: Request) -> Response:
        """{"to": iso}: everything due until then happens, one instant after the other; answers when it has."""
        if self._town.clock.is_wall:
            raise HTTPException(409, "the town runs by the wall clock")
        performed = await self._town.timetable.advance(await _instant(request, "to"))
        return JSONResponse({"performed": performed, "next": self._next()})

    def _next(self) -> str | None:
        due = self._town.timetable.next()
        return stamp(due) if due else None

    async def webhooks(self, request: Request) -> Response:
        """{"mail_inbound": url, "calcom": {"url", "secret"}, "vapi": {"secret"}, "stripe": {"url", "secret"}}: where
        the product listens."""
        sent = await _object(request)
        calcom, vapi, stripe = (sent.get(vendor) or {} for vendor in ("calcom", "vapi", "stripe"))
        self._town.webhooks = Webhooks(
            mail_inbound=text(sent.get("mail_inbound")),
            calcom_url=text(calcom.get("url")),
            calcom_secret=text(calcom.get("secret")),
            vapi_secret=text(vapi.get("secret")),
            stripe_url=text(stripe.get("url")),
            stripe_secret=text(stripe.get("secret")),
        )
        return Response(status_code=204)

    async def staff(self, request: Request) -> Response:
        """{"emails": […]}: mailboxes of the product's own people, which accept mail and are not graded."""
        emails = (await _object(request)).get("emails")
        if not isinstance(emails, list):
            raise HTTPException(400, "emails must be a list")
        self._town.staff = {text(email).casefold() for email in emails}
        return Response(status_code=204)

    async def faults(self, request: Request) -> Response:
        """{"melissa": {"rate_429": 0.1, …}, …} replaces all fault rates."""
        try:
            self._town.faults.configure(await _object(request))
        except (AttributeError, TypeError, ValueError) as error:
            raise HTTPException(400, str(error)) from error
        return Response(status_code=204)

    async def records(self, request: Request) -> Response:
        """`?rows=1000`: property records of the town's counties as CSV."""
        rows = _rows(request)
        return PlainTextResponse(records.county_file(self._town.dice, self._town.world, rows), media_type=CSV)

    async def places(self, request: Request) -> Response:
        """`?rows=400&city=Austin`: houses of a city with a portal, street by street, as CSV."""
        city = self._cities.get(request.query_params.get("city", next(iter(self._cities))))
        if city is None:
            raise HTTPException(400, f"city must be one of {', '.join(self._cities)}")
        found = houses.place_file(self._town.dice, self._town.world, city, _rows(request))
        return PlainTextResponse(found, media_type=CSV)

    async def companies(self, request: Request) -> Response:
        """`?rows=1000`: a list of companies and some of their officers as CSV."""
        rows = _rows(request)
        return PlainTextResponse(lists.company_file(self._town.dice, self._town.companies, rows), media_type=CSV)

    async def companies_truth(self, request: Request) -> Response:
        """`?rows=1000`: what is true now of the companies that the first rows of the list are about, as JSON."""
        return JSONResponse(
            [describe.company(self._town, number) for number in lists.listed(self._town.dice, _rows(request))]
        )

    async def people(self, request: Request) -> Response:
        """The household of `?address=` (with city, state, zip, unit), `?email=` or `?phone=`; 404 if there is none.

        For the mailbox or number of an officer: {"person", "companies"} with the offices they ever hold.
        """
        query, world = request.query_params, self._town.world
        home: Household | None = None
        if "address" in query:
            parts = (query.get(name, "") for name in ("unit", "city", "state", "zip"))
            home = world.household(places.address(query["address"], *parts))
        else:
            email, number = query.get("email", ""), ten_digits(query.get("phone", ""))
            person = self._town.person_at(email) or self._town.person_of(number)
            if person and person.role == "officer":
                return JSONResponse(describe.officer(self._town, person))
            home = world.home_of(person) if person else None
        if home is None:
            raise HTTPException(404, "nobody lives there")
        found: dict[str, Any] = asdict(home) | {"owner_of_record": home.owner_of_record.id}
        for person_found in (*found["residents"], *found["outsiders"]):
            mood = self._town.moods.get(person_found["id"])
            person_found["stance"] = mood.stance if mood else "cold"
        return JSONResponse(found)

    async def mailbox(self, request: Request) -> Response:
        """The mails that `?email=` has received, oldest first, with their raw text."""
        letters = self._town.letters.get(request.query_params.get("email", "").casefold(), [])
        return JSONResponse(
            {
                "mails": [
                    {
                        "received_at": stamp(letter.received_at),
                        "envelope_from": letter.envelope_from,
                        "from": letter.sender,
                        "subject": letter.subject,
                        "message_id": letter.message_id,
                        "raw": letter.raw.decode("utf-8", "replace"),
                    }
                    for letter in letters
                ]
            }
        )

    async def truth(self, request: Request) -> Response:
        """The grade of the run so far; `undelivered` counts what had to be put off because the product was away."""
        return JSONResponse(self._town.truth.grade() | {"undelivered": self._town.timetable.undelivered})


async def _object(request: Request) -> dict[str, Any]:
    try:
        return await body_as_object(request)
    except ValueError as error:
        raise HTTPException(400, "the body must be a JSON object") from error


def _rows(request: Request) -> int:
    try:
        rows = int(request.query_params.get("rows", "1000"))
    except ValueError as error:
        raise HTTPException(400, "rows must be a number") from error
    if not 0 <= rows <= ROWS_AT_MOST:
        raise HTTPException(400, f"rows must lie between 0 and {ROWS_AT_MOST}")
    return rows


async def _instant(request: Request, name: str) -> Any:
    try:
        return parse_instant(text((await _object(request)).get(name)))
    except ValueError as error:
        raise HTTPException(400, f"{name} must be an ISO 8601 instant with its offset") from error
