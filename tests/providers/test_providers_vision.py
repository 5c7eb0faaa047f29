"""Vision models over their real libraries: one request, one form, and every kind of trouble by its name."""

import io
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from PIL import Image as Pillow
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.core.errors import NotConfigured, ProviderBusy, ProviderError, ProviderRefused
from penstock.core.http import ProviderUnclear
from penstock.core.settings import OpenAiVendor, Settings, Vendors
from penstock.providers import Account, vision
from penstock.providers.vision import REGISTRY, RoofView, Sight, Unreadable, connect
from penstock.providers.vision.words import ASSESSMENT_CHARS, INDICATORS
from penstock.town import aerial
from penstock.town.app import make_app
from penstock.town.state import TownState, new_state
from town.town_bench import served

MODELS = {"openai": "gpt-5-mini", "anthropic": "claude-haiku-5-5"}
PATHS = {"openai": "/openai/v1", "anthropic": "/anthropic"}
VIEW = {
    "usable": True, "condition_score": 40, "damage_level": "moderate", "damage_indicators": ["dark patches"],
    "remaining_life_years": 9, "material": "asphalt shingle", "assessment": "Worn.",
}  # fmt: skip


@pytest.fixture
async def town() -> AsyncIterator[tuple[str, TownState]]:
    """A town that listens: these vendors' libraries bring their own HTTP client. Its address and its state."""
    state = new_state(7, patience=0.1)
    state.clock.put(datetime(2026, 11, 30, 17, tzinfo=UTC))
    inside = make_app(state)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await inside(scope | {"town.abort": lambda: None}, receive, send)  # the server of a town cuts the connection

    async with served(app) as url:
        yield url, state
    await state.post.close()


def model(vendor: str, url: str, key: str = "a-key", timeout_s: float = 10.0) -> vision.VisionModel:
    return REGISTRY[vendor](Account(url + PATHS[vendor], key, timeout_s), MODELS[vendor])


def sight(wear: float, seed: int = 1) -> Sight:
    return Sight(aerial.draw(Random(seed), 512, wear, "asphalt shingle"), "image/jpeg", "Judge the roof.")


@pytest.mark.parametrize("vendor", REGISTRY)
async def test_a_model_sees_a_worn_roof_and_a_new_one_and_is_asked_once_each(town: Any, vendor: str) -> None:
    url, state = town
    viewer = model(vendor, url)
    worn, new = [await viewer.fetch(sight(wear)) for wear in (0.9, 0.0)]
    views = [viewer.read(reply.raw) for reply in (worn, new)]
    assert [viewer.read(reply.raw) for reply in (worn, new)] == views
    assert all(isinstance(view, RoofView) and view.usable for view in views)
    assert views[0].condition_score + 40 < views[1].condition_score
    assert views[0].remaining_life_years < views[1].remaining_life_years
    assert worn.raw["usage"] == {"input_tokens": 900, "output_tokens": 120}
    assert worn.billable
    assert state.truth.grade()["billed"][vendor]["items"] == 2


async def test_two_models_say_much_the_same_of_most_pictures_and_are_far_apart_about_some(town: Any) -> None:
    url, _ = town
    form = {"type": "json_schema", "schema": RoofView.model_json_schema()}
    scores = []
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer k"}) as client:
        for seed in range(30):
            data = b64encode(sight(seed / 30, seed).content).decode()
            shown = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
            one = {"messages": [{"role": "user", "content": [shown]}], "response_format": {"json_schema": form}}
            shown = {"type": "image", "source": {"type": "base64", "data": data}}
            other = {"messages": [{"role": "user", "content": [shown]}], "output_config": {"format": form}}
            said = (await client.post("/openai/v1/chat/completions", json=one)).json()["choices"][0]["message"]
            texts = (await client.post("/anthropic/v1/messages", json=other | {"max_tokens": 9})).json()["content"]
            views = [RoofView.model_validate_json(text) for text in (said["content"], texts[0]["text"])]
            if all(view.usable for view in views):
                scores.append(abs(views[0].condition_score - views[1].condition_score))
    assert len(scores) > 24
    assert sum(apart <= 12 for apart in scores) > 20
    assert any(apart >= 30 for apart in scores)


@pytest.mark.parametrize("vendor", REGISTRY)
@pytest.mark.parametrize(
    ("fault", "key", "error", "said"),
    [
        ("rate_429", "a-key", ProviderBusy, "429"),
        ("timeout", "a-key", ProviderUnclear, "did not answer"),
        ("", "bad", ProviderRefused, "401"),
    ],
)
async def test_trouble_has_its_own_kind(
    town: Any, vendor: str, fault: str, key: str, error: type[ProviderError], said: str
) -> None:
    url, state = town
    state.faults.configure({vendor: {fault: 1.0}} if fault else {})
    with pytest.raises(ProviderError, match=said) as caught:
        await model(vendor, url, key, timeout_s=1.0 if fault == "timeout" else 30).fetch(sight(0.5))
    assert type(caught.value) is error
    assert state.truth.grade()["billed"] == {}


@pytest.mark.parametrize(("vendor", "error"), [("openai", ProviderUnclear), ("anthropic", ProviderBusy)])
async def test_a_broken_vendor_is_in_doubt_and_an_overloaded_one_is_busy(
    town: Any, vendor: str, error: type[ProviderError]
) -> None:
    url, state = town
    state.faults.configure({vendor: {"rate_500": 1.0}})  # 500 of OpenAI, 529 of Anthropic
    with pytest.raises(ProviderError) as caught:
        await model(vendor, url).fetch(sight(0.5))
    assert type(caught.value) is error


async def test_the_town_speaks_both_protocols_as_a_stream_too(town: Any) -> None:
    url, _ = town
    tool = {"name": "f", "description": "", "input_schema": RoofView.model_json_schema()}
    asked = {"model": "m", "messages": [{"role": "user", "content": "Rate"}]}
    async with (
        AsyncAnthropic(base_url=url + "/anthropic", api_key="k", max_retries=0) as anthropic,
        anthropic.messages.stream(**asked, max_tokens=100, tools=[tool]) as stream,
    ):
        message = await stream.get_final_message()
    assert message.content[0].input["damage_level"] in ("none", "minor", "moderate", "severe")
    form = {"type": "json_schema", "json_schema": {"name": "f", "schema": RoofView.model_json_schema()}}
    async with AsyncOpenAI(base_url=url + "/openai/v1", api_key="k", max_retries=0) as openai:
        chunks = await openai.chat.completions.create(**asked, response_format=form, stream=True)
        said = "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])
    assert RoofView.model_validate_json(said).usable is False  # nothing was shown


# Vendors that misbehave


@asynccontextmanager
async def answering(answer: Callable[[dict[str, Any]], Response]) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A vendor that gives this answer to everything; its address, and what it was asked."""
    asked: list[dict[str, Any]] = []

    async def take(request: Request) -> Response:
        asked.append(await request.json())
        return answer(asked[-1])

    async with served(Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])) as url:
        yield url, asked


def tool_call(view: object) -> Callable[[dict[str, Any]], Response]:
    """OpenAI's answer with these arguments, whatever was asked."""

    def answer(sent: dict[str, Any]) -> Response:
        function = {"name": sent["tools"][0]["function"]["name"], "arguments": json.dumps(view)}
        message = {
            "role": "assistant", "content": None, "refusal": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        }  # fmt: skip
        head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
        return JSONResponse(head | {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]})

    return answer


async def test_the_picture_and_the_question_go_out_small_and_without_a_temperature() -> None:
    async with answering(tool_call(VIEW)) as (url, asked):
        reply = await model("openai", url).fetch(Sight(b"\xff\xd8jpeg", "image/jpeg", "Judge the roof."))
    (sent,) = asked
    assert sent["max_completion_tokens"] <= 1000
    assert "temperature" not in sent
    assert "Judge the roof." in json.dumps(sent["messages"])
    assert "data:image/jpeg;base64,/9hqcGVn" in json.dumps(sent["messages"])
    assert reply.raw["view"] == VIEW


@pytest.mark.parametrize("wrong", [VIEW | {"condition_score": 105}, {"usable": True}, "a roof"])
async def test_an_answer_that_does_not_fit_was_paid_for_and_is_not_asked_again(wrong: object) -> None:
    async with answering(tool_call(wrong)) as (url, asked):
        viewer = model("openai", url)
        reply = await viewer.fetch(sight(0.5))
    assert len(asked) == 1
    assert reply.billable
    assert viewer.read(reply.raw) == Unreadable("the answer does not fit the form")


@pytest.mark.parametrize("vendor", REGISTRY)
async def test_a_web_page_in_place_of_an_answer_is_in_doubt(vendor: str) -> None:
    async with answering(lambda sent: Response("<html>", media_type="text/html")) as (url, asked):
        with pytest.raises(ProviderUnclear):
            await model(vendor, url).fetch(sight(0.5))
    assert len(asked) == 1


@pytest.mark.parametrize("vendor", REGISTRY)
async def test_a_vendor_nobody_is_at_was_never_reached(vendor: str) -> None:
    with pytest.raises(ProviderBusy) as caught:
        await model(vendor, "http://127.0.0.1:9").fetch(sight(0.5))
    assert caught.value.reached is False


async def test_used_up_credit_is_a_refusal_and_not_a_wait() -> None:
    error = {"error": {"message": "quota", "type": "insufficient_quota", "code": "insufficient_quota"}}
    async with answering(lambda sent: JSONResponse(error, status_code=429)) as (url, _):
        with pytest.raises(ProviderRefused, match="credit"):
            await model("openai", url).fetch(sight(0.5))


# The form


def test_a_talkative_model_is_cut_short_and_not_refused() -> None:
    view = RoofView.model_validate(
        VIEW | {"assessment": "word " * 500, "damage_indicators": [f"sign {n} " + "x" * 90 for n in range(20)]}
    )
    assert len(view.assessment) <= ASSESSMENT_CHARS
    assert len(view.damage_indicators) == INDICATORS
    assert all(len(sign) <= 60 for sign in view.damage_indicators)


@pytest.mark.parametrize("raw", [{}, {"view": {"usable": True}}, {"unreadable": "the answer was cut off"}])
def test_a_kept_answer_without_a_view_reads_as_unreadable(raw: dict[str, Any]) -> None:
    assert isinstance(model("openai", "http://x").read(raw), Unreadable)


def test_without_the_libraries_or_a_key_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Settings(vendors=Vendors(openai=OpenAiVendor(key=SecretStr("key-0001"))))
    assert connect(held, "openai", "gpt-5-mini")
    with pytest.raises(NotConfigured, match="PENSTOCK_VENDORS__ANTHROPIC__KEY"):
        connect(held, "anthropic", "claude-haiku-5-5")
    monkeypatch.setattr(vision, "find_spec", lambda name: None if name == "pydantic_ai" else SimpleNamespace())
    with pytest.raises(NotConfigured, match=r"pip install 'penstock\[vision\]'"):
        connect(held, "openai", "gpt-5-mini")


def test_the_town_reads_off_a_picture_how_worn_it_drew_the_roof() -> None:
    for material in aerial.ROOFS:
        seen = [aerial.wear_of(aerial.draw(Random(3), 512, wear, material)) for wear in (0.0, 0.3, 0.6, 1.0)]
        assert [found for _, found in seen] == [material] * 4
        assert all(abs(read - drawn) < 0.25 for (read, _), drawn in zip(seen, (0.0, 0.3, 0.6, 1.0), strict=True))
    plain = io.BytesIO()
    Pillow.new("RGB", (64, 64), aerial.GRASS).save(plain, "PNG")
    assert aerial.wear_of(plain.getvalue()) == (-1.0, "")
