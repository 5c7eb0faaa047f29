"""VAPI: the dial request, the webhooks' signature and shapes, and how a call's end reads."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from penstock.core.errors import InvalidInput
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers import Account
from penstock.providers.voice.calls import CallOrder, Ending, ToolAnswer
from penstock.providers.voice.vapi import Vapi, build_request, parse_call, parse_message, verify
from penstock.providers.voice.vapi_endings import ending_of

ACCOUNT = Account("https://api.vapi.ai", "private")
ORDER = CallOrder(
    reference="lead-42-1",
    assistant_id="a-1",
    phone_number_id="pn-1",
    customer_number="+18135550100",
    customer_name="Ada Sample",
    first_message="Hi Ada.",
    variables={"first_name": "Ada"},
    metadata={"lead_id": "42"},
    server_url="https://hooks.example.test/webhooks/vapi",
)
SECRET, STAMP = "vapi-secret", "1893553445000"
HANG = b'{"message":{"type":"hang","timestamp":1893553445000}}'
AT = datetime.fromtimestamp(1893553445, tz=UTC)
SIGNED = {"X-Signature": "98381f11043efe7310affef9ec70038f666d6120988a2ef6270a6764e99995c6", "X-Timestamp": STAMP}


def test_a_call_order_names_our_reference_everywhere_it_can_come_back_from() -> None:
    body = build_request(ACCOUNT, ORDER).json
    assert body["customer"]["externalId"] == body["name"] == "lead-42-1"
    assert body["assistantOverrides"]["metadata"] == {"lead_id": "42", "reference": "lead-42-1"}
    assert body["assistantOverrides"]["server"]["url"] == "https://hooks.example.test/webhooks/vapi"
    assert (body["assistantId"], body["phoneNumberId"]) == ("a-1", "pn-1")


def test_dialling_is_never_repeated_by_itself() -> None:
    assert not build_request(ACCOUNT, ORDER).repeatable


def test_a_created_call_reads_as_queued_under_our_reference() -> None:
    call = parse_call({"id": "call-1", "status": "queued", "customer": {"externalId": "lead-42-1"}, "cost": 0})
    assert (call.call_id, call.status, call.reference, call.cost_cents) == ("call-1", "queued", "lead-42-1", 0)


def test_an_answer_without_a_call_id_is_unclear() -> None:
    with pytest.raises(ProviderUnclear):
        parse_call({"results": []})


def test_the_documented_signature_is_accepted_and_no_other() -> None:
    assert verify(HANG, SIGNED, secret=SECRET, at=AT)
    assert not verify(HANG + b" ", SIGNED, secret=SECRET, at=AT)
    assert not verify(HANG, SIGNED, secret="other", at=AT)
    assert not verify(HANG, SIGNED | {"X-Timestamp": "1893553445001"}, secret=SECRET, at=AT)


def test_an_old_signature_is_refused() -> None:
    assert not verify(HANG, SIGNED, secret=SECRET, at=datetime.fromtimestamp(1893553445 + 301, tz=UTC))


def test_seconds_are_accepted_as_a_timestamp_too() -> None:
    signature = hmac.new(SECRET.encode(), b"1893553445." + HANG, hashlib.sha256).hexdigest()
    assert verify(HANG, {"x-signature": signature, "x-timestamp": "1893553445"}, secret=SECRET, at=AT)


@pytest.mark.parametrize("headers", [{}, {"X-Vapi-Secret": ""}, {"X-Vapi-Secret": "wrong"}, {"X-Signature": "é"}])
def test_missing_or_wrong_proof_is_refused(headers: Mapping[str, str]) -> None:
    assert not verify(HANG, headers, secret=SECRET, at=AT)


def test_the_legacy_shared_secret_is_accepted_but_not_when_we_have_none() -> None:
    assert verify(HANG, {"x-vapi-secret": SECRET}, secret=SECRET, at=AT)
    assert not verify(HANG, {"x-vapi-secret": ""}, secret="", at=AT)


def message(**fields: Any) -> bytes:
    call = {"id": "call-1", "assistantOverrides": {"metadata": {"lead_id": "42", "reference": "lead-42-1"}}}
    return json.dumps({"message": {"timestamp": 1893553445000, "call": call, **fields}}).encode()


def test_an_end_of_call_report_reads_with_outcome_cost_and_transcript() -> None:
    read = parse_message(
        message(
            type="end-of-call-report",
            endedReason="customer-ended-call",
            startedAt="2025-06-03T14:00:05.000Z",
            cost=0.21,
            customer={"number": "+18135550100"},
            analysis={"summary": "Wants a call back.", "structuredData": {"outcome": "callback"}},
            artifact={"transcript": "AI: Hi", "recordingUrl": "https://example.test/r.wav"},
        )
    )
    assert (read.kind, read.call_id, read.reference, read.ending) == (
        "end-of-call-report",
        "call-1",
        "lead-42-1",
        Ending.TALKED,
    )
    assert (read.cost_cents, read.structured["outcome"], read.summary) == (21, "callback", "Wants a call back.")
    assert read.started_at == datetime(2025, 6, 3, 14, 0, 5, tzinfo=UTC)
    assert (read.transcript, read.customer_number) == ("AI: Hi", "+18135550100")


def test_copies_share_a_dedupe_key_and_different_news_does_not() -> None:
    ringing = parse_message(message(type="status-update", status="ringing"))
    again = parse_message(message(type="status-update", status="ringing", timestamp=1893553449999))
    ended = parse_message(message(type="status-update", status="ended", endedReason="customer-busy"))
    assert ringing.dedupe_key == again.dedupe_key != ended.dedupe_key
    assert ended.ending is Ending.NO_CONTACT


@pytest.mark.parametrize(
    "call",
    [
        {"id": "tc-1", "type": "function", "function": {"name": "book", "arguments": '{"start": "s"}'}},
        {"id": "tc-1", "type": "function", "function": {"name": "book", "arguments": {"start": "s"}}},
        {"id": "tc-1", "name": "book", "parameters": {"start": "s"}},
    ],
)
def test_both_shapes_of_tool_calls_read_the_same(call: dict[str, Any]) -> None:
    (tool,) = parse_message(message(type="tool-calls", toolCallList=[call])).tool_calls
    assert (tool.tool_call_id, tool.name, tool.arguments) == ("tc-1", "book", {"start": "s"})


def test_tool_arguments_that_are_no_object_read_as_empty() -> None:
    calls = [
        {"id": "1", "function": {"name": "book", "arguments": "{"}},
        {"id": "2", "name": "book", "parameters": [1]},
    ]
    assert [tool.arguments for tool in parse_message(message(type="tool-calls", toolCallList=calls)).tool_calls] == [
        {},
        {},
    ]


def test_a_tool_reply_carries_failures_in_the_item() -> None:
    vapi = Vapi(make_client(), ACCOUNT)
    reply = vapi.tool_reply([ToolAnswer("tc-1", "book", "done"), ToolAnswer("tc-2", "book", "taken", failed=True)])
    assert reply == {
        "results": [
            {"name": "book", "toolCallId": "tc-1", "result": "done"},
            {"name": "book", "toolCallId": "tc-2", "error": "taken"},
        ]
    }


STRANGE = [b"", b"[]", b'{"message": 1}', b'{"message": {"type": "hang"}}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("raw", STRANGE, ids=range(len(STRANGE)))
def test_a_body_that_is_no_message_is_invalid(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_message(raw)


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("customer-ended-call", Ending.TALKED),
        ("voicemail", Ending.NO_CONTACT),
        ("twilio-reported-customer-misdialed", Ending.BAD_NUMBER),
        ("manually-canceled", Ending.OURS),
        ("call.start.error-subscription-insufficient-credits", Ending.START_REFUSED),
        ("call.in-progress.error-vapifault-openai-llm-failed", Ending.VENDOR_FAULT),
        ("pipeline-error-eleven-labs-blocked", Ending.VENDOR_FAULT),
        ("something-new", Ending.UNKNOWN),
    ],
)
def test_the_end_of_a_call_is_read_by_exact_word_then_by_prefix(reason: str, ending: Ending) -> None:
    assert ending_of(reason) is ending


async def test_an_unclear_placing_is_found_again_pages_back() -> None:
    calls = [
        {
            "id": f"call-{n}",
            "createdAt": f"2026-11-30T17:{n // 60:02}:{n % 60:02}.000Z",
            "customer": {"externalId": f"r-{n}"},
        }
        for n in range(250)
    ]

    async def listing(request: Request) -> JSONResponse:
        before = request.query_params.get("createdAtLt", "9")
        newest_first = [call for call in reversed(calls) if call["createdAt"] < before]
        return JSONResponse(newest_first[: int(request.query_params["limit"])])

    app = Starlette(routes=[Route("/call", listing)])
    async with make_client(transport=httpx.ASGITransport(app)) as client:
        vapi = Vapi(client, Account("http://vapi.example", "k"))
        since = datetime(2026, 11, 30, 17, tzinfo=UTC)
        found, missing = await vapi.find("r-3", since=since), await vapi.find("r-999", since=since)
    assert found is not None
    assert found.call_id == "call-3"
    assert missing is None
