"""VAPI: outbound calls by an AI assistant, and its webhooks.

Wire facts: VapiAI/docs (openapi.json, server-url pages). No idempotency key and no event id: both are ours to keep.
"""

import hashlib
import hmac
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from penstock.core.errors import InvalidInput
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account
from penstock.providers.voice.calls import CallOrder, CallState, ServerMessage, ToolAnswer, ToolCall
from penstock.providers.voice.vapi_endings import ending_of

VENDOR = "vapi"
SERVER_MESSAGES = ["status-update", "end-of-call-report", "tool-calls", "hang"]
FRESH = timedelta(minutes=5)
PAGE = 100


class Vapi:
    """VAPI over the shared client."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def place(self, order: CallOrder) -> CallState:
        """Start one call; the state is `queued` unless the vendor says otherwise."""
        return parse_call(await ask_json(self._client, build_request(self._account, order)))

    async def get(self, call_id: str) -> CallState:
        """One call as the vendor knows it now."""
        return parse_call(await ask_json(self._client, _read(self._account, f"/call/{call_id}", {})))

    async def find(self, reference: str, *, since: datetime) -> CallState | None:
        """The newest call under `reference`: page by page backwards, since the vendor cannot filter by our own id."""
        query = {"limit": str(PAGE), "createdAtGe": _iso(since)}
        while True:
            page = await ask_json(self._client, _read(self._account, "/call", query)) or []
            for call in map(parse_call, page):
                if call.reference == reference:
                    return call
            created = [str(call.get("createdAt", "")) for call in page]
            if len(page) < PAGE or min(created) == query.get("createdAtLt"):
                return None
            query["createdAtLt"] = min(created)

    def verify(self, raw: bytes, headers: Mapping[str, str], *, secret: str, at: datetime) -> bool:
        """Whether the bytes were signed by the HMAC default plan or carry the shared secret."""
        return verify(raw, headers, secret=secret, at=at)

    def parse(self, raw: bytes) -> ServerMessage:
        """One verified webhook in our words."""
        return parse_message(raw)

    def tool_reply(self, answers: Sequence[ToolAnswer]) -> dict[str, object]:
        """`results` with one item per tool call; a failure goes into `error`, never into the HTTP status."""
        return {
            "results": [
                {
                    "name": answer.name,
                    "toolCallId": answer.tool_call_id,
                    ("error" if answer.failed else "result"): answer.text,
                }
                for answer in answers
            ]
        }


def build_request(account: Account, order: CallOrder) -> Request:
    """The POST that dials. Our reference stands in three places, so that any webhook or list can be matched to it."""
    overrides: dict[str, Any] = {
        "variableValues": dict(order.variables),
        "firstMessage": order.first_message,
        "firstMessageInterruptionsEnabled": True,
        "maxDurationSeconds": order.max_duration_s,
        "metadata": {**order.metadata, "reference": order.reference},
        "serverMessages": SERVER_MESSAGES,
        "server": {"url": order.server_url, "timeoutSeconds": 20},
    }
    if order.voicemail_message:
        overrides["voicemailMessage"] = order.voicemail_message
    if order.tools:
        overrides["tools:append"] = [dict(tool) for tool in order.tools]
    return Request(
        vendor=VENDOR,
        method="POST",
        url=account.url("/call"),
        headers=account.bearer(),
        json={
            "assistantId": order.assistant_id,
            "phoneNumberId": order.phone_number_id,
            "name": order.reference[:40],
            "customer": {
                "number": order.customer_number,
                "name": order.customer_name[:40],
                "externalId": order.reference,
                "numberE164CheckEnabled": True,
            },
            "assistantOverrides": overrides,
        },
        timeout_s=account.timeout_s,
    )


def _read(account: Account, path: str, query: Mapping[str, str]) -> Request:
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(path),
        headers=account.bearer(),
        query=dict(query),
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def parse_call(body: object) -> CallState:
    """A Call object in our words."""
    if not isinstance(body, Mapping) or not body.get("id"):
        raise ProviderUnclear("vapi answered without a call id")
    reason = body.get("endedReason")
    metadata = (body.get("assistantOverrides") or {}).get("metadata") or {}
    return CallState(
        call_id=str(body["id"]),
        status=str(body.get("status") or "queued"),
        reference=_reference(body, metadata),
        metadata=metadata,
        ended_reason=reason,
        ending=ending_of(reason) if reason else None,
        started_at=_instant(body.get("startedAt")),
        ended_at=_instant(body.get("endedAt")),
        cost_cents=_cents(body.get("cost")),
        raw=body,
    )


def _reference(call: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    return metadata.get("reference") or (call.get("customer") or {}).get("externalId") or call.get("name")


def verify(raw: bytes, headers: Mapping[str, str], *, secret: str, at: datetime) -> bool:
    """HMAC default plan: sha256 hex over `timestamp.body` in x-signature and x-timestamp; else X-Vapi-Secret as it is.

    An empty secret verifies nothing. The timestamp is signed as opaque text; 10^12 and above reads as milliseconds.
    """
    named = {name.lower(): value for name, value in headers.items()}
    if not secret:
        return False
    if "x-signature" not in named:
        return hmac.compare_digest(named.get("x-vapi-secret", "").encode(), secret.encode())
    stamp = named.get("x-timestamp", "")
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    signed_right = hmac.compare_digest(named["x-signature"].encode(), expected.encode())
    return signed_right and _fresh(stamp, at)


def _fresh(stamp: str, at: datetime) -> bool:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 16):
        return False
    seconds = int(stamp) / 1000 if int(stamp) >= 10**12 else int(stamp)
    return abs(at.timestamp() - seconds) <= FRESH.total_seconds()


def parse_message(raw: bytes) -> ServerMessage:
    """One server message in our words; kinds we do not know keep their name and are for the caller to ignore."""
    message = _message(raw)
    call = message.get("call") or {}
    kind, call_id = str(message.get("type") or ""), str(call.get("id") or "")
    if not kind or not call_id:
        raise InvalidInput("the webhook names no type or no call")
    metadata = (call.get("assistantOverrides") or {}).get("metadata") or {}
    reason, status = message.get("endedReason"), message.get("status")
    analysis, artifact = message.get("analysis") or {}, message.get("artifact") or {}
    structured = analysis.get("structuredData")
    return ServerMessage(
        kind=kind,
        call_id=call_id,
        dedupe_key=_dedupe_key(kind, call_id, status, message),
        at=_instant(message.get("timestamp")),
        status=status,
        ended_reason=reason,
        ending=ending_of(reason) if reason else None,
        reference=_reference({**call, "customer": call.get("customer") or message.get("customer")}, metadata),
        metadata=metadata,
        customer_number=(message.get("customer") or call.get("customer") or {}).get("number"),
        started_at=_instant(message.get("startedAt")),
        ended_at=_instant(message.get("endedAt")),
        cost_cents=_cents(message.get("cost")),
        summary=analysis.get("summary"),
        transcript=artifact.get("transcript"),
        recording_url=artifact.get("recordingUrl"),
        structured=structured if isinstance(structured, Mapping) else {},
        tool_calls=tuple(_tool_call(item) for item in message.get("toolCallList") or []),
        raw=message,
    )


def _message(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the webhook body is not JSON") from error
    message = body.get("message") if isinstance(body, Mapping) else None
    if not isinstance(message, Mapping):
        raise InvalidInput("the webhook holds no message")
    return message


def _dedupe_key(kind: str, call_id: str, status: object, message: Mapping[str, Any]) -> str:
    """A call has one report and one message per status; the other kinds repeat, and differ in time or tool call."""
    if kind == "end-of-call-report":
        return f"{call_id}:{kind}"
    if kind == "status-update":
        return f"{call_id}:{kind}:{status}"
    tools = ",".join(str(item.get("id")) for item in message.get("toolCallList") or [])
    return f"{call_id}:{kind}:{tools or message.get('timestamp')}"


def _tool_call(item: Mapping[str, Any]) -> ToolCall:
    """Both shapes in use: {function: {name, arguments}}, arguments as JSON text or object, and {name, parameters}."""
    function = item.get("function") or {}
    given = function.get("arguments", item.get("arguments", item.get("parameters", {})))
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except (ValueError, RecursionError):
            given = {}
    return ToolCall(
        tool_call_id=str(item.get("id") or ""),
        name=str(function.get("name") or item.get("name") or ""),
        arguments=given if isinstance(given, Mapping) else {},
    )


def _cents(dollars: object) -> int:
    """Dollars as whole cents, rounded up; binary noise such as 0.21 * 100 = 21.000000000000004 does not cost a cent."""
    return math.ceil(round(dollars * 100, 6)) if isinstance(dollars, int | float) else 0


def _instant(value: object) -> datetime | None:
    """An ISO text or milliseconds since 1970, aware; None for anything else."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, tz=UTC)
        parsed = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
