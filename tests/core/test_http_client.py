"""The way out to vendors: which answers are worth asking again, which may have cost money, which are final."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request as Incoming
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import LogCapture

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json, make_client, retry_after_s

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def scripted(*answers: Response) -> tuple[httpx.AsyncClient, list[str]]:
    """A client whose vendor gives `answers` in turn, and the list of requests it saw."""
    seen: list[str] = []

    async def answer(incoming: Incoming) -> Response:
        seen.append(str(incoming.url))
        return answers[min(len(seen), len(answers)) - 1]

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    return make_client(transport=httpx.ASGITransport(app)), seen


def paid(**changes: object) -> Request:
    return Request(**{"vendor": "acme", "method": "POST", "url": "http://acme.example/buy", **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def raw_server(handle: Handler) -> AsyncIterator[tuple[str, list[int]]]:
    """A real socket server; gives its URL and the list of connections it took."""
    taken: list[int] = []
    left = asyncio.Semaphore(0)

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(1)
        await handle(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        left.release()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", taken
        for _ in taken:
            await left.acquire()


async def test_an_answer_is_the_parsed_body() -> None:
    client, _ = scripted(JSONResponse({"ok": [1, 2]}))
    async with client:
        assert await ask_json(client, paid()) == {"ok": [1, 2]}


async def test_an_empty_body_is_none() -> None:
    client, _ = scripted(Response(status_code=204))
    async with client:
        assert await ask_json(client, paid()) is None


async def test_turned_away_once_is_asked_again_and_answered() -> None:
    client, seen = scripted(Response(status_code=429, headers={"Retry-After": "0"}), JSONResponse({"ok": True}))
    async with client:
        assert await ask_json(client, paid()) == {"ok": True}
    assert len(seen) == 2


async def test_turned_away_for_long_is_busy_at_once_with_the_wait_the_vendor_named() -> None:
    client, seen = scripted(Response(status_code=429, headers={"Retry-After": "120"}))
    async with client:
        with pytest.raises(ProviderBusy) as caught:
            await ask_json(client, paid())
    assert caught.value.retry_after_s == 120
    assert not isinstance(caught.value, ProviderUnclear)
    assert len(seen) == 1


async def test_a_paid_call_that_ends_in_500_is_unclear_and_never_asked_twice() -> None:
    client, seen = scripted(Response(status_code=500), JSONResponse({"ok": True}))
    async with client:
        with pytest.raises(ProviderUnclear):
            await ask_json(client, paid())
    assert len(seen) == 1


async def test_a_read_that_ends_in_500_is_asked_again() -> None:
    failed = Response(status_code=500, headers={"Retry-After": "0"})
    client, seen = scripted(failed, failed, JSONResponse({"ok": True}))
    async with client:
        assert await ask_json(client, paid(method="GET", repeatable=True)) == {"ok": True}
    assert len(seen) == 3


async def test_turned_away_after_a_try_that_may_have_arrived_may_have_arrived() -> None:
    turned_away = JSONResponse({}, 429, headers={"retry-after": "0"})
    client, seen = scripted(JSONResponse({}, 500, headers={"retry-after": "0"}), turned_away)
    with pytest.raises(ProviderBusy) as caught:
        await ask_json(client, paid(repeatable=True))
    assert (len(seen), caught.value.reached) == (3, True)
    client, _ = scripted(turned_away)
    with pytest.raises(ProviderBusy) as caught:
        await ask_json(client, paid(repeatable=True))
    assert not caught.value.reached


async def test_a_refusal_brings_the_answer_along_and_none_of_its_text() -> None:
    client, _ = scripted(JSONResponse({"error": {"code": "no", "message": "ada@home.example"}}, 400))
    with pytest.raises(ProviderRefused) as caught:
        await ask_json(client, paid())
    assert str(caught.value) == "acme answered 400: no"
    assert isinstance(caught.value.__cause__, httpx.HTTPStatusError) and "ada" not in str(caught.value.__cause__)
    assert caught.value.__cause__.response.json()["error"]["message"] == "ada@home.example"


async def test_a_vendor_that_stays_busy_is_given_up_after_three_tries() -> None:
    client, seen = scripted(Response(status_code=503, headers={"Retry-After": "0"}))
    async with client:
        with pytest.raises(ProviderBusy):
            await ask_json(client, paid())
    assert len(seen) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 422])
async def test_any_other_answer_is_a_lasting_refusal(status: int) -> None:
    client, seen = scripted(JSONResponse({"error": {"code": "NOPE", "message": "ada@example.com"}}, status_code=status))
    async with client:
        with pytest.raises(ProviderRefused) as caught:
            await ask_json(client, paid())
    assert len(seen) == 1
    assert "NOPE" in str(caught.value)
    assert "ada" not in str(caught.value)


async def test_a_2xx_that_is_not_json_is_unclear() -> None:
    client, _ = scripted(Response("<html>", media_type="text/html"))
    async with client:
        with pytest.raises(ProviderUnclear):
            await ask_json(client, paid())


async def test_a_vendor_that_hangs_up_after_the_request_is_unclear_and_asked_once() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(hang_up) as (url, taken), make_client() as client:
        with pytest.raises(ProviderUnclear):
            await ask_json(client, paid(url=url))
    assert len(taken) == 1


async def test_a_vendor_that_never_answers_is_unclear() -> None:
    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(stay_silent) as (url, taken), make_client() as client:
        with pytest.raises(ProviderUnclear):
            await ask_json(client, paid(url=url, timeout_s=1.5))
    assert len(taken) == 1


async def test_a_vendor_nobody_can_connect_to_is_busy_not_unclear() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with raw_server(never) as (url, _):
        pass
    async with make_client() as client:
        with pytest.raises(ProviderBusy) as caught:
            await ask_json(client, paid(url=url))
    assert not isinstance(caught.value, ProviderUnclear)


async def test_an_address_that_is_no_url_is_a_lasting_refusal() -> None:
    async with make_client() as client:
        with pytest.raises(ProviderRefused):
            await ask_json(client, paid(url="ftp://acme.example/"))


async def test_logs_hold_the_host_and_no_key_email_or_body(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = LogCapture()
    monkeypatch.setattr("penstock.core.http.log", structlog.wrap_logger(None, processors=[capture]))
    client, _ = scripted(JSONResponse({"email": "ada@example.com"}))
    secret = paid(query={"key": "s3cret", "email": "ada@example.com"}, json={"p": "+18135550100"})
    async with client:
        await ask_json(client, secret)
    assert [entry["host"] for entry in capture.entries] == ["acme.example"]
    assert not any(word in str(capture.entries) for word in ("s3cret", "ada", "8135550100"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "9999999"}, 86400.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, 30.0),
        ({}, 30.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers) == seconds
