"""The town's mail server, and what a mail looks like to its reader."""

from __future__ import annotations

from datetime import UTC, datetime

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.town import wordings
from penstock.town.browser import first_form
from penstock.town.letters import open_letter


async def refused(bench, to: str) -> tuple[int, str]:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await bench.write(to)
    return caught.value.recipients[0].code, caught.value.recipients[0].message


async def test_a_mail_to_somebody_is_kept_as_it_came(bench):
    email = bench.someone().mailboxes[0].email
    await bench.write(email.upper().replace("EXAMPLE", "example"))
    answer = await bench.client.get("/town/mailbox", params={"email": email})
    (mail,) = answer.json()["mails"]
    assert mail["message_id"] == "<mail-1@outreach.example>"
    assert mail["envelope_from"] == "bounce+7@outreach.example"
    assert mail["received_at"] == "2026-11-30T17:00:00.000Z"
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail["raw"]


async def test_who_does_not_exist_is_refused_at_rcpt(bench):
    for email in ("nobody@lakemail.example", "ada@gmail.com", bench.someone("dead").mailboxes[0].email):
        code, message = await refused(bench, email)
        assert code == 550 and message.startswith("5.1.1")
    grade = bench.state.truth.grade()["emails"]
    assert (grade["refused"], grade["to_dead"], grade["received"]) == (3, 3, 0)


async def test_a_full_mailbox_asks_to_come_back(bench, monkeypatch):
    monkeypatch.setattr("penstock.town.odds.MAILBOX_STATE", {"full": 1.0})
    code, message = await refused(bench, bench.someone("full").mailboxes[0].email)
    assert code == 452 and message.startswith("4.2.2")


async def test_a_catch_all_domain_accepts_every_name(bench):
    await bench.write("whoever@familyname.example")
    assert bench.state.truth.grade()["emails"]["to_dead"] == 1


async def test_our_own_people_get_mail_and_are_not_graded(bench):
    assert (await bench.client.put("/town/staff", json={"emails": ["Bea@acme.example"]})).status_code == 204
    await bench.write("bea@acme.example")
    await bench.write("anybody@brokers.example")
    await bench.write("ops@mail.outreach.example")  # within the sender's own house
    assert bench.state.truth.grade()["emails"]["received"] == 0
    assert len((await bench.client.get("/town/mailbox", params={"email": "bea@acme.example"})).json()["mails"]) == 1


def read(raw: bytes):
    return open_letter(
        raw, mailbox="a@b.example", nth=1, received_at=datetime(2026, 11, 30, tzinfo=UTC), envelope_from=""
    )


def test_links_are_found_in_text_and_markup_once_each():
    letter = read(
        b'From: "Grace Lee" <g@x.example>\r\nReply-To: r@x.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n'
        b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain\r\n\r\n"
        b"see http://x.example/consent/1?a=1&b=2.\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        b'<a href="http://x.example/consent/1?a=1&amp;b=2">yes</a> <a href="https://x.example/book/g/i">book</a>\r\n--b--\r\n'
    )
    assert letter.links == ("http://x.example/consent/1?a=1&b=2", "https://x.example/book/g/i")
    assert (letter.sender_name, letter.reply_to, letter.subject) == ("Grace Lee", "r@x.example", "Grüße")
    assert (letter.answers, letter.automatic, letter.one_click) == ("", False, "")


@given(raw=st.binary(max_size=300))
def test_any_bytes_can_be_opened(raw):
    assert read(raw).raw == raw


def test_the_form_that_is_sent_is_the_first_post_form():
    form = first_form(
        "<form action=/search><input name=q></form><form action='/go' method=POST><input type=hidden name=t value=1>"
        "<input type=email name=mail><input name=first_name><input name=last_name><input type=radio name=r value=a>"
        "<input type=radio name=r value=b><select name=s><option value=>-</option><option value=x>x</option>"
        "<option value=y>y</option></select><textarea name=note></textarea><input type=checkbox name=c>"
        "<input type=submit name=send value=Go></form><form method=post><input name=other></form>"
    )
    assert form is not None and form.action == "/go"
    assert form.filled_in(name="Ada Sample", email="a@b.example", number="8134567890") == [
        ("t", "1"),
        ("mail", "a@b.example"),
        ("first_name", "Ada"),
        ("last_name", "Sample"),
        ("r", "a"),
        ("s", "x"),
        ("note", ""),
        ("c", "on"),
        ("send", "Go"),
    ]
    assert first_form("<form><input name=q></form>") is None


def test_wordings_are_many_and_different():
    for intent, texts in wordings.BY_INTENT.items():
        assert len(set(texts)) == len(texts) >= (8 if intent == "out_of_office" else 12)
        assert all(text.format(first="Grace", street="1 Oak St", back="May 1") for text in texts)
    everything = [text for texts in wordings.BY_INTENT.values() for text in texts]
    assert len(set(everything)) == len(everything)
