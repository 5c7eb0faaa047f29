"""Two vendors of vision models: OpenAI (chat completions) and Anthropic (messages), both also as a stream.

A model reads the picture of ours that it is shown (`aerial.wear_of`) and fills whatever JSON schema it is given with
what it saw, a little differently per vendor; now and then two vendors are far apart. The keys "" and "bad" are refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from PIL import UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from penstock.town.aerial import LASTS_YEARS, wear_of
from penstock.town.state import TownState
from penstock.town.wire import bearer, body_as_object, hurt

BAD_KEYS: Final = ("", "bad")
LARGEST: Final = 5_000_000  # bytes of base64 that Anthropic takes for an image
WANDERS: Final = 6  # points that a vendor is off at most, as a rule
APART: Final = 0.06  # of pictures that a vendor misjudges
MISJUDGED: Final = 40  # points
HIDDEN: Final = 0.02  # of pictures with a tree before the roof
SIGNS: Final = ("missing shingles", "dark patches", "curling edges", "exposed underlayment", "patched areas")


class Models:
    """The endpoints of both over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town

    def openai_routes(self) -> list[Route]:
        """Paths below /openai/v1."""
        return [Route("/chat/completions", self.chat, methods=["POST"])]

    def anthropic_routes(self) -> list[Route]:
        """Paths below /anthropic/v1."""
        return [Route("/messages", self.messages, methods=["POST"])]

    async def chat(self, request: Request) -> Response:
        """OpenAI."""
        if bearer(request) in BAD_KEYS:
            return _openai_error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        sent = await body_as_object(request)
        image = _image(sent, lambda part: part.get("image_url", {}).get("url", "").partition("base64,")[2])
        item = _item(sent, image)
        if blow := self._town.faults.strike("openai", item):
            busy = _openai_error(429, "Rate limit reached.", "requests", "rate_limit_exceeded", after="1")
            broken = _openai_error(500, "The server had an error.", "server_error", None)
            return await hurt(request, blow, busy=busy, broken=broken)
        tools = sent.get("tools") or []
        wanted = sent.get("response_format", {}).get("json_schema", {}).get("schema")
        schema = tools[0]["function"].get("parameters") if tools else wanted
        answer = self._answer("openai", image, sent, schema)
        self._town.truth.bill("openai", "assess", [item])
        if tools:
            function = {"name": tools[0]["function"]["name"], "arguments": answer}
            call = {"id": "call_1", "type": "function", "function": function}
            message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
        else:
            message = {"role": "assistant", "content": answer, "refusal": None}
        why = "tool_calls" if tools else "stop"
        head = {"id": f"chatcmpl-{item[-24:]}", "created": int(self._town.clock.now().timestamp())}
        head["model"] = sent.get("model", "")
        usage = {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020}
        if sent.get("stream"):
            return _stream(_openai_chunks(head, message, why, usage))
        choice = {"index": 0, "finish_reason": why, "message": message, "logprobs": None}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    async def messages(self, request: Request) -> Response:
        """Anthropic. The key comes as a bearer token (2.x of its library) or as X-Api-Key (1.x)."""
        if (bearer(request) or request.headers.get("x-api-key", "")) in BAD_KEYS:
            return _anthropic_error(401, "authentication_error", "invalid x-api-key")
        sent = await body_as_object(request)
        if "max_tokens" not in sent:
            return _anthropic_error(400, "invalid_request_error", "max_tokens: Field required")
        image = _image(sent, lambda part: part.get("source", {}).get("data", ""))
        if len(image) * 4 // 3 > LARGEST:
            return _anthropic_error(400, "invalid_request_error", "image exceeds 5 MB maximum")
        item = _item(sent, image)
        if blow := self._town.faults.strike("anthropic", item):
            busy = _anthropic_error(429, "rate_limit_error", "Rate limited", after="1")
            broken = _anthropic_error(529, "overloaded_error", "Overloaded")
            return await hurt(request, blow, busy=busy, broken=broken)
        tools = sent.get("tools") or []
        schema = (
            tools[0].get("input_schema") if tools else sent.get("output_config", {}).get("format", {}).get("schema")
        )
        answer = self._answer("anthropic", image, sent, schema)
        self._town.truth.bill("anthropic", "assess", [item])
        block: dict[str, Any] = {"type": "text", "text": answer}
        if tools:
            block = {"type": "tool_use", "id": "toolu_1", "name": tools[0]["name"], "input": json.loads(answer)}
        head = {"id": f"msg_{item[-24:]}", "type": "message", "role": "assistant", "model": sent.get("model", "")}
        why = "tool_use" if tools else "end_turn"
        usage = {"input_tokens": 900, "output_tokens": 120}
        if sent.get("stream"):
            return _stream(_anthropic_events(head, block, answer, why, usage))
        return JSONResponse({**head, "content": [block], "stop_reason": why, "stop_sequence": None, "usage": usage})

    def _answer(self, vendor: str, image: bytes, sent: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
        """What the model says: JSON of the schema, or a sentence where none was given."""
        seen = self._seen(vendor, image)
        if schema is None:
            return str(seen["assessment"])
        return json.dumps(self._fill(schema, seen, schema, "answer", sha256(image).hexdigest()))

    def _seen(self, vendor: str, image: bytes) -> dict[str, Any]:
        dice, name = self._town.dice, sha256(image).hexdigest()
        try:
            wear, material = wear_of(image)
        except (UnidentifiedImageError, OSError):
            wear, material = -1.0, ""
        usable = wear >= 0 and not dice.chance(HIDDEN, "hidden", name)
        off = dice.between(-WANDERS, WANDERS, "off", vendor, name)
        if dice.chance(APART, "apart", vendor, name):
            off = MISJUDGED if wear > 0.5 else -MISJUDGED
        score = min(100, max(0, round(100 - 100 * max(wear, 0)) + off))
        level = "none" if score >= 80 else "minor" if score >= 60 else "moderate" if score >= 30 else "severe"
        signs = [] if level == "none" else list(SIGNS[: 1 + (100 - score) // 25])
        said = f"A roof of {material or 'unknown material'}" + (
            f" with {', '.join(signs)}." if signs else ", in order."
        )
        return {
            "usable": usable,
            "condition_score": score,
            "damage_level": level,
            "damage_indicators": signs,
            "remaining_life_years": round(LASTS_YEARS * score / 100),
            "material": material or "unknown",
            "assessment": said if usable else "The roof cannot be judged on this picture.",
        }

    def _fill(
        self, schema: Mapping[str, Any], seen: Mapping[str, Any], root: Mapping[str, Any], name: str, key: str
    ) -> Any:
        """A value of that schema: what was seen where a field asks for it, else anything that fits, always the same."""
        if "$ref" in schema:
            return self._fill(root["$defs"][schema["$ref"].rpartition("/")[2]], seen, root, name, key)
        if name in seen:
            return seen[name]
        if "enum" in schema:
            return self._town.dice.pick(schema["enum"], "fill", name, key)
        kind = schema.get("type", "string")
        if kind == "object":
            fields = schema.get("properties", {})
            return {field: self._fill(fields[field], seen, root, field, key) for field in fields}
        if kind == "array":
            return [self._fill(schema.get("items", {}), seen, root, name, key)]
        if kind in ("integer", "number"):
            low, high = int(schema.get("minimum", 0)), int(schema.get("maximum", 100))
            return self._town.dice.between(low, high, "fill", name, key)
        return self._town.dice.chance(0.5, "fill", name, key) if kind == "boolean" else f"{name} of {key[:8]}"


def _item(sent: Mapping[str, Any], image: bytes) -> str:
    """What is bought: this picture (or prompt) shown to this model."""
    shown = image or json.dumps(sent.get("messages"), sort_keys=True).encode()
    return f"{sent.get('model', '')} {sha256(shown).hexdigest()}"


def _image(sent: Mapping[str, Any], data_of: Callable[[Mapping[str, Any]], str]) -> bytes:
    """The first picture of the messages, or nothing."""
    for message in sent.get("messages") or []:
        parts = message.get("content")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping) and (data := data_of(part)):
                return base64.b64decode(data)
    return b""


def _openai_error(status: int, message: str, kind: str, code: str | None, *, after: str | None = None) -> Response:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return JSONResponse(body, status_code=status, headers={"Retry-After": after} if after else None)


def _anthropic_error(status: int, kind: str, message: str, *, after: str | None = None) -> Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return JSONResponse(body, status_code=status, headers={"Retry-After": after} if after else None)


def _openai_chunks(
    head: Mapping[str, Any], message: Mapping[str, Any], why: str, usage: Mapping[str, int]
) -> Iterable[str]:
    calls = [{"index": at, **call} for at, call in enumerate(message.get("tool_calls") or [])]
    delta = {"role": "assistant", "content": message["content"], **({"tool_calls": calls} if calls else {})}
    for piece, reason in ((delta, None), ({}, why)):
        choice = {"index": 0, "delta": piece, "finish_reason": reason}
        yield f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"
    yield f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', 'choices': [], 'usage': usage})}\n\n"
    yield "data: [DONE]\n\n"


def _anthropic_events(
    head: Mapping[str, Any], block: Mapping[str, Any], answer: str, why: str, usage: Mapping[str, int]
) -> Iterable[str]:
    tool = block["type"] == "tool_use"
    start = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    empty = {**block, "input": {}} if tool else {"type": "text", "text": ""}
    delta = {"type": "input_json_delta", "partial_json": answer} if tool else {"type": "text_delta", "text": answer}
    stop = {"stop_reason": why, "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": usage["output_tokens"]}},
        {"type": "message_stop"},
    ]
    return (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def _stream(lines: Iterable[str]) -> Response:
    return StreamingResponse(iter(lines), media_type="text/event-stream")
