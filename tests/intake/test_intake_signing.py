"""Signatures of uploads: the three schemes, their windows, and everything that is nearly right."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from penstock.core.errors import NotSignedIn
from penstock.intake.signing import claimed, sign_v2

NOW = datetime(2026, 11, 30, 17, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
BODY = b"address,zip\n1 A St,33602\n"


def accepts(headers: dict[str, str], body: bytes = BODY, *, allow_v1: bool = False, now: datetime = NOW) -> bool:
    signature = claimed(headers, SECRET, now, allow_v1=allow_v1)
    running = signature.start()
    for i in range(0, len(body), 7):
        running.update(body[i : i + 7])
    return signature.matches(running)


def v2(body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    return {"x-signature": sign_v2(SECRET, at.isoformat(), body), "x-signature-timestamp": at.isoformat()}


def v1(body: bytes = BODY) -> dict[str, str]:
    return {"x-signature": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def standard(body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    signature = Webhook(SECRET).sign("msg_1", at, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def test_what_the_standard_webhooks_library_signs_is_accepted() -> None:
    assert accepts(standard())
    assert not accepts(standard(), BODY + b"x")
    assert not accepts({**standard(), "webhook-id": "msg_2"})


def test_any_of_several_standard_signatures_will_do() -> None:
    assert accepts({**standard(), "webhook-signature": "v1,bm90 v1a,xx " + standard()["webhook-signature"]})


def test_v2_signs_the_timestamp_with_the_body() -> None:
    assert accepts(v2())
    assert not accepts(v2(), BODY[:-1])
    later = (NOW + timedelta(minutes=1)).isoformat()
    assert not accepts({**v2(), "x-signature-timestamp": later})


@pytest.mark.parametrize("shift", [timedelta(minutes=6), timedelta(minutes=-6)])
@pytest.mark.parametrize("make", [v2, standard])
def test_outside_of_five_minutes_nothing_is_accepted(make: object, shift: timedelta) -> None:
    with pytest.raises(NotSignedIn, match="five minutes"):
        accepts(make(at=NOW + shift))  # type: ignore[operator]


def test_the_printed_client_works_only_for_keys_that_allow_it() -> None:
    assert accepts(v1(), allow_v1=True)
    with pytest.raises(NotSignedIn, match="Timestamp is missing"):
        accepts(v1())


def test_a_key_that_allows_v1_still_has_its_window_checked() -> None:
    old = (NOW - timedelta(minutes=6)).isoformat()
    with pytest.raises(NotSignedIn, match="five minutes"):
        accepts({**v1(), "x-signature-timestamp": old}, allow_v1=True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-signature": "sha256=abc"},
        {"x-signature": "md5=" + "0" * 64},
        {"webhook-signature": "v1,xx"},
        {**standard(), "webhook-signature": "v2,xx"},
        {**v2(), "x-signature-timestamp": "noon"},
        {**v2(), "x-signature-timestamp": "2026-11-30T17:00:00"},
    ],
)
def test_what_is_not_signed_properly_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotSignedIn):
        accepts(headers)


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 10**6))
def test_no_changed_byte_goes_unnoticed(body: bytes, value: int, place: int) -> None:
    changed = bytearray(body or b"x")
    changed[place % len(changed)] = value
    assert accepts(v2(body), bytes(changed)) == (bytes(changed) == body)
