"""The reply table of the compliance sheet, section 13.4, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.replies.rules import PER_SE, Ruling, Verdict, judge

OPT_OUT = [
    "STOP", "stop.", "S T O P", "Stop!!!", "stop please", '"STOP"', "unsubscribe", "quit", "end", "cancel", "revoke",
    "opt out", "opt-out", "optout", "stopall", "remove me from your list", "take me off", "lose my number",
    "do not text me again", "don't call", "leave me alone", "no more messages", "who is this? stop texting", "ALTO",
    "no me llame mas", "quitame de la lista", "baja", "👎", "🛑", "f*** off", "stop calling me", "remove my number",
    "put me on your do not call list", "please don’t email me anymore", "not intrested, plz stop.",
    "Don't you ever write to me again", "ＳＴＯＰ", "cancel these emails", "I don't want any more of your messages",
]  # fmt: skip
GRAVE = {
    "wrong number": "SUPP_WRONG_PARTY",
    "you have the wrong person": "SUPP_WRONG_PARTY",
    "she passed away": "SUPP_DECEASED_MINOR",
    "My husband died in March": "SUPP_DECEASED_MINOR",
    "I will sue": "SUPP_LEGAL",
    "my attorney": "SUPP_LEGAL",
    "TCPA": "SUPP_LEGAL",
    "reporting you": "SUPP_LEGAL",
}
REVIEW = ["can you stop by at 5?", "bus stop is near", "don't stop, tell me more", "I had to stop at the bank today"]
QUIET = [
    "sounds good, call me tomorrow", "Can you email me more details?", "please send me info", "the end of "
    "the month works",
    "I'd like to take this further", "I don't want any trouble, how does it work?", "drop me a line next week",
    "no problem, what is this about?", "Some "
    "time has passed since then",
]  # fmt: skip


def ruling(text: str) -> Ruling:
    found = judge(text)
    assert found is not None, text
    return found


@pytest.mark.parametrize("text", OPT_OUT)
def test_a_wish_to_be_left_alone_is_an_opt_out(text: str) -> None:
    assert ruling(text).verdict is Verdict.OPT_OUT
    assert ruling(text).suppressions == ("SUPP_OPT_OUT",) and ruling(text).scope == "all"


@pytest.mark.parametrize(("text", "code"), GRAVE.items())
def test_a_grave_reason_is_kept_beside_the_opt_out(text: str, code: str) -> None:
    assert ruling(text).verdict is Verdict.OPT_OUT
    assert ruling(text).suppressions == ("SUPP_OPT_OUT", code)


@pytest.mark.parametrize("text", REVIEW)
def test_a_stop_word_that_may_mean_something_else_goes_to_a_person(text: str) -> None:
    assert ruling(text).verdict is Verdict.REVIEW
    assert ruling(text).suppressions == ("SUPP_PENDING_REVIEW",)


@pytest.mark.parametrize("text", ["not interested", "no thanks", "no", "No, thank you.", "nope!"])
def test_a_refusal_ends_the_sequence_without_an_opt_out_record(text: str) -> None:
    assert ruling(text).verdict is Verdict.REVIEW
    assert ruling(text).ends_sequence and not ruling(text).suppressions


def test_a_cancelled_appointment_is_cancelled_and_reviewed() -> None:
    assert ruling("cancel my appointment Tuesday").verdict is Verdict.REVIEW
    assert ruling("cancel my appointment Tuesday").cancels_appointment


def test_stop_calling_but_write_stops_only_the_voice() -> None:
    assert ruling("stop calling, text is fine").verdict is Verdict.OPT_OUT
    assert ruling("stop calling, text is fine").scope == "voice"


@pytest.mark.parametrize("text", ["HELP", "info", "?"])
def test_help_is_help(text: str) -> None:
    assert ruling(text).verdict is Verdict.HELP


@pytest.mark.parametrize("text", ["START", "unstop"])
def test_start_asks_to_come_back(text: str) -> None:
    assert ruling(text).verdict is Verdict.RESUBSCRIBE


@pytest.mark.parametrize("text", ["yes", "ok", "sure"])
def test_a_bare_yes_is_no_consent(text: str) -> None:
    assert ruling(text).verdict is Verdict.NONE


@pytest.mark.parametrize("text", QUIET)
def test_ordinary_words_trigger_no_rule(text: str) -> None:
    assert judge(text) is None


def test_an_empty_mail_whose_subject_is_a_stop_word_counts() -> None:
    found = judge("", subject="Unsubscribe")
    assert found and found.verdict is Verdict.OPT_OUT
    assert judge("", subject="Re: a question about your home") is None


@given(st.sampled_from(sorted(PER_SE)), st.sampled_from(["", "!", "...", " please", " now", " 🙏"]), st.booleans())
def test_every_stop_word_counts_in_any_dress(word: str, tail: str, shout: bool) -> None:
    found = judge((word.upper() if shout else word.title()) + tail)
    assert found and found.verdict is Verdict.OPT_OUT


@given(st.text(max_size=200))
def test_no_text_breaks_the_rules(text: str) -> None:
    judge(text, subject=text[:20])
