"""Only what the person newly wrote counts."""

import json
import os
from pathlib import Path

import pytest

from penstock.replies.inbound import parse_mime
from penstock.replies.quotes import new_text

EMAIL = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared")) / "data/email"
needs_shared = pytest.mark.skipif(
    not EMAIL.is_dir(), reason=f"LOUD SKIP: {EMAIL} is absent; real quoted mail not checked"
)


@pytest.mark.parametrize(
    ("body", "new"),
    [
        (
            "Yes, call me.\n\nOn Tue, Dec 1, 2026 at 10:02 AM Carlos <c@x.example> wrote:\n> unsubscribe here\n",
            "Yes, call me.",
        ),
        ("Yes.\r\n\r\nOn Tue, Dec 1, 2026, Carlos Rivera\r\n<c@x.example> wrote:\r\n\r\nstop these emails\r\n", "Yes."),
        ("Sounds good\n\nSent from my iPhone\n\n> On Dec 1, Carlos wrote:\n>\n> old", "Sounds good"),
        ("No.\n\n-----Original Message-----\nFrom: C\nSubject: x\n\nto stop, unsubscribe", "No."),
        ("Interested!\n\nFrom: Carlos <c@x.example>\nSent: Tuesday\nTo: me\nSubject: home\n\nold words", "Interested!"),
        ("Call me\n\n--\nRuth Moss\n12 Palm Ave", "Call me"),
        ("I'd like to talk.\n\nBest regards,\nRuth\n813 555 0100", "I'd like to talk."),
        ("On Tue, Carlos wrote:\n> old question?\n\nMy answer is yes.", "My answer is yes."),
        ("> question one\nanswer one\n> question two\nanswer two", "answer one\nanswer two"),
        ("On the phone you said Tuesday works. Fine!", "On the phone you said Tuesday works. Fine!"),
        ("Thanks,\nbut no.", "Thanks,\nbut no."),
        ("From: what I can tell, this is fine", "From: what I can tell, this is fine"),
        ("", ""),
    ],
)
def test_quotes_and_signatures_come_off_and_answers_stay(body: str, new: str) -> None:
    assert new_text(body) == new


def test_a_stop_word_in_the_quoted_footer_of_our_own_mail_is_not_the_persons_word() -> None:
    html = (
        b"From: Ruth <ruth@town.example>\nContent-Type: text/html; charset=utf-8\n\n"
        b'<p>Yes please &amp; thanks</p><div class="gmail_quote">On Tue Carlos'
        b" wrote:<blockquote>unsubscribe</blockquote></div>"
    )
    assert parse_mime(html).text == "Yes please & thanks"


@needs_shared
def test_replies_of_many_mail_programs_lose_their_quotes() -> None:
    expected = json.loads((EMAIL / "quoted_talon_expected.json").read_text("utf-8"))
    for file, truth in expected.items():
        raw = (EMAIL / "quoted_talon" / file).read_bytes()
        if file.endswith(".html"):
            raw = b"From: a@b.example\nContent-Type: text/html; charset=utf-8\n\n" + raw
        text = parse_mime(raw).text
        # The labels keep signatures and closings; ours come off, so our words are the beginning of theirs.
        wanted = truth.get("plain_reply") or truth["html_reply_ignoring_whitespace"]
        ours, theirs = "".join(text.split()), "".join(wanted.split())
        assert ours and (theirs.startswith(ours) or file.endswith("windows_mail.html")), file


@needs_shared
def test_bodies_with_quotes_and_device_signatures_are_read() -> None:
    for case in json.loads((EMAIL / "quoted_zapier_expected.json").read_text("utf-8")):
        text = new_text((EMAIL / "quoted_zapier" / case["file"]).read_text("utf-8"))
        assert text, case["file"]
        assert text == case.get("reply_equals", text), case["file"]
        assert all(part in text for part in case.get("contains", [])), case["file"]
        assert not any(part in text for part in case.get("not_contains", [])), case["file"]


@needs_shared
def test_labelled_quote_introductions_are_cut() -> None:
    wrong = []
    cases = [json.loads(line) for line in (EMAIL / "quoted_quotequail_a.jsonl").read_text("utf-8").splitlines()]
    labelled = [case for case in cases if case.get("text") and case.get("expected_quote_intro_line")]
    for case in labelled:
        shown = "".join(part for show, part in case["expected_quote_intro_line"] if show).strip()
        if new_text(case["text"]) != shown:
            wrong.append(case["text"][:60])
    assert labelled and not wrong
