"""Three vendors that check mailboxes: what is sent, how answers read, what is charged, how errors come out."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers import Account
from penstock.providers.email import REGISTRY, millionverifier, neverbounce, zerobounce

HERE = Account("http://vendor.example", "a-key")
ADA, BEA, CAL = "ada@acme.example", "bea@acme.example", "cal@acme.example"


def zb(address: str, status: str, sub_status: str = "", **more: Any) -> dict[str, Any]:
    return {"address": address, "status": status, "sub_status": sub_status, "did_you_mean": None, **more}


def nb(result: Any = "valid", flags: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"status": "success", "result": result, "flags": list(flags), "suggested_correction": "", **more}


def mv(result: str = "ok", code: int = 1, **more: Any) -> dict[str, Any]:
    given = {"quality": "good", "result": result, "resultcode": code, "role": False, "didyoumean": "", "error": ""}
    return given | more


# ZeroBounce


def test_zerobounce_gets_the_key_and_the_addresses_in_one_body() -> None:
    request = zerobounce.build_request(HERE, [ADA, BEA])
    assert request.url == "http://vendor.example/v2/validatebatch"
    assert request.json["api_key"] == "a-key"
    assert [item["email_address"] for item in request.json["email_batch"]] == [ADA, BEA]
    assert 10 <= request.json["timeout"] <= 120
    assert request.timeout_s > request.json["timeout"]


def test_zerobounce_answers_are_put_back_in_the_order_asked() -> None:
    body = {"email_batch": [zb(BEA, "invalid"), zb("Ada@Acme.example", "valid")], "errors": []}
    replies = zerobounce.parse_answer(body, [ADA, BEA])
    assert [zerobounce.read_result(reply.raw).codes[0] for reply in replies] == ["valid", "invalid"]


def test_zerobounce_charges_for_all_but_unknown() -> None:
    body = {"email_batch": [zb(ADA, "unknown", "greylisted"), zb(BEA, "catch-all"), {"address": CAL, "message": "…"}]}
    assert [reply.billable for reply in zerobounce.parse_answer(body, [ADA, BEA, CAL])] == [False, True, False]


def test_zerobounce_tells_of_single_addresses_that_failed_and_of_those_it_left_out() -> None:
    body = {"email_batch": [zb(ADA, "valid")], "errors": [{"error": "bad", "email_address": BEA}]}
    ada, bea, cal = zerobounce.parse_answer(body, [ADA, BEA, CAL])
    assert (ada.failed, bea.failed, bea.error) == (False, True, None)
    assert isinstance(cal.error, ProviderUnclear)  # perhaps charged: not to be asked again blindly


@pytest.mark.parametrize(
    "body",
    [
        {
            "email_batch": [],
            "errors": [{"error": "Invalid API key or your account ran out of credits", "email_address": "all"}],
        },
        {"error": "Invalid API key"},
    ],
)
def test_zerobounce_refuses_a_bad_key_with_http_200(body: dict[str, Any]) -> None:
    with pytest.raises(ProviderRefused):
        zerobounce.parse_answer(body, [ADA])


@pytest.mark.parametrize(
    ("result", "codes"),
    [
        (zb(ADA, "valid"), ("valid",)),
        (zb(ADA, "valid", "role_based"), ("valid:role_based",)),
        (zb(ADA, "do_not_mail", "role_based"), ("do_not_mail:role_based",)),
        (zb(ADA, "do_not_mail", "disposable"), ("do_not_mail", "disposable")),
        (zb(ADA, "spamtrap", "role_based"), ("spamtrap", "role_based")),  # a trap stays a trap
        (zb(ADA, "valid", did_you_mean="ada@acme2.example"), ("valid:did_you_mean",)),
        (zb(ADA, "unknown", "timeout_exceeded"), ("unknown", "timeout_exceeded")),
        ({"address": ADA, "message": "still working"}, ("pending",)),
    ],
)
def test_a_zerobounce_result_reads_as_the_code_that_decides_the_colour(result: Any, codes: tuple[str, ...]) -> None:
    assert zerobounce.read_result(result).codes == codes


# NeverBounce


def test_neverbounce_gets_one_address_in_the_query() -> None:
    request = neverbounce.build_request(HERE, ADA)
    assert (request.method, request.url) == ("GET", "http://vendor.example/v4.2/single/check")
    assert (request.query["key"], request.query["email"]) == ("a-key", ADA)
    assert not request.repeatable  # a second copy is charged again


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (nb(), "valid"),
        (nb(0), "valid"),
        (nb("3"), "catchall"),
        (nb(4), "unknown"),
        (nb("disposable"), "disposable"),
        (nb("valid", ("has_dns", "role_account")), "valid:role_account"),
        (nb("valid", ("spamtrap_network", "role_account")), "valid:spamtrap_network"),
        (nb("valid", suggested_correction="ada@acme2.example"), "valid:did_you_mean"),
        (nb("invalid", ("role_account",)), "invalid"),
    ],
)
def test_a_neverbounce_result_reads_as_one_code_in_word_or_number(body: Any, code: str) -> None:
    assert neverbounce.parse_answer(body).billable
    assert neverbounce.read_answer(body).codes == (code,)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("auth_failure", ProviderRefused),
        ("bad_referrer", ProviderRefused),
        ("temp_unavail", ProviderBusy),
        ("throttle_triggered", ProviderBusy),
    ],
)
def test_neverbounce_hides_errors_in_http_200(status: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        neverbounce.parse_answer({"status": status, "message": "…", "execution_time": 3})
    assert not isinstance(caught.value, ProviderUnclear)  # nothing was checked, nothing charged


def test_a_general_failure_of_neverbounce_is_that_addresss_own_unless_the_credits_are_gone() -> None:
    with pytest.raises(ProviderRefused):
        neverbounce.parse_answer({"status": "general_failure", "message": "Insufficient credit balance"})
    reply = neverbounce.parse_answer({"status": "general_failure", "message": "…"})
    assert (reply.failed, reply.billable) == (True, False)


# MillionVerifier


def test_millionverifier_gets_one_address_in_the_query() -> None:
    request = millionverifier.build_request(HERE, ADA)
    assert (request.method, request.url) == ("GET", "http://vendor.example/api/v3/")
    assert (request.query["api"], request.query["email"]) == ("a-key", ADA)


@pytest.mark.parametrize(
    ("body", "code", "billable"),
    [
        (mv(), "ok", True),
        (mv(role=True), "ok:role", True),
        (mv(didyoumean="x"), "ok:did_you_mean", True),
        (mv(quality="risky"), "ok:risky", True),
        (mv("catch_all", 2, quality="unknown"), "catch_all", False),
        (mv("unknown", 3), "unknown", False),
        (mv("error", 4), "error", True),
        (mv("disposable", 5, quality="bad"), "disposable", True),
        (mv("invalid", 6, quality="bad"), "invalid", True),
        (mv("", 6), "invalid", True),
    ],
)
def test_a_millionverifier_result_reads_as_one_code(body: Any, code: str, billable: bool) -> None:
    assert millionverifier.parse_answer(body).billable is billable
    assert millionverifier.read_answer(body).codes == (code,)


def test_millionverifier_tells_bad_keys_from_hiccups_by_words_alone() -> None:
    for words in ("API key not found", "Insufficient credits", "Your IP is blocked"):
        with pytest.raises(ProviderRefused):
            millionverifier.parse_answer(mv("error", 4, error=words))
    with pytest.raises(ProviderBusy):
        millionverifier.parse_answer(mv("error", 4, error="Internal error"))


# One address per call, several calls at once


@asynccontextmanager
async def vendor_that(answer: Callable[[str], httpx.Response]) -> AsyncIterator[httpx.AsyncClient]:
    async def handle(request: httpx.Request) -> httpx.Response:
        return answer(request.url.params["email"])

    async with make_client(transport=httpx.MockTransport(handle)) as client:
        yield client


@pytest.mark.parametrize("vendor", ["neverbounce", "millionverifier"])
async def test_an_answer_paid_for_survives_a_neighbour_that_went_wrong(vendor: str) -> None:
    good = nb() if vendor == "neverbounce" else mv()

    def answer(address: str) -> httpx.Response:
        return httpx.Response(500) if address == BEA else httpx.Response(200, text=json.dumps(good))

    async with vendor_that(answer) as client:
        ada, bea, cal = await REGISTRY[vendor](client, HERE).fetch([ADA, BEA, CAL])
    assert (ada.billable, cal.billable) == (True, True)
    assert isinstance(bea.error, ProviderUnclear)


@pytest.mark.parametrize("vendor", ["neverbounce", "millionverifier"])
async def test_what_goes_wrong_for_all_is_raised(vendor: str) -> None:
    async with vendor_that(lambda _: httpx.Response(403)) as client:
        with pytest.raises(ProviderRefused):
            await REGISTRY[vendor](client, HERE).fetch([ADA, BEA])


@pytest.mark.parametrize("vendor", ["zerobounce", "neverbounce", "millionverifier"])
async def test_something_that_is_no_result_is_unclear(vendor: str) -> None:
    async with make_client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="[]"))) as client:
        with pytest.raises(ProviderUnclear):
            await REGISTRY[vendor](client, HERE).fetch([ADA])
