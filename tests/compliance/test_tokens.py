"""Signed links: genuine ones open, every other does not, and a form belongs to the page we served."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.compliance import tokens
from penstock.compliance.tokens import CONSENT, Keys, TokenRefused

KEYS = Keys("k1", {"k1": bytes(range(32))})
VECTOR = {
    "aud": "consent.example.test",
    "ch": ["sms", "voice_ai"],
    "exp": 1795737600,
    "iat": 1795132800,
    "kid": "k1",
    "lid": "l_01",
    "ph": "h:abc",
    "pur": "MARKETING",
    "sid": "s_01",
    "tid": "AAAAAAAAAAAAAAAAAAAAAA",
    "txt": "t_7",
    "v": 1,
}
HOST = "consent.example.test"
ISSUED = datetime.fromtimestamp(1795132800, UTC)
TOKEN = tokens.sign(CONSENT, VECTOR, KEYS.keys["k1"])


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_the_rule_sheets_vector_gives_its_signature() -> None:
    assert TOKEN.split(".")[1] == "BCaMsdp-xon5PDQ3L4apSkgQSB57KKxh_EOOE38OCBo"


def test_a_token_is_good_until_the_second_it_expires() -> None:
    assert tokens.read_consent(TOKEN, KEYS, now=at(1795737599)).lead == "l_01"
    with pytest.raises(TokenRefused, match="expired"):
        tokens.read_consent(TOKEN, KEYS, now=at(1795737600))


def test_what_is_issued_is_read_back() -> None:
    token = tokens.issue_consent(
        KEYS,
        nonce=tokens.new_nonce(),
        lead="7",
        seller="1",
        phone_hash=None,
        channels=["sms"],
        text="t",
        audience=HOST,
        now=ISSUED,
    )
    claims = tokens.read_consent(token, KEYS, now=ISSUED + timedelta(days=6))
    assert (claims.lead, claims.seller, claims.channels, claims.text) == ("7", "1", ("sms",), "t")
    assert claims.expires_at - claims.issued_at == 7 * 24 * 3600


def refusal(token: str, *, keys: Keys = KEYS, host: str = HOST, second: int = 1795132900) -> str:
    with pytest.raises(TokenRefused) as refused:
        tokens.read_consent(token, keys, now=at(second)).check_audience(host)
    return refused.value.reason


def test_each_failure_has_its_reason_for_the_log() -> None:
    body, mac = TOKEN.split(".")
    assert refusal(TOKEN, host="other.example.test") == "other audience"
    assert refusal(TOKEN, second=1795132739) == "issued in the future"
    assert refusal(TOKEN, keys=Keys("k2", {"k2": bytes(32)})) == "unknown key"
    assert refusal(TOKEN, keys=Keys("k1", {"k1": bytes(32)})) == "bad signature"
    assert refusal(body) == "not two parts"
    assert refusal(f"{TOKEN}.{mac}") == "not two parts"
    assert refusal(f"{body}=.{mac}") == "not base64url"
    assert refusal("a" * 2049) == "too long"
    assert refusal(tokens.sign("unsubscribe-token.v1", VECTOR, KEYS.keys["k1"])) == "bad signature"
    assert refusal(tokens.sign(CONSENT, {**VECTOR, "v": 2}, KEYS.keys["k1"])) == "unknown version"
    spaced = tokens.encode(b'{"kid": "k1"}')
    assert refusal(f"{spaced}.{tokens.encode(tokens._mac(CONSENT, spaced, KEYS.keys['k1']))}") == "not canonical"


def test_an_old_key_still_opens_what_it_signed() -> None:
    rotated = Keys("k2", {"k1": bytes(range(32)), "k2": bytes(32)})
    assert tokens.read_consent(TOKEN, rotated, now=ISSUED).nonce == VECTOR["tid"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(TOKEN) * 8 - 1))
def test_i19_flipping_any_bit_of_a_token_invalidates_it(bit: int) -> None:
    raw = bytearray(TOKEN.encode())
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TokenRefused):
        tokens.read_consent(raw.decode("latin-1"), KEYS, now=ISSUED)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    for token in (text, f"{TOKEN.split('.')[0]}.{text}", f"{text}.{TOKEN.split('.')[1]}"):
        with pytest.raises(TokenRefused):
            tokens.read_consent(token, KEYS, now=ISSUED)
        with pytest.raises(TokenRefused):
            tokens.read_unsubscribe(token, KEYS)


def test_an_unsubscribe_link_names_recipient_and_list_and_never_ends() -> None:
    token = tokens.issue_unsubscribe(KEYS, org_id=1, lead="7", contact_point="9")
    assert tokens.read_unsubscribe(token, KEYS) == (1, "7", "9")
    with pytest.raises(TokenRefused):
        tokens.read_unsubscribe(token, Keys("k1", {"k1": bytes(32)}))


def test_a_form_belongs_to_the_page_it_was_served_on() -> None:
    mark = tokens.form_mark(KEYS, TOKEN, "i1")
    assert tokens.form_mark_holds(mark, KEYS, TOKEN, "i1")
    assert not tokens.form_mark_holds(mark, KEYS, TOKEN, "i2")
    assert not tokens.form_mark_holds(mark, KEYS, TOKEN + "i", "1")
    assert not tokens.form_mark_holds("é", KEYS, TOKEN, "i1")


def test_weak_keys_are_refused_and_keys_never_print() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keys("k1", {"k1": b"short"})
    assert "\\x" not in repr(KEYS)
