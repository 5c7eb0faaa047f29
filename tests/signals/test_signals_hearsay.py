"""News that is about another company, a part of ours, or the past moves nobody here."""

import pytest

from penstock.signals.hearsay import is_ours, names_of

ACME = names_of("The Acme Widget Company, Inc.", "acmewidget.example")
OURS = [
    ("Acme names Jane Doe chief executive officer", "chief executive officer"),
    ("ACME WIDGET appoints Jane Doe as CEO", "CEO"),
    ("The Board of Directors has appointed Jane Doe as Chief Executive Officer.", "Chief Executive Officer"),
    ("Today the company announced that Jane Doe becomes CEO", "CEO"),
    ("Jane Doe has been named chief executive of Acme.", "chief executive of Acme"),
    ("Jane Doe joins AcmeWidget as CEO", "CEO"),
    ("Jane Doe joins the company as CEO", "CEO"),
    ("AW names Jane Doe CEO", "CEO"),
    ("Jane Doe, formerly of Harborline, joins Acme as CEO", "CEO"),
    ("Jane Doe to succeed Bob Smith, who has led the company since 2015", "CEO"),
    ("Meet our new CEO: Jane Doe", "CEO"),
    ("Jane Doe has left Acme, where she was CEO.", "CEO"),
    ("Jane Doe is leaving the company", ""),
    ("Jane Doe was named chief financial officer in November 2026", "chief financial officer"),
    ("", "CEO"),
]
NOT_OURS = [
    ("Our customer Harborline Logistics names Jane Doe chief executive officer", "chief executive officer"),
    ("Jane Doe has been named chief executive of Harborline.", "chief executive of Harborline"),
    (
        "Acme names Jane Doe chief executive officer of its Canadian unit",
        "chief executive officer of its Canadian unit",
    ),
    ("Former Acme director Jane Doe joins Harbor Trust as CEO", "CEO"),
    ("Jane Doe leaves Harborline", ""),
    ("Jane Doe became chief executive officer of Acme in 2011.", "chief executive officer of Acme"),
    ("Acme reappoints Jane Doe as CEO", "CEO"),
    ("Jane Doe was re-elected CEO by the board", "CEO"),
]


@pytest.mark.parametrize(("sentence", "title"), OURS)
def test_news_of_the_company_counts(sentence: str, title: str) -> None:
    assert is_ours({"sentence": sentence, "title": title, "name": "Jane Doe"}, ACME, 2026)


@pytest.mark.parametrize(("sentence", "title"), NOT_OURS)
def test_news_of_others_of_parts_and_of_the_past_does_not(sentence: str, title: str) -> None:
    assert not is_ours({"sentence": sentence, "title": title, "name": "Jane Doe"}, ACME, 2026)
