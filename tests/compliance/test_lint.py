"""What a message must contain and may not claim."""

from dataclasses import replace

import pytest

from penstock.compliance import lint
from penstock.compliance.lint import Email, Finding, Seller

ADDRESS = "1 Main Street, Suite 4, Richmond, VA 23220"
SELLER = Seller(names=frozenset({"Fair Lending LLC"}), domains=frozenset({"mail.fair.example"}), postal_address=ADDRESS)
LINK = "https://fair.example/unsubscribe/abc"
TEXT = f"""Hello Ada,
I found your address in public property records. Would you like to hear what your home could do for you?

This message is an advertisement. You can unsubscribe here: {LINK}
Fair Lending LLC, {ADDRESS}
We are not affiliated with HUD, FHA or any government agency.
"""
HTML = f"<p>{TEXT}</p><a href='{LINK}'>Unsubscribe</a>"
CLEAN = Email(
    "Ada's adviser at Fair Lending LLC",
    "eva@mail.fair.example",
    "A question about your home",
    TEXT,
    HTML,
    LINK,
    cold=True,
)


def rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_a_complete_message_has_no_findings() -> None:
    assert lint.email(CLEAN, SELLER) == []


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (replace(CLEAN, text=TEXT.replace(ADDRESS, "")), "EM-01 postal address"),
        (replace(CLEAN, text=TEXT.replace(LINK, "")), "EM-01 opt-out link"),
        (replace(CLEAN, html=HTML.replace(LINK, "#")), "EM-01 opt-out link"),
        (replace(CLEAN, text=TEXT.replace("unsubscribe here", "click")), "EM-01 opt-out sentence"),
        (replace(CLEAN, text=TEXT.replace("an advertisement", "a note")), "EM-01 advertisement"),
        (replace(CLEAN, from_address="eva@elsewhere.example"), "EM-01 from"),
        (replace(CLEAN, from_name="The County"), "EM-01 from name"),
        (replace(CLEAN, subject="Re: your offer"), "EM-01 subject thread"),
        (replace(CLEAN, subject="Refund pending"), "EM-01 subject urgency"),
        (replace(CLEAN, subject="Up to $80,000"), "EM-01 subject claim"),
        (replace(CLEAN, text=TEXT.replace("public property records", "a list")), "EM-07 source of the address"),
        (replace(CLEAN, html=HTML + '<img src="x" width="1" height="1">'), "EM-07 tracking pixel"),
    ],
)
def test_each_missing_or_misleading_element_is_found(message: Email, rule: str) -> None:
    findings = lint.email(message, SELLER)
    assert rules(findings) == {rule}
    assert lint.reasons(findings)


def test_a_reply_in_a_real_thread_and_a_message_to_a_subscriber_need_less() -> None:
    assert lint.email(replace(CLEAN, subject="Re: your question", reply_to_known=True), SELLER) == []
    bare = TEXT.replace("This message is an advertisement. ", "")
    assert lint.email(replace(CLEAN, text=bare, html=f"<p>{bare}</p>", affirmative_consent=True), SELLER) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Eliminate your mortgage payments", {"L1"}),
        ("Live with NO monthly mortgage payment!", {"L1"}),
        ("Elimine sus pagos", {"L1"}),
        ("HUD-approved program for seniors", {"L2", "L3"}),
        ("A government program pays you", {"L2"}),
        ("Un programa del gobierno", {"L2"}),
        ("Your FHA-insured loan", {"L3"}),
        ("Ask about VA loans", {"L3"}),
        ("You are pre-approved", {"L4"}),
        ("You are pre‑approved", {"L4"}),
        ("You can never lose your home", {"L5"}),
        ("You cannot outlive it", {"L5"}),
        ("FINAL NOTICE", {"L6"}),
        ("Oferta vence hoy", {"L6"}),
        ("A message from your current lender", {"L7"}),
        ("Get tax-free cash", {"L8"}),
        ("risk‐free", {"L8"}),
        ("free\u200b money", {"L8"}),
    ],
)
def test_a_prohibited_claim_blocks(words: str, found: set[str]) -> None:
    findings = lint.claims(words)
    assert rules(findings) == found
    assert lint.reasons(findings) == {"CONTENT_PROHIBITED_CLAIM"}


@pytest.mark.parametrize(
    "words",
    [
        "Eliminate your mortgage payments. You stay responsible for property taxes, insurance and upkeep.",
        "We are not affiliated with HUD or FHA.",
        "Fair Lending LLC, 1 Main Street, Richmond, VA 23220",
        "Your government may change, your home stays.",
        "Would you talk with us about your home equity?",
        "Your own lender may help you as well.",
    ],
)
def test_a_plain_statement_passes(words: str) -> None:
    assert lint.claims(words) == []


def test_the_saving_clause_must_stand_near_the_claim() -> None:
    far = "Eliminate your mortgage payments. " + "word " * 60 + "Taxes, insurance and upkeep stay due."
    assert rules(lint.claims(far)) == {"L1"}


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("A rate of 5.1 %", "L9"),
        ("Only $900 a month", "L9"),
        ("A cruise on us", "L10"),
        ("It is FHA-insured. We are not acting for HUD.", "L3"),
    ],
)
def test_some_claims_wait_for_a_person_and_block_nothing(words: str, rule: str) -> None:
    findings = lint.claims(words, senior=True)
    assert rules(findings) == {rule}
    assert {finding.action for finding in findings} == {"REVIEW"}
    assert lint.reasons(findings) == frozenset()


def test_the_owners_known_lender_may_not_be_named() -> None:
    assert rules(lint.claims("Better than Big Bank", lenders=["Big Bank"])) == {"L7"}
