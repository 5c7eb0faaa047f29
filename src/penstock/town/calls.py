"""Telephone calls: who picks up, what is said, and what VAPI reports about it."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from penstock.town import appointments, odds, wordings
from penstock.town.agenda import EventType
from penstock.town.clock import stamp
from penstock.town.state import TownState
from penstock.town.timetable import Event

BY_ENDING: Final = {  # the last two digits of a number decide, before anybody's odds
    "01": "voicemail",
    "02": "customer-busy",
    "03": "customer-did-not-answer",
    "04": "call.start.error-subscription-insufficient-credits",
    "05": "hang",
    "06": "booked",
}
BLOCKED: Final = "call.start.error-subscription-concurrency-limit-reached"
DEAD: Final = "twilio-failed-to-connect-call"
TOOL: Final = "book_appointment"
TRIES: Final = 2  # slots a person offers before they would rather be called back


@dataclass
class Call:
    """One call as VAPI keeps it; times are of the town's clock."""

    id: str
    nth: int  # of the calls to this number, from 1
    number: str  # ten digits
    request: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    blocked: bool
    status: str = "queued"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: str = ""
    outcome: str = ""
    cost: float = 0.0
    transcript: list[tuple[str, str]] = field(default_factory=list)  # role and words

    @property
    def overrides(self) -> dict[str, Any]:
        """The assistantOverrides of the request."""
        found = self.request.get("assistantOverrides")
        return found if isinstance(found, dict) else {}

    @property
    def server(self) -> dict[str, Any]:
        """Where the messages about this call go: the overrides' server, else the assistant's."""
        assistant = self.request.get("assistant")
        for holder in (self.overrides, assistant if isinstance(assistant, dict) else {}):
            if isinstance(server := holder.get("server"), dict):
                return server
        return {}

    def starts(self) -> bool:
        """True unless VAPI refuses to dial."""
        return not self.blocked and not BY_ENDING.get(self.number[-2:], "").startswith("call.start.error")

    def as_json(self) -> dict[str, Any]:
        """The call object of the API and of the webhooks."""
        found: dict[str, Any] = {
            "id": self.id,
            "orgId": "org-town",
            "type": "outboundPhoneCall",
            "status": self.status,
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.updated_at),
            **{name: self.request[name] for name in ("assistantId", "phoneNumberId", "name") if name in self.request},
            "customer": self.request["customer"],
            "assistantOverrides": self.overrides,
            "phoneCallProvider": "twilio",
            "phoneCallTransport": "pstn",
            "phoneCallProviderId": f"CA{self.id.replace('-', '')}",
            "cost": self.cost,
            "monitor": {"listenUrl": "wss://voice.example/listen", "controlUrl": "https://voice.example/control"},
        }
        if self.started_at:
            found["startedAt"] = stamp(self.started_at)
        if self.ended_at:
            found |= {"endedAt": stamp(self.ended_at), "endedReason": self.ended_reason}
            found |= {"analysis": self.analysis(), "artifact": self.artifact()}
        return found

    def analysis(self) -> dict[str, Any]:
        """What the vendor's model made of the talk; structuredData is empty where nobody talked."""
        data: dict[str, Any] = {"outcome": self.outcome} if self.outcome else {}
        if self.outcome == "callback" and self.ended_at:
            data["callback_at"] = stamp(self.ended_at + timedelta(days=1))
        success = "true" if self.outcome in ("booked", "callback") else "false"
        summary = f"The call ended with: {self.outcome}." if self.outcome else ""
        return {"summary": summary, "structuredData": data, "successEvaluation": success}

    def artifact(self) -> dict[str, Any]:
        """Transcript and messages."""
        began = self.started_at or self.created_at
        messages = [
            {
                "role": role,
                "message": words,
                "time": _milliseconds(began) + 4000 * position,
                "secondsFromStart": 4.0 * position,
            }
            for position, (role, words) in enumerate(self.transcript)
        ]
        speakers = {"bot": "AI", "user": "User"}
        transcript = "\n".join(f"{speakers[role]}: {words}" for role, words in self.transcript)
        recording = f"https://voice.example/{self.id}.wav" if self.transcript else ""
        return {"transcript": transcript, "messages": messages, "recordingUrl": recording}


class Dialling(Event):
    """One call from ringing to the report, at one instant of the grid."""

    def __init__(self, town: TownState, call: Call) -> None:
        self.person = town.person_of(call.number)
        super().__init__(
            actor=self.person.id if self.person else f"number {call.number}", key=f"call {call.number} {call.nth:04d}"
        )
        self._town, self._call = town, call
        self._plan = ""
        self._slot: datetime | None = None
        self._kind = EventType(1, "host1", "intro")
        self._told: set[str] = set()
        self._asked = 0
        self._report: dict[str, Any] | None = None

    # --- before ---------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Decide how the call goes, and hold the slot that the person is going to ask for."""
        if not self._plan:
            self._plan = self._decide()
            self._kind = self._calendar()
            self._offer_slot()

    def _offer_slot(self) -> None:
        """Choose and hold a free slot, unless the person has asked often enough."""
        self._slot = None
        if self._plan == "booked" and self.person and self._asked < TRIES:
            key = ("call", self._call.nth, self._asked)
            self._slot = appointments.choose_slot(self._town, self._kind, self.person, *key)
            if self._slot:
                self._town.agenda.hold(self._kind, self._slot, self._call.id)

    def _decide(self) -> str:
        """An endedReason for a call without a talk, else the outcome of the talk."""
        town, call, person = self._town, self._call, self.person
        if call.blocked:
            return BLOCKED
        fixed = BY_ENDING.get(call.number[-2:], "")
        if fixed and fixed != "booked":
            return fixed
        phone = town.phone(call.number)
        if person is None or phone is None or not phone.alive:
            return DEAD
        if person.deceased:
            return "customer-did-not-answer"
        mood = town.mood(person)
        mood.calls += 1
        if fixed and town.is_right_party(person) and mood.stance not in ("gone", "booked"):
            return fixed
        key = (person.id, mood.calls)
        picked_up = town.dice.weighted(odds.CALL, "picks up", *key, otherwise="customer-did-not-answer")
        if picked_up != "answered":
            return picked_up
        if not town.is_right_party(person):
            return town.dice.weighted(odds.TALK_WRONG, "talk", *key, otherwise="not_interested")
        if mood.stance == "gone":
            return "do_not_call"
        if mood.stance == "booked":
            return "no_interest_now"
        return town.dice.weighted(odds.TALK, "talk", *key, otherwise="not_interested")

    def _calendar(self) -> EventType:
        """The event type the assistant was told to book: by booking link, by id, or the first plain one."""
        told = {**(self._call.overrides.get("variableValues") or {}), **(self._call.overrides.get("metadata") or {})}
        for value in told.values():
            if isinstance(value, str) and (link := appointments.booking_link(value)):
                return self._town.agenda.named(link[0], link[1])
        for name in ("event_type_id", "eventTypeId", "calcom_event_type_id"):
            if str(told.get(name, "")).isdecimal() and (kind := self._town.agenda.event_type(int(told[name]))):
                return kind
        username, slug = told.get("calcom_username"), told.get("calcom_event_slug")
        if username and slug:
            return self._town.agenda.named(str(username), str(slug))
        return EventType(1, "host1", "intro")

    # --- the call -----------------------------------------------------------------------------------------------------
    async def perform(self) -> None:
        """Ring, talk, report. After an interruption it goes on with what is still untold."""
        await self.ring()
        if self._plan in wordings.TALKS and not self._call.outcome:
            await self._talk()
        if self._report is None:
            self._report = self._end()
        if self._plan == "hang":
            await self._tell("hang", self._message("hang"))
        await self._tell("ended", {**self._status("ended"), "endedReason": self._call.ended_reason})
        taken = await self._tell("report", self._report)
        if taken and self._call.outcome == "do_not_call" and self.person:
            self._town.mood(self.person).stance = "gone"
            self._town.truth.opt_out(self.person)

    async def ring(self) -> None:
        """Tell that it rings, if VAPI dials at all."""
        if self._call.starts() and "ringing" not in self._told:
            self._call.status = "ringing"
            await self._tell("ringing", self._status("ringing"))

    async def _talk(self) -> None:
        """Somebody picked up."""
        call = self._call
        if "in-progress" not in self._told:
            call.status, call.started_at = "in-progress", self._town.clock.now()
            await self._tell("in-progress", self._status("in-progress"))
            self._town.truth.answered()
        call.outcome = await self._agree() if self._plan == "booked" else self._plan
        self._converse()

    async def _agree(self) -> str:
        """Ask the assistant's tool for the slot, then for another; a call back if neither works out."""
        while self._slot:
            if await self._book(self._slot):
                return "booked"
            self._asked += 1
            self._offer_slot()
        return "callback"

    async def _book(self, slot: datetime) -> bool:
        """One `tool-calls` round trip; True unless the answer has an error."""
        assert self.person is not None
        tool_call = f"tc-{self._call.id[:8]}-{self._asked}"
        arguments = {"start": stamp(slot), "name": self.person.name, "email": self._email()}
        function = {"name": TOOL, "arguments": json.dumps({name: value for name, value in arguments.items() if value})}
        asked = {"id": tool_call, "type": "function", "function": function}
        message = {
            **self._message("tool-calls"),
            "toolCallList": [asked],
            "toolWithToolCallList": [{"type": "function", "name": TOOL, "toolCall": asked}],
        }
        answer = await self._say(message)
        self._town.agenda.release(self._kind, slot, self._call.id)
        told = _json(answer) if answer is not None and answer.is_success else None
        results = told.get("results") if isinstance(told, dict) else None
        ours = [item for item in results or [] if isinstance(item, dict) and item.get("toolCallId") == tool_call]
        return bool(ours) and not ours[0].get("error")

    def _email(self) -> str:
        """The mailbox the person would name, if they read one."""
        assert self.person is not None
        return next((box.email for box in self.person.mailboxes if box.state == "live"), "")

    def _converse(self) -> None:
        """Put down what was said."""
        call = self._call
        greeting = call.overrides.get("firstMessage") or "Hello, this is an automated assistant."
        words = self._town.dice.pick(wordings.TALKS[call.outcome], "words", call.number, call.nth)
        wrong = bool(self.person and not self._town.is_right_party(self.person))
        call.transcript = [
            ("bot", str(greeting)),
            ("user", (wordings.WRONG_NUMBER if wrong else "") + words),
            ("bot", "Thank you, goodbye."),
        ]

    # --- after --------------------------------------------------------------------------------------------------------
    def _end(self) -> dict[str, Any]:
        """Hang up; the end-of-call report."""
        call, now = self._call, self._town.clock.now()
        talked = self._town.dice.between(*odds.CALL_MINUTES, "minutes", call.number, call.nth) if call.outcome else 0
        minutes = min(talked, int(call.overrides.get("maxDurationSeconds", 600)) // 60)
        call.status, call.ended_at, call.updated_at = "ended", now, now
        call.started_at = now - timedelta(minutes=minutes) if call.outcome else None
        call.ended_reason = "customer-ended-call" if call.outcome or self._plan == "hang" else self._plan
        call.cost = minutes * odds.VAPI_MINUTE / 1000
        if minutes:
            self._town.truth.bill_minutes("vapi", minutes)
        report = {
            **self._message("end-of-call-report"),
            "endedReason": call.ended_reason,
            "endedAt": stamp(now),
            "cost": call.cost,
            "costs": [{"type": "vapi", "minutes": minutes, "cost": call.cost}],
            "analysis": call.analysis(),
            "artifact": call.artifact(),
        }
        return report | ({"startedAt": stamp(call.started_at)} if call.started_at else {})

    def _status(self, status: str) -> dict[str, Any]:
        return {**self._message("status-update"), "status": status}

    def _message(self, kind: str) -> dict[str, Any]:
        return {
            "type": kind,
            "timestamp": _milliseconds(self._town.clock.now()),
            "call": self._call.as_json(),
            "customer": self._call.request["customer"],
        }

    async def _tell(self, name: str, message: dict[str, Any]) -> bool:
        """Deliver a message once (twice with that fault); True if the product took it now."""
        if name in self._told:
            return False
        answer = await self._say(message)
        if self._town.faults.doubles("vapi", f"{self.key} {name}"):
            answer = await self._say(message)
        self._told.add(name)
        return answer is not None and answer.is_success

    async def _say(self, message: dict[str, Any]) -> httpx.Response | None:
        """Deliver one server message; None if nobody asked for it."""
        server, kind = self._call.server, message["type"]
        wanted = self._call.overrides.get("serverMessages")
        skipped = isinstance(wanted, list) and kind not in wanted and kind != "tool-calls"
        if not server.get("url") or skipped:
            return None
        body = json.dumps({"message": message}).encode()
        headers = {"Content-Type": "application/json", **(server.get("headers") or {}), **self._signature(body)}
        answer = await self._town.post.send("POST", str(server["url"]), body=body, headers=headers)
        if answer.is_error:
            self._town.truth.refusals["vapi"] += 1
        return answer

    def _signature(self, body: bytes) -> dict[str, str]:
        """The headers of VAPI's HMAC plan with its defaults."""
        if not (secret := self._town.webhooks.vapi_secret):
            return {}
        timestamp = str(_milliseconds(self._town.clock.now()))
        signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"x-signature": signed, "x-timestamp": timestamp}


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
