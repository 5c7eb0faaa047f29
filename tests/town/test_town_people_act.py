"""People read, click, consent, reply, unsubscribe and book on their own, through our real endpoints."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from penstock.town import odds

Set = Callable[..., None]


@pytest.fixture
def everybody(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Make everybody read every mail at once and do one thing."""

    def set_odds(act: str, *, cold: bool = True, **others: object) -> None:
        table = {act: 99.0} if act else {}
        monkeypatch.setattr(odds, "READS", (1.0,))
        monkeypatch.setattr(odds, "SCANNED", 0.0)
        monkeypatch.setattr(odds, "OUT_OF_OFFICE", 0.0)
        monkeypatch.setattr(odds, "READ_DELAY", {"soon": (1.0, 10, 60)})
        monkeypatch.setattr(odds, "COLD" if cold else "WRONG_PARTY", table)
        for name, value in others.items():
            monkeypatch.setattr(odds, name, value)

    return set_odds


async def test_a_reader_fills_in_our_consent_form_with_their_own_number(bench, everybody):
    everybody("consent")
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=2)
    (form,) = bench.product.forms
    number = person.own_number().number
    assert form["csrf"] == "abc123"
    assert form["voice"] == "yes"
    assert form["signature"] == person.name
    assert "".join(filter(str.isdigit, form["phone"])) == number
    assert bench.state.truth.grade()["consents"] == 1
    assert bench.state.mood(person).stance == "consented"


async def test_everybody_browses_on_their_own(bench, everybody):
    everybody("consent")
    people = [bench.household(f"{house} Elm St").owner for house in range(1, 30)]
    mailboxes = [person.mailboxes[0].email for person in people if person.mailboxes[0].state == "live"][:3]
    for email in mailboxes:
        await bench.write(email)
    await bench.advance(hours=2)
    assert sorted(bench.product.browsers) == [(bench.product.url, f"visit=v{visit}") for visit in (1, 2, 3)]


async def test_one_click_unsubscribe_posts_to_the_header_link(bench, everybody):
    everybody("one_click")
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=2)
    assert bench.product.off_list == ["List-Unsubscribe=One-Click"]
    assert bench.state.truth.grade()["opt_outs"] == 1


async def test_the_unsubscribe_page_is_opened_and_its_form_sent(bench, everybody):
    everybody("unsubscribe_page")
    await bench.write(bench.someone().mailboxes[0].email)
    await bench.advance(hours=2)
    assert bench.product.opened == ["/unsubscribe/u1"]
    assert bench.product.off_list == ["go=1"]


@pytest.mark.parametrize("intent", ["positive", "question", "negative", "unsubscribe"])
async def test_a_reply_comes_by_the_inbound_mail_webhook(bench, everybody, intent):
    everybody(intent)
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=2)
    (mail,) = bench.product.mails
    headers = {header["Name"]: header["Value"] for header in mail["Headers"]}
    assert mail["From"] == person.mailboxes[0].email
    assert mail["To"] == "grace+tag7@outreach.example"
    assert mail["MailboxHash"] == "tag7"
    assert mail["Subject"] == "Re: About your home"
    assert headers["In-Reply-To"] == "<mail-1@outreach.example>"
    assert mail["TextBody"].startswith(mail["StrippedTextReply"])
    assert bench.state.truth.grade()["replies"] == {intent: 1}
    assert bench.state.truth.grade()["opt_outs"] == (intent == "unsubscribe")


async def test_somebody_else_says_that_we_have_the_wrong_person(bench, everybody):
    everybody("wrong_person", cold=False)
    stranger = bench.someone(role="stranger")
    await bench.write(stranger.mailboxes[0].email)
    await bench.advance(hours=2)
    grade = bench.state.truth.grade()
    assert grade["replies"] == {"wrong_person": 1}
    assert grade["emails"]["wrong_party"] == 1
    assert grade["right_party_rate"] == 0


async def test_somebody_away_answers_automatically_with_the_day_of_return(bench, everybody):
    everybody("", OUT_OF_OFFICE=1.0)
    await bench.write(bench.someone().mailboxes[0].email)
    await bench.advance(minutes=15)
    (mail,) = bench.product.mails
    headers = {header["Name"]: header["Value"] for header in mail["Headers"]}
    assert headers["Auto-Submitted"] == "auto-replied"
    assert mail["Subject"].startswith("Automatic reply: ")
    assert any(digit in mail["TextBody"] for digit in "0123456789")


async def test_a_late_mailbox_takes_the_mail_and_bounces_it_later(bench):
    person = bench.someone("late")
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=1)
    (mail,) = bench.product.mails
    assert mail["From"].startswith("MAILER-DAEMON@")
    assert mail["To"] == "bounce+7@outreach.example"
    assert {"Name": "X-Failed-Recipients", "Value": person.mailboxes[0].email} in mail["Headers"]
    assert mail["Attachments"][0]["ContentType"] == "message/delivery-status"
    assert bench.state.truth.grade()["emails"]["to_dead"] == 1


async def test_a_mail_filter_opens_all_links_and_nothing_follows(bench, everybody):
    everybody("", SCANNED=1.0)
    await bench.write(bench.someone().mailboxes[0].email)
    await bench.advance(hours=1)
    assert bench.product.opened == ["/consent/c1", "/unsubscribe/u1"]
    assert not bench.product.forms and not bench.product.off_list
    assert bench.state.truth.grade()["bookings"]["created"] == 0


async def test_a_booking_link_books_a_free_slot_and_a_signed_webhook_tells_us(bench, everybody):
    everybody("book", CANCELS=0.0, RESCHEDULES=0.0)
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=2)
    ((body, headers),) = bench.product.bookings
    told = json.loads(body)
    assert told["triggerEvent"] == "BOOKING_CREATED"
    assert told["payload"]["metadata"]["lead_id"] == "42"
    assert told["payload"]["organizer"]["username"] == "grace"
    assert told["payload"]["attendees"][0]["email"] == person.mailboxes[0].email
    assert headers["x-cal-signature-256"] == hmac.new(b"cal-secret", body, hashlib.sha256).hexdigest()
    assert bench.state.truth.grade()["bookings"] == {"created": 1, "cancelled": 0, "rescheduled": 0}


@pytest.mark.parametrize(
    ("odd", "trigger", "extra"),
    [("CANCELS", "BOOKING_CANCELLED", "cancellationReason"), ("RESCHEDULES", "BOOKING_RESCHEDULED", "rescheduleUid")],
)
async def test_a_few_cancel_or_move_their_appointment(bench, everybody, odd, trigger, extra):
    everybody("book", **{"CANCELS": 0.0, "RESCHEDULES": 0.0, odd: 1.0})
    await bench.write(bench.someone().mailboxes[0].email)
    await bench.advance(days=8)
    created, changed = (json.loads(body) for body, _ in bench.product.bookings)
    assert changed["triggerEvent"] == trigger
    assert changed["payload"][extra]
    if odd == "RESCHEDULES":
        assert changed["payload"]["rescheduleUid"] == created["payload"]["uid"] != changed["payload"]["uid"]


async def test_who_has_opted_out_does_nothing_more(bench, everybody):
    everybody("one_click")
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=2)
    await bench.write(person.mailboxes[0].email)
    await bench.advance(days=3)
    assert len(bench.product.off_list) == 1


async def test_people_sleep_at_night(bench, everybody):
    everybody("positive")
    bench.state.clock.put(bench.state.clock.now().replace(hour=4))  # 23:00 in New York
    await bench.write(bench.someone().mailboxes[0].email)
    due = bench.state.timetable.next()
    assert due is not None and 12 <= due.hour <= 15  # 07:00 to 10:00 in New York
    assert due.minute % 15 == 0


async def test_an_ill_product_gets_the_same_act_a_quarter_of_an_hour_later(bench, everybody):
    everybody("consent")
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    bench.product.status = 503
    await bench.advance(hours=1)
    assert bench.state.truth.grade()["consents"] == 0
    bench.product.status = 200
    await bench.advance(minutes=30)
    assert len(bench.product.forms) == 1
    assert bench.state.truth.grade()["consents"] == 1


async def test_an_opt_out_that_was_refused_does_not_count(bench, everybody):
    everybody("one_click")
    bench.product.status = 403
    await bench.write(bench.someone().mailboxes[0].email)
    await bench.advance(hours=2)
    assert bench.state.truth.grade()["opt_outs"] == 0
