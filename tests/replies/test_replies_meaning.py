"""What a mail means and what follows, rules before the model."""

from datetime import UTC, datetime

import pytest

from penstock.replies.inbound import parse_mime
from penstock.replies.meaning import Meaning, understand

AT = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
ZONE = "America/New_York"


def meaning(text: str, *headers: str) -> Meaning:
    lines = ["From: ruth@town.example", "Subject: Re: your home", *headers, "", text]
    return understand(parse_mime("\n".join(lines).encode()), at=AT, zone=ZONE)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Yes", "positive"),
        ("This sounds great, please call me on Thursday.", "positive"),
        ("no thanks", "negative"),
        ("We are happy with our bank and need nothing.", "negative"),
        ("How much are the fees?", "question"),
        ("HELP", "question"),
        ("Not right now, maybe in the spring.", "not_now"),
        ("STOP", "unsubscribe"),
        ("Kindly erase my details from your records.", "unsubscribe"),
        ("You have the wrong person", "wrong_person"),
        ("She passed away in May.", "deceased"),
        ("My attorney will contact you.", "legal"),
        ("can you stop by at 5?", "review"),
        ("START", "review"),
        ("qwrtz plmkn xxvbb", "unclear"),
        ("", "unclear"),
    ],
)
def test_each_kind_of_reply_gets_its_word(text: str, intent: str) -> None:
    assert meaning(text).intent == intent


def test_an_absence_rests_until_nine_on_the_day_of_return() -> None:
    found = meaning("I am out of the office until December 9.", "Auto-Submitted: auto-replied")
    assert found.intent == "out_of_office"
    assert found.rest_until == datetime(2026, 12, 9, 14, 0, tzinfo=UTC)


def test_an_absence_without_a_date_rests_three_days() -> None:
    found = meaning("I am on vacation with limited access to my email.", "Auto-Submitted: auto-replied")
    assert found.rest_until == datetime(2026, 12, 4, 14, 0, tzinfo=UTC)


def test_an_absence_typed_without_the_header_is_one_too() -> None:
    assert meaning("I'm out of office and back next Monday").intent == "out_of_office"


def test_a_machine_is_neither_interest_nor_refusal() -> None:
    assert meaning("Yes! We received your message.", "Auto-Submitted: auto-replied").intent == "automatic"
    assert meaning("no", "Precedence: bulk").intent == "automatic"


def test_a_machine_that_asks_to_stop_is_heard() -> None:
    found = meaning("I left the company, please stop sending mail here.", "Auto-Submitted: auto-replied")
    assert found.intent == "unsubscribe" and found.opts_out


def test_a_footer_below_the_quote_of_our_mail_is_not_the_persons_wish() -> None:
    found = meaning("Yes please!\n\nOn Tue, Carlos wrote:\n> To stop these emails, unsubscribe here\n> stop")
    assert found.intent == "positive" and not found.opts_out


def test_not_now_rests_a_month() -> None:
    assert meaning("Not now, ask me next month.").rest_until == datetime(2026, 12, 31, 18, 0, tzinfo=UTC)
