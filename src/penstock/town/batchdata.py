"""BatchData: skip trace v1, property search and the three phone checks.

Its habits: one person per request item in request order, numbers of TCPA litigators silently removed unless asked for,
phone items must be strings, and a `matched: false` that means "no answer" for DNC but "clean" for TCPA.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town import odds, places
from penstock.town.clock import stamp
from penstock.town.faults import Blow
from penstock.town.people import Household, Person, Phone
from penstock.town.permits import City
from penstock.town.places import squeeze
from penstock.town.property_search import BadSearch, matching, page, record, record_id
from penstock.town.state import TownState
from penstock.town.wire import bearer, body_as_object, hurt, ten_digits, text

BATCH: Final = 100
PHRASES: Final = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error",
}  # fmt: skip
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class BatchData:
    """The endpoints over one town."""

    def __init__(self, town: TownState, cities: Iterable[City]) -> None:
        self._town = town
        self._cities = tuple(cities)
        self._dice = town.dice

    def routes(self) -> list[Route]:
        """Paths below the vendor's base URL (…/api/v1)."""
        checks: dict[str, Callable[[str], dict[str, Any]]] = {
            "verification": self._verification,
            "dnc": self._dnc,
            "tcpa": self._tcpa,
        }
        return [
            Route("/property/skip-trace", self.skip_trace, methods=METHODS),
            Route("/property/search", self.search, methods=METHODS),
            *(
                Route(f"/phone/{name}", self._phone_check(name, check), methods=METHODS)
                for name, check in checks.items()
            ),
            Route("/{path:path}", self._nowhere, methods=METHODS),
        ]

    async def skip_trace(self, request: Request) -> Response:
        """Owner contacts for up to 100 addresses."""
        sent = await self._accepted(request)
        if isinstance(sent, Response):
            return sent
        requests = sent["requests"]
        for position, wanted in enumerate(requests):
            if not isinstance(wanted, dict) or not isinstance(wanted.get("propertyAddress"), dict):
                return _status(400, f"requests.{position}.propertyAddress must be an object")
        items = [_trace_item(wanted) for wanted in requests]
        if blow := self._town.faults.strike("batchdata", "skip_trace " + "; ".join(items)):
            return await _hurt(request, blow)
        chosen = sent.get("options") or {}
        with_tcpa = bool(chosen.get("includeTCPABlacklistedPhones", False))
        persons = [self._person(wanted, with_tcpa) for wanted in requests]
        matched = [item for item, person in zip(items, persons, strict=True) if person["meta"]["matched"]]
        self._town.truth.bill("batchdata", "skip_trace", matched)  # by match
        return self._envelope("persons", persons, len(matched))

    def _person(self, wanted: Mapping[str, Any], with_tcpa: bool) -> dict[str, Any]:
        """One element of results.persons."""
        asked = wanted["propertyAddress"]
        named = wanted.get("name") or {}
        parts = [text(asked.get(part)) for part in ("street", "city", "state", "zip")]
        place = places.address(parts[0], "", *parts[1:])
        home = self._town.world.household(place, (text(named.get("first")), text(named.get("last"))))
        request_id = {"requestId": wanted["requestId"]} if "requestId" in wanted else {}
        if home is None or not self._dice.chance(odds.BATCHDATA_MATCH, "batchdata", "match", home.address.key):
            return {**request_id, "propertyAddress": dict(asked), "meta": {"matched": False, "error": False}}
        who = self._found(home)
        key = home.address.key
        mixed_up = self._dice.chance(odds.BATCHDATA_MIXED_UP, "batchdata", "mixed up", key)
        reached = home.by_role("stranger") if mixed_up else who
        phones, emails = self._points(key, reached or who)
        owner = home.owner
        address = {"street": asked.get("street"), "city": asked.get("city"), "state": asked.get("state")}
        return {
            "_id": self._dice.token("batchdata", key)[:24],
            **request_id,
            "name": _name(who),
            "emails": [{"email": email} for email in emails],
            "phoneNumbers": [self._number(phone) for phone in phones if with_tcpa or not phone.tcpa],
            "mailingAddress": {**address, "zip": asked.get("zip")},
            "propertyAddress": {
                **address,
                "zip": home.zip_code.code,
                "zipPlus4": home.plus4,
                "hash": self._dice.token("hash", key),
            },
            "bankruptcy": {},
            "death": {"deceased": who.deceased},
            "dnc": {"tcpa": any(phone.tcpa for phone in phones)},
            "litigator": any(phone.tcpa for phone in phones),
            "involuntaryLien": [],
            "property": {
                "address": address,
                "owner": {"name": _name(owner), "mailingAddress": {}},
                "equity": home.equity,
                "equityPercent": round(100 * home.equity / home.value),
                "absenteeOwner": not home.owner_occupied,
                "vacant": False,
                "uspsDeliverable": True,
            },
            "meta": {"matched": True, "error": False},
        }

    def _found(self, home: Household) -> Person:
        """Whom the vendor takes for the owner."""
        key = home.address.key
        wrong = self._dice.weighted(odds.BATCHDATA_WRONG, "batchdata", "wrong", key)
        if found := home.by_role(wrong):
            return found
        sees_sale = self._dice.chance(odds.BATCHDATA_SEES_SALE, "batchdata", "sale", key)
        return home.owner if sees_sale else home.owner_of_record

    def _points(self, key: str, person: Person) -> tuple[list[Phone], list[str]]:
        """The person's numbers and mail addresses that this vendor has, mobiles first."""
        phones: list[Phone] = []
        if self._dice.chance(odds.BATCHDATA_PHONES / odds.BATCHDATA_MATCH, "batchdata", "phones", key):
            listed = [phone for phone in person.phones if phone.listed]
            phones = [phone for phone in listed if self._has(phone.number)] or listed[:1]
        emails: list[str] = []
        if self._dice.chance(odds.BATCHDATA_EMAILS / odds.BATCHDATA_MATCH, "batchdata", "emails", key):
            boxes = [box.email for box in person.mailboxes]
            emails = [email for email in boxes if self._has(email)] or boxes[:1]
        return phones, emails

    def _has(self, point: str) -> bool:
        return self._dice.chance(odds.BATCHDATA_EACH_POINT, "batchdata", "point", point)

    def _number(self, phone: Phone) -> dict[str, Any]:
        age = timedelta(days=self._dice.between(5, 400, "batchdata", "reported", phone.number))
        return {
            **self._verification(phone.number),
            "number": phone.number,
            "lastReportedDate": (self._town.clock.now() - age).strftime("%Y-%m-%d"),
        }

    # --- property search ----------------------------------------------------------------------------------------------
    async def search(self, request: Request) -> Response:
        """A page of the houses that criteria mean, charged by the record; `take` 0 only counts."""
        sent = await self._signed(request)
        if isinstance(sent, Response):
            return sent
        criteria = sent.get("searchCriteria")
        if not isinstance(criteria, dict):
            return _status(400, "searchCriteria must be an object")
        try:
            skip, take = page(sent)
            found = matching(criteria, self._cities)
        except BadSearch as error:
            return _status(400, str(error))
        if blow := self._town.faults.strike("batchdata", f"property_search {json.dumps(criteria)} {skip} {take}"):
            return await _hurt(request, blow)
        shown = found[skip : skip + take]
        if shown:
            self._town.truth.bill("batchdata", "property_search", [record_id(self._dice, house) for house in shown])
        records = [record(self._dice, self._town.world, house) for house in shown]
        return self._envelope(
            "properties", records, len(shown), {"resultCount": len(shown), "resultsFound": len(found)}
        )

    # --- phone checks -------------------------------------------------------------------------------------------------
    def _phone_check(self, name: str, check: Callable[[str], dict[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            sent = await self._accepted(request)
            if isinstance(sent, Response):
                return sent
            numbers: list[str] = sent["requests"]
            for position, number in enumerate(numbers):
                if not isinstance(number, str):
                    return _status(400, f"requests.{position} must be a string")
            items = [ten_digits(number) or number for number in numbers]
            if blow := self._town.faults.strike("batchdata", f"{name} " + "; ".join(items)):
                return await _hurt(request, blow)
            self._town.truth.bill("batchdata", f"phone_{name}", items)
            answers = [check(item) for item in items]
            return self._envelope("phoneNumbers", answers, sum(answer["meta"]["matched"] for answer in answers))

        return endpoint

    def _verification(self, number: str) -> dict[str, Any]:
        """Line type, carrier and whether the number is alive; unknown numbers are drawn from the number itself."""
        if not ten_digits(number) or not places.is_number(number):
            return {"number": number, "notFound": True, "meta": {"matched": False, "error": False}}
        phone = self._town.phone(number) or self._unknown(number)
        right = self._dice.chance(odds.PHONE_CHECK_RIGHT, "batchdata", "reachable", number)
        reachable = phone.alive == right
        return {
            "number": number,
            "type": phone.kind,
            "carrier": phone.carrier,
            "dnc": phone.dnc,
            "tcpa": phone.tcpa,
            "reachable": reachable,
            "tested": True,
            "score": self._dice.between(80, 100, "score", number)
            if reachable
            else self._dice.between(5, 60, "s", number),
            "notFound": False,
            "meta": {"matched": True, "error": False},
        }

    def _dnc(self, number: str) -> dict[str, Any]:
        answered = self._dice.chance(odds.DNC_ANSWERED, "batchdata", "dnc", number) and bool(ten_digits(number))
        if not answered:
            return {"number": number, "dnc": False, "meta": {"matched": False, "error": False}}
        phone = self._town.phone(number) or self._unknown(number)
        meta = {"matched": True, "error": False, "dateRetrieved": stamp(self._town.clock.now())}
        return {"number": number, "dnc": phone.dnc, "meta": meta}

    def _tcpa(self, number: str) -> dict[str, Any]:
        if not ten_digits(number):
            return {"number": number, "tcpa": False, "meta": {"matched": False, "error": True}}
        phone = self._town.phone(number) or self._unknown(number)
        return {"number": number, "tcpa": phone.tcpa, "meta": {"matched": phone.tcpa, "error": False}}

    def _unknown(self, number: str) -> Phone:
        """A number that belongs to nobody in town: still the same every time."""
        dice = self._dice
        kind = dice.pick(("Mobile", "Land Line", "Voip"), "unknown kind", number)
        return Phone(
            number=number,
            kind=kind,  # type: ignore[arg-type]  # one of the three literals above
            carrier="Example Wireless",
            alive=dice.chance(odds.PHONE_ALIVE[kind], "unknown alive", number),
            dnc=dice.chance(odds.ON_DNC, "unknown dnc", number),
            tcpa=dice.chance(odds.TCPA_LITIGATOR, "unknown tcpa", number),
            listed=True,
        )

    # --- the envelope -------------------------------------------------------------------------------------------------
    async def _accepted(self, request: Request) -> dict[str, Any] | Response:
        """The body of an allowed request with its list `requests`, or the vendor's refusal."""
        sent = await self._signed(request)
        if isinstance(sent, Response):
            return sent
        requests = sent.get("requests")
        if not isinstance(requests, list) or not requests:
            return _status(400, "requests must be an array with at least one item")
        if len(requests) > BATCH:
            return _status(400, f"requests must contain at most {BATCH} items")
        return sent

    async def _signed(self, request: Request) -> dict[str, Any] | Response:
        """The body of an allowed request, or the vendor's refusal."""
        token = bearer(request)
        if request.method != "POST":
            return _status(405, "method not allowed")
        if not token:
            return _status(401, "a valid token is required")
        if token == "forbidden":
            return _status(403, "token not permitted for this endpoint, or the balance is too low")
        if token == "nocredit":
            return _status(402, "credits used up")
        try:
            return await body_as_object(request)
        except ValueError:
            return _status(400, "the body must be a JSON object")

    async def _nowhere(self, request: Request) -> Response:
        return _status(404, f"no endpoint {request.url.path}")

    def _envelope(
        self, name: str, found: list[dict[str, Any]], matched: int, counts: Mapping[str, int] | None = None
    ) -> Response:
        now = self._town.clock.now()
        counts = counts or {
            "requestCount": len(found),
            "matchCount": matched,
            "noMatchCount": len(found) - matched,
            "errorCount": sum(item["meta"]["error"] for item in found),
        }
        meta = {
            "apiVersion": "2.10.2",
            "performance": {
                "totalRequestTime": 120,
                "startTime": stamp(now),
                "endTime": stamp(now + timedelta(milliseconds=120)),
            },
            "requestId": self._dice.token("request", name, len(found), stamp(now)),
            "results": counts,
        }
        return JSONResponse({"status": {"code": 200, "text": "OK"}, "results": {name: found, "meta": meta}})


def _status(code: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"status": {"code": code, "text": PHRASES[code], "message": message}}
    return JSONResponse(body, status_code=code, headers=headers)


async def _hurt(request: Request, blow: Blow) -> Response:
    return await hurt(
        request,
        blow,
        busy=_status(429, "rate limit exceeded", {"Retry-After": "1"}),
        broken=_status(500, "server error"),
    )


def _name(person: Person) -> dict[str, str]:
    return {"first": person.first, "last": person.last, "full": person.name}


def _trace_item(wanted: Mapping[str, Any]) -> str:
    """What is bought: the address and the name asked for, whatever their case and punctuation."""
    asked, named = wanted["propertyAddress"], wanted.get("name") or {}
    parts = [asked.get(part) for part in ("street", "city", "state", "zip", "apn")]
    parts += [named.get(part) for part in ("first", "last", "full")]
    return " ".join(filter(None, (squeeze(text(part)) for part in parts)))
