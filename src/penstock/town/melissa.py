"""Melissa's front door: Personator Consumer (contact verify) and Global Email.

Its habits: HTTP 200 also for licence and input errors (the error is in `TransmissionResults`), and a single space
wherever Personator has no value.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town import melissa_records
from penstock.town.faults import Blow
from penstock.town.places import squeeze
from penstock.town.state import TownState
from penstock.town.wire import body_as_object, hurt, text

BATCH: Final = 100
ACTIONS: Final = ("check", "verify", "append", "move")
GET_CONTACT: Final = {
    "first": "FirstName", "last": "LastName", "full": "FullName", "comp": "CompanyName", "a1": "AddressLine1",
    "a2": "AddressLine2", "city": "City", "state": "State", "postal": "PostalCode", "ctry": "Country",
    "lastline": "LastLine", "email": "EmailAddress", "phone": "PhoneNumber", "mak": "MelissaAddressKey",
}  # fmt: skip


class Melissa:
    """The two endpoints over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town

    def routes(self) -> list[Route]:
        """Paths below the vendor's base URL."""
        return [
            Route("/v3/WEB/ContactVerify/doContactVerify", self.contact_verify, methods=["GET", "POST"]),
            Route("/v4/WEB/GlobalEmail/doGlobalEmail", self.global_email, methods=["GET", "POST"]),
        ]

    async def contact_verify(self, request: Request) -> Response:
        """Check, verify, append and move up to 100 records."""
        if request.method == "GET":
            query = request.query_params
            record = {field: query[name] for name, field in GET_CONTACT.items() if name in query}
            sent: dict[str, Any] = {
                "CustomerID": query.get("id", ""),
                "TransmissionReference": query.get("t", ""),
                "Actions": query.get("act", ""),
                "Columns": query.get("cols", ""),
                "Options": query.get("opt", ""),
                "Records": [record | {"RecordID": "1"}],
            }
        elif isinstance(parsed := await _parsed(request), Response):
            return parsed
        else:
            sent = parsed
        records = sent["Records"]
        items = [_contact_item(record) for record in records]
        if blow := self._town.faults.strike("melissa", "contact_verify " + "; ".join(items)):
            return await _hurt(request, blow)
        actions = {action.strip().lower() for action in text(sent.get("Actions")).split(",") if action.strip()}
        error = _licence_error(sent) or ("SP01" if not actions else "GE23" if not actions & set(ACTIONS) else "")
        answers: list[dict[str, str]] = []
        if not error:
            self._town.truth.bill("melissa", "contact_verify", items)
            columns = {column.strip() for column in text(sent.get("Columns")).split(",")}
            options = melissa_records.options(text(sent.get("Options")))
            desk = melissa_records.ContactDesk(self._town, actions, columns, options)
            answers = [desk.answer(record) for record in records]
        return JSONResponse(
            {
                "Records": answers,
                "TotalRecords": str(len(answers)),
                "TransmissionReference": text(sent.get("TransmissionReference")) or " ",
                "TransmissionResults": error or " ",
                "Version": "9.4.0.1333",
            }
        )

    async def global_email(self, request: Request) -> Response:
        """Check up to 100 mailboxes. A GET answers XML unless it says format=json."""
        if request.method == "GET":
            query = request.query_params
            sent: dict[str, Any] = {
                "CustomerID": query.get("id", ""),
                "TransmissionReference": query.get("t", ""),
                "Records": [{"RecordID": "1", "Email": query.get("email", "")}],
            }
        elif isinstance(parsed := await _parsed(request), Response):
            return parsed
        else:
            sent = parsed
        items = [text(record.get("Email")).casefold() for record in sent["Records"]]
        if blow := self._town.faults.strike("melissa", "global_email " + "; ".join(items)):
            return await _hurt(request, blow)
        error = _licence_error(sent)
        answers: list[dict[str, str]] = []
        if not error:
            self._town.truth.bill("melissa", "global_email", items)
            answers = [melissa_records.email_answer(self._town, record) for record in sent["Records"]]
        answer = {
            "Version": "8.1.0",
            "TransmissionReference": text(sent.get("TransmissionReference")),
            "TransmissionResults": error,
            "TotalRecords": str(len(answers)),
            "Records": answers,
        }
        if request.method == "GET" and request.query_params.get("format", "").lower() != "json":
            return Response(melissa_records.as_xml(answer), media_type="application/xml")
        return JSONResponse(answer)


def _licence_error(sent: dict[str, Any]) -> str:
    """The transmission code for a bad licence or record count, or an empty string."""
    by_key = {"": "GE04", "BAD": "GE05", "NOCREDIT": "GE14"}
    if error := by_key.get(text(sent.get("CustomerID"))):
        return error
    if not sent["Records"]:
        return "GE02"
    return "GE03" if len(sent["Records"]) > BATCH else ""


async def _parsed(request: Request) -> dict[str, Any] | Response:
    """The body with its list of records, or the 400 that Melissa answers to malformed JSON types."""
    try:
        sent = await body_as_object(request)
    except ValueError:
        return _malformed("$", "The JSON value could not be converted to the request type.")
    records = sent.setdefault("Records", [])
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return _malformed("$.Records", "The JSON value could not be converted to a list of records.")
    return sent


def _malformed(where: str, message: str) -> Response:
    problem = {
        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {where: [message]},
        "traceId": "00-00000000000000000000000000000001-0000000000000001-00",
    }
    return JSONResponse(problem, status_code=400)


def _contact_item(record: dict[str, Any]) -> str:
    """What is bought: the address and name as asked, whatever their case and punctuation."""
    parts = ("AddressLine1", "AddressLine2", "City", "State", "PostalCode", "LastLine", "MelissaAddressKey")
    names = ("FullName", "FirstName", "LastName", "EmailAddress", "PhoneNumber")
    return " ".join(filter(None, (squeeze(text(record.get(part))) for part in (*parts, *names))))


async def _hurt(request: Request, blow: Blow) -> Response:
    return await hurt(
        request,
        blow,
        busy=JSONResponse({"message": "Too Many Requests"}, status_code=429, headers={"Retry-After": "1"}),
        broken=Response("Internal Server Error", status_code=500, media_type="text/plain"),
    )
