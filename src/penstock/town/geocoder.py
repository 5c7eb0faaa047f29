"""The Census geocoder: one address as a line, or a batch as CSV.

A house of the town's permit cities is where it stands; any other address with a number and a known ZIP code or city is
near the middle of its ZIP code, always at the same spot. A street with "Nowhere" in it is No_Match, one with "Twin" is
Tie; a few of the rest are either. The batch answers in reverse order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from penstock.town import places
from penstock.town.permits import City
from penstock.town.state import TownState
from penstock.town.wire import hurt

BATCH: Final = 10_000
NO_MATCH: Final = 0.03
TIE: Final = 0.01
INEXACT: Final = 0.15
# State codes in the order of their FIPS numbers; a dash is a number that was never given.
_IN_ORDER: Final = """AL AK - AZ AR CA - CO CT DE DC FL GA - HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ
NM NY NC ND OH OK OR PA - RI SC SD TN TX UT VT VA - WA WV WI WY"""
FIPS: Final = {code: f"{number:02d}" for number, code in enumerate(_IN_ORDER.split(), start=1)}


@dataclass(frozen=True, slots=True)
class Spot:
    """An answer. Without coordinates where `outcome` is no Match."""

    outcome: str
    line: str = ""
    lat: float = 0.0
    lng: float = 0.0
    exact: bool = False
    state_fips: str = ""
    county_fips: str = ""
    tiger: str = ""


class Geocoder:
    """The two endpoints over one town and the cities that have permits."""

    def __init__(self, town: TownState, cities: Iterable[City]) -> None:
        self._town = town
        self._cities = tuple(cities)

    def routes(self) -> list[Route]:
        """Paths below /census/geocoder."""
        return [
            Route("/{returned}/onelineaddress", self.one_line, methods=["GET"]),
            Route("/{returned}/addressbatch", self.batch, methods=["POST"]),
        ]

    async def one_line(self, request: Request) -> Response:
        """One address. No match is an empty list."""
        asked = request.query_params.get("address", "")
        if blow := self._town.faults.strike("census", asked):
            return await self._hurt(request, blow)
        if not asked.strip() or not request.query_params.get("benchmark"):
            return JSONResponse({"errors": ["Specify an address and a benchmark"], "status": "400"}, status_code=400)
        spot = self._find(_of_line(asked))
        matches = [_match(spot)] if spot.outcome == "Match" else []
        if spot.outcome == "Tie":
            twin = Spot(
                "Match", spot.line + " (2)", spot.lat + 0.02, spot.lng, False, spot.state_fips, spot.county_fips
            )
            matches = [_match(spot), _match(twin)]
        return JSONResponse({"result": {"input": {"address": {"address": asked}}, "addressMatches": matches}})

    async def batch(self, request: Request) -> Response:
        """A CSV file of id, street, city, state and ZIP; at most 10,000 lines."""
        if blow := self._town.faults.strike("census", "batch"):
            return await self._hurt(request, blow)
        form = _form(request.headers.get("content-type", ""), await request.body())
        if "addressFile" not in form or "benchmark" not in form:
            return Response("<html><body>Bad Request</body></html>", status_code=400, media_type="text/html")
        lines = list(csv.reader(io.StringIO(form["addressFile"])))
        if len(lines) > BATCH:
            return Response("<html><body>Too many records</body></html>", status_code=400, media_type="text/html")
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        areas = request.path_params["returned"] == "geographies"
        for number, street, city, state, code in reversed([line for line in lines if len(line) == 5]):
            asked = ", ".join((street, city, state, code))
            writer.writerow(_row(number, asked, self._find(places.address(street, "", city, state, code)), areas))
        return PlainTextResponse(out.getvalue(), media_type="text/csv")

    async def _hurt(self, request: Request, blow: Any) -> Response:
        busy = PlainTextResponse("Too Many Requests", status_code=429, headers={"Retry-After": "1"})
        return await hurt(request, blow, busy=busy, broken=PlainTextResponse("error", status_code=500))

    def _find(self, place: places.Address) -> Spot:
        dice, key = self._town.dice, ("geocoder", place.building)
        code = places.zip_code(place.zip5) or self._home(place)
        if not place.house_number or code is None or "nowhere" in place.street:
            return Spot("No_Match")
        house = next((c.by_line[place.street] for c in self._cities if self._in(c, place)), None)
        lat = house.lat if house else code.lat + (dice.roll(*key, "lat") - 0.5) * 0.02
        lng = house.lng if house else code.lng + (dice.roll(*key, "lng") - 0.5) * 0.02
        roll = dice.roll(*key, "outcome")
        outcome = "Tie" if "twin" in place.street or roll < TIE else "No_Match" if roll < TIE + NO_MATCH else "Match"
        return Spot(
            outcome=outcome,
            line=f"{place.street}, {code.city}, {code.state}, {code.code}".upper(),
            lat=round(lat, 7),
            lng=round(lng, 7),
            exact=not dice.chance(INEXACT, *key, "exact"),
            state_fips=FIPS.get(code.state, "00"),
            county_fips=str(dice.number("county", code.county, code.state) % 250 * 2 + 1).zfill(3),
            tiger=dice.digits(9, *key, "tiger"),
        )

    def _home(self, place: places.Address) -> places.ZipCode | None:
        return places.home_code(place, self._town.dice.number("zip", place.building)) if place.city else None

    def _in(self, city: City, place: places.Address) -> bool:
        same = city.name.casefold() == place.city and city.state == place.state
        return same and place.street in city.by_line


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart form; empty where it is none."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body, policy=HTTP)
    found = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content.decode()
    return found


def _of_line(asked: str) -> places.Address:
    """ "100 Main St, Austin, TX 78701" taken apart; pieces that are missing are empty."""
    street, city, last = ([piece.strip() for piece in asked.split(",")] + ["", ""])[:3]
    state, _, code = last.partition(" ")
    return places.address(street, "", city, state, code)


def _match(spot: Spot) -> dict[str, Any]:
    return {
        "matchedAddress": spot.line,
        "coordinates": {"x": spot.lng, "y": spot.lat},
        "tigerLine": {"tigerLineId": spot.tiger, "side": "L"},
        "geographies": {"Counties": [{"GEOID": spot.state_fips + spot.county_fips}]},
    }


def _row(number: str, asked: str, spot: Spot, areas: bool) -> list[str]:
    if spot.outcome != "Match":
        return [number, asked, spot.outcome]
    exact = "Exact" if spot.exact else "Non_Exact"
    row = [number, asked, "Match", exact, spot.line, f"{spot.lng},{spot.lat}", spot.tiger, "L"]
    return [*row, spot.state_fips, spot.county_fips, "000100", "1000"] if areas else row
