"""The frame of the gate: each spoiled fact is the one reason named, and nothing that breaks lets anybody through."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import compliance_cases as cases
import pytest
from compliance_cases import AT, NIGHT, POLICY, RULES, ask, at_place, clean, mail

from penstock.compliance.facts import Facts
from penstock.compliance.gate import may_contact
from penstock.compliance.gates import GATES, Gate
from penstock.compliance.zones import Location

SPOILED: dict[str, Callable[[], tuple[Facts, str, dict[str, Any]]]] = {
    "SYS_INPUT": lambda: (clean(lead_found=False), "sms", {}),
    "SYS_INPUT purpose": lambda: (clean(), "sms", {"purpose": "TRANSACTIONAL"}),
    "SYS_INPUT channel": lambda: (clean(), "fax", {}),
    "JURISDICTION_UNSUPPORTED": lambda: (mail(location=Location(country="DE")), "email", {}),
    "JURISDICTION_UNSUPPORTED address": lambda: (clean(email="ada@firma.de"), "email", {}),
    "JURISDICTION_UNKNOWN": lambda: (clean(location=Location()), "sms", {}),
    "ID_INVALID phone": lambda: (clean(phone="+1212", location=Location(zip="10001")), "sms", {}),
    "ID_INVALID email": lambda: (clean(email="ada@@example"), "email", {}),
    "ID_INVALID alias": lambda: (clean(email="x@privaterelay.appleid.com"), "email", {}),
    "LINE_TYPE_UNKNOWN": lambda: (clean(line_checked_at=AT - timedelta(days=15, seconds=1)), "voice_ai", {}),
    "STATE_AI_INQUIRY": lambda: (at_place("+12075550123", "04101", inquiry_on=None), "voice_ai", {}),
    "CONTENT_PROHIBITED_CLAIM": lambda: (clean(), "sms", {"lint": frozenset({"CONTENT_PROHIBITED_CLAIM"})}),
    "CONTENT_MISSING_ELEMENT": lambda: (clean(), "sms", {"lint": frozenset({"CONTENT_MISSING_ELEMENT"})}),
}


@pytest.mark.parametrize("row", SPOILED)
def test_one_spoiled_fact_is_the_one_reason_named(row: str) -> None:
    facts, channel, more = SPOILED[row]()
    decision = ask(facts, channel, **more)
    assert decision.reasons == (row.split()[0],)
    assert decision.cure
    assert decision.next_permitted_at is None


def test_rules_past_their_review_or_edited_without_a_version_stop_everything() -> None:
    for rules in (replace(RULES, review_due=date(2026, 11, 17)), replace(RULES, fault="changed")):
        decision = may_contact(clean(), at=AT, intent=cases.intent("sms"), rules=rules, policy=POLICY)
        assert decision.reason == "SYS_RULES_STALE"


@pytest.mark.parametrize("switch", ["all", "sms", "campaign:7"])
def test_a_kill_switch_stops_what_it_names(switch: str) -> None:
    policy = POLICY.with_settings({"switched_off": [switch]})
    assert ask(clean(), "sms", policy=policy, campaign_id=7).reasons == ("SYS_KILL_SWITCH",)
    assert ask(clean(), "voice_ai", policy=policy, campaign_id=8).allowed is (switch != "all")


def test_the_mailing_address_adds_its_state_and_zone() -> None:
    absentee = replace(clean().location, mailing_state="CA", mailing_zip="90012")
    decision = ask(clean(location=absentee), "sms", at=datetime(2026, 11, 18, 15, tzinfo=UTC))
    assert decision.states == ("CA", "NY")
    assert decision.reason == "TIME_QUIET_HOURS"


def test_a_naive_instant_is_refused() -> None:
    assert ask(clean(), "sms", at=datetime(2026, 11, 18, 16)).reason == "SYS_CLOCK"  # noqa: DTZ001


def test_a_state_with_no_open_hour_in_common_with_another_asks_for_the_address() -> None:
    rules = replace(
        RULES,
        states={
            **RULES.states,
            "HI": replace(RULES.row("HI"), hours=dict.fromkeys(("weekday", "saturday", "sunday"), (480, 485))),
        },
    )
    facts = at_place("+18085550123", "10001")
    decision = may_contact(facts, at=NIGHT, intent=cases.intent("sms"), rules=rules, policy=POLICY)
    assert decision.allowed is False
    rules = replace(
        rules,
        states={
            **rules.states,
            "NY": replace(RULES.row("NY"), hours=dict.fromkeys(("weekday", "saturday", "sunday"), (720, 725))),
        },
    )
    decision = may_contact(facts, at=NIGHT, intent=cases.intent("sms"), rules=rules, policy=POLICY)
    assert "TIME_ZONE_CONFLICT" in decision.reasons
    assert decision.next_permitted_at is None
    assert decision.cure == "confirm the address"


@pytest.mark.parametrize("broken", range(len(GATES)), ids=lambda n: f"{n}-{GATES[n].code}")
def test_i13_a_gate_that_raises_lets_nobody_through(broken: int) -> None:
    def fail(*_: object) -> bool:
        raise RuntimeError("no data")

    gates = [Gate(gate.code, fail, gate.next_ok) if n == broken else gate for n, gate in enumerate(GATES)]
    code = GATES[broken].code
    channel = RULES.reasons[code].channels[-1]
    facts = mail() if channel == "email" else clean()
    decision = may_contact(facts, at=AT, intent=cases.intent(channel), rules=RULES, policy=POLICY, gates=gates)
    assert decision.reasons == (code,)


def test_a_new_gate_is_one_more_entry() -> None:
    gate = Gate("RND_STALE", lambda case, at: False)
    decision = may_contact(clean(), at=AT, intent=cases.intent("sms"), rules=RULES, policy=POLICY, gates=[*GATES, gate])
    assert decision.reason == "RND_STALE"


def test_an_allowed_call_carries_its_obligations() -> None:
    decision = ask(at_place("+12145550123", "75201"), "voice_ai")
    assert set(decision.obligations) == {
        "ANNOUNCE_AI",
        "OFFER_OPTOUT_DTMF",
        "VM:NONE",
        "RECORDING:ANNOUNCE",
        "STATE_SCRIPT:TX",
        "MAX_RING_SEC:25",
        "HANGUP_BY:2026-11-19T03:00:00+00:00",
    }
    california = at_place("+12135550123", "90012", at=datetime(2026, 11, 18, 20, tzinfo=UTC))
    assert "RECORDING:AFFIRMATIVE" in ask(california, "voice_ai", at=datetime(2026, 11, 18, 20, tzinfo=UTC)).obligations
    assert ask(clean(), "sms").obligations == ("STOP_FOOTER",)
    assert ask(mail(), "email").obligations == ("AD_LABEL", "POSTAL_ADDRESS", "LIST_UNSUB")


def test_the_inputs_hash_follows_the_facts_and_shows_no_person() -> None:
    same = {ask(clean(), "sms").inputs_hash, ask(clean(), "sms").inputs_hash}
    other = ask(clean(senior=True), "sms").inputs_hash
    renumbered = ask(clean(phone="+12125550199", consents=()), "sms").inputs_hash
    assert len(same) == 1 and other not in same
    assert renumbered == ask(clean(consents=()), "sms").inputs_hash
