"""The lawful opening of a call."""

from dataclasses import replace

import pytest

from penstock.voice.script import Block, Part, Recording, Script, lint, opening

NUMBER = "+18135550100"


def script(recording: Recording = Recording.AFFIRMATIVE) -> Script:
    return opening(
        legal_name="Example Home Lending LLC",
        callback_number=NUMBER,
        first_name="Ada",
        purpose="the home-equity review you asked for",
        recording=recording,
    )


@pytest.mark.parametrize("recording", Recording)
def test_the_opening_passes_its_own_lint(recording: Recording) -> None:
    assert lint(script(recording).parts, callback_number=NUMBER) == []


def test_the_blocks_come_in_the_order_of_the_law() -> None:
    assert [part.block for part in script().parts] == list(Block)


def test_the_first_sentence_says_ai_sales_call_and_who_is_calling() -> None:
    first = script().text.split(".")[0]
    assert "automated AI assistant" in first
    assert "sales call" in first
    assert "Example Home Lending LLC" in first


def test_the_number_is_said_early_and_again_at_the_end() -> None:
    assert "8 1 3, 5 5 5, 0 1 0 0" in script().text.split("record")[0]
    assert "8 1 3, 5 5 5, 0 1 0 0" in script().closing


def test_recording_off_says_nothing_about_recording() -> None:
    assert "record" not in script(Recording.OFF).text


def changed(index: int, **fields: object) -> list[Part]:
    parts = list(script().parts)
    parts[index] = replace(parts[index], **fields)  # type: ignore[arg-type]
    return parts


@pytest.mark.parametrize(
    ("parts", "number", "about"),
    [
        (changed(1, pause_s=2.5), NUMBER, "more than 2.0 s"),
        (changed(0, text="Hello, this is Sam with a sales call for Example LLC."), NUMBER, "artificial"),
        (changed(0, text="Hello, this is an AI assistant " + "and so on " * 20), NUMBER, "longer than 10 s"),
        (changed(1, text="Our number is 8 1 3, 5 5 5, 0 1 0 0."), NUMBER, "no word or no key"),
        (changed(1, text="Say stop or press 9."), NUMBER, "within 25 s"),
        (list(reversed(script().parts)), NUMBER, "in this order"),
        (list(script().parts[:2]), NUMBER, "in this order"),
        (list(script().parts), "+19005550100", "without a fee"),
    ],
)
def test_an_unlawful_opening_is_refused_with_its_reason(parts: list[Part], number: str, about: str) -> None:
    assert any(about in sentence for sentence in lint(parts, callback_number=number))
