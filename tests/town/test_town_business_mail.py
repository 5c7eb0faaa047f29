"""Mail to companies: what their servers say, what officers do, and how the grade sees it."""

from __future__ import annotations

import random
from datetime import timedelta

import aiosmtplib
import pytest
from town_bench import a_bench
from town_companies import an_officer, companies

from penstock.town import odds as town_odds
from penstock.town.business import odds, wordings
from penstock.town.business.company import OFFICES


async def rcpt(bench, *emails: str, sender: str = "probe@checks.example", helo: str = "probe.checks.example"):
    """What the server says to each recipient of one session that ends without a message."""
    said = []
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=bench.smtp_port, start_tls=False, local_hostname=helo)
    async with client:
        await client.ehlo()
        await client.mail(sender)
        for email in emails:
            try:
                answer = await client.rcpt(email)
                said.append((answer.code, ""))
            except aiosmtplib.SMTPRecipientRefused as error:
                said.append((error.code, error.message.partition(" ")[0]))
        await client.rset()
    return said


def set_odds(monkeypatch: pytest.MonkeyPatch, act: str, **others: object) -> None:
    """Every officer reads every mail at once and does one thing."""
    for name, value in {"READS": (1.0,), "SCANNED": 0.0, "OUT_OF_OFFICE": 0.0, "SIGNS": 0.0}.items():
        monkeypatch.setattr(town_odds, name, value)
    monkeypatch.setattr(town_odds, "READ_DELAY", {"soon": (1.0, 10, 60)})
    monkeypatch.setattr(odds, "COLD", {act: 99.0} if act else {})
    monkeypatch.setattr(odds, "WARM", {})
    for name, value in others.items():
        monkeypatch.setattr(odds, name, value)


async def test_a_probe_learns_what_a_mailbox_is_and_counts_as_no_mail(bench):
    company, term = an_officer(bench)
    email = term.person.mailboxes[0].email
    assert await rcpt(bench, email, f"zq81@{company.domain}") == [(250, ""), (550, "5.1.1")]
    catch_all, _ = an_officer(bench, catch_all=True)
    assert await rcpt(bench, f"zq81@{catch_all.domain}") == [(250, "")]
    _, full = an_officer(bench, box="full")
    assert await rcpt(bench, full.person.mailboxes[0].email) == [(452, "4.2.2")]
    _, dead = an_officer(bench, box="dead")
    assert await rcpt(bench, dead.person.mailboxes[0].email) == [(550, "5.1.1")]
    grade = bench.state.truth.grade()
    assert grade["business"]["counts"]["probes"] == 5
    assert (grade["emails"]["received"], grade["emails"]["refused"], grade["emails"]["to_dead"]) == (0, 0, 0)


async def test_a_few_servers_refuse_probes_and_take_mail(bench):
    _, term = an_officer(bench, refuses_probes=True)
    email = term.person.mailboxes[0].email
    assert await rcpt(bench, email) == [(550, "5.7.1")]
    assert await rcpt(bench, email, sender="grace@out.example", helo="verify.out.example") == [(550, "5.7.1")]
    await bench.write(email)
    assert bench.state.truth.grade()["business"]["emails"]["received"] == 1


async def test_a_greylisting_server_takes_the_second_try_after_ten_minutes(bench):
    _, term = an_officer(bench, greylists=True)
    email = term.person.mailboxes[0].email
    for minutes, code in ((0, 450), (9, 450), (1, 250), (60, 250)):
        bench.state.clock.put(bench.state.clock.now() + timedelta(minutes=minutes))
        assert (await rcpt(bench, email))[0][0] == code
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await bench.write(email)  # another sender
    assert caught.value.recipients[0].code == 450
    assert bench.state.truth.grade()["emails"]["refused"] == 0


@pytest.mark.parametrize("intent", ["positive", "question", "negative", "referral", "not_now", "unsubscribe"])
async def test_an_officer_answers_in_the_words_of_business(bench, monkeypatch, intent):
    set_odds(monkeypatch, intent)
    company, term = an_officer(bench)
    await bench.write(term.person.mailboxes[0].email)
    await bench.advance(days=1)
    (mail,) = bench.product.mails
    assert mail["From"] == term.person.mailboxes[0].email
    starts = [text.partition("{")[0] for text in wordings.BY_INTENT[intent]]
    assert any(start in mail["StrippedTextReply"] for start in starts)
    assert "{" not in mail["TextBody"]
    if intent == "referral":
        others = [held.person.name for office in OFFICES if (held := company.holder(office, bench.state.clock.now()))]
        assert any(name in mail["TextBody"] or "@" in mail["TextBody"] for name in others)
    grade = bench.state.truth.grade()
    assert grade["replies"] == {intent: 1}
    assert grade["opt_outs"] == (intent == "unsubscribe")
    await bench.write(term.person.mailboxes[0].email)
    await bench.advance(days=3)
    again = intent in ("positive", "question")
    assert bench.state.mood(term.person).stance == ("warm" if again else "gone")


async def test_an_officer_books_by_the_link_and_consents_only_where_there_is_a_form(bench, monkeypatch):
    set_odds(monkeypatch, "book")
    _, term = an_officer(bench)
    await bench.write(term.person.mailboxes[0].email)
    await bench.advance(days=1)
    (booking,) = bench.state.agenda.bookings.values()
    assert booking.attendee["name"] == term.person.name
    assert bench.state.mood(term.person).stance == "booked"
    set_odds(monkeypatch, "consent")
    _, other = an_officer(bench, pattern="flast")
    await bench.write(other.person.mailboxes[0].email, text="no link here")
    await bench.advance(days=1)
    assert bench.state.truth.grade()["consents"] == 0 and not bench.product.mails


async def test_the_mailbox_of_somebody_who_left_says_so_or_bounces_then_closes(bench, monkeypatch):
    set_odds(monkeypatch, "positive")
    seen = set()
    for company in companies(bench, 400):
        for term in company.terms:
            usual = term.person.mailboxes[0].state == "live" and not company.greylists and not company.catch_all
            leaves = term.until and term.until > bench.state.clock.now()
            if not (usual and leaves and company.domain_state == "mx") or len(seen) == 2:
                continue
            bench.product.mails.clear()
            bench.state.clock.put(term.until + timedelta(hours=1))
            email = term.person.mailboxes[0].email
            await bench.write(email)
            await bench.advance(hours=2)
            (mail,) = bench.product.mails
            kind = "bounce" if mail["From"].startswith("MAILER-DAEMON@") else "left"
            assert kind == "bounce" or term.person.name in mail["TextBody"]
            seen.add(kind)
            bench.state.clock.put(term.mailbox_ends)
            assert await rcpt(bench, email) == [(550, "5.1.1")]
    assert seen == {"bounce", "left"}
    emails = bench.state.truth.grade()["business"]["emails"]
    assert emails["right_party"] == 0 and emails["wrong_party"] == emails["received"] >= 2


async def test_only_who_holds_the_office_now_is_the_right_party(bench):
    _, term = next(
        (company, term)
        for company in companies(bench)
        for term in company.terms
        if term.until and term.holds(bench.state.clock.now()) and term.person.mailboxes[0].state == "live"
        and bench.state.companies.answers_for_left(term.person) and not company.greylists and company.takes_mail
    )  # fmt: skip
    await bench.write(term.person.mailboxes[0].email)
    assert bench.state.truth.grade()["right_party_rate"] == 1.0
    bench.state.clock.put(term.until)
    await bench.write(term.person.mailboxes[0].email)
    grade = bench.state.truth.grade()
    assert (grade["right_party_rate"], grade["business"]["right_party_rate"]) == (0.0, 0.0)


async def test_two_sequences_into_one_company_at_a_time_are_noticed(bench):
    company = next(
        company
        for company in companies(bench)
        if company.domain_state == "mx" and not company.greylists
        and len([t for t in company.terms if t.holds(bench.state.clock.now())
                 and t.person.mailboxes[0].state == "live"]) == 3
        and bench.state.companies.shared(company.number) is None
    )  # fmt: skip
    one, other, third = (
        company.holder(office, bench.state.clock.now()).person.mailboxes[0].email for office in OFFICES
    )

    def seen() -> tuple[int, int]:
        emails = bench.state.truth.grade()["business"]["emails"]
        return emails["two_at_once"], emails["same_day"]

    await bench.write(one)
    bench.state.clock.put(bench.state.clock.now() + timedelta(days=2))
    await bench.write(other)  # the turn of the next
    assert seen() == (0, 0)
    await bench.write(third)  # a second person of one company on one day
    assert seen() == (0, 1)
    bench.state.clock.put(bench.state.clock.now() + timedelta(days=2))
    await bench.write(one)  # back to the first
    assert seen() == (1, 1)


async def test_a_person_of_two_companies_who_is_mailed_for_both_in_a_day_is_over_the_cap(bench):
    number = next(
        company.number
        for company in companies(bench)
        if (office := bench.state.companies.shared(company.number)) and company.domain_state == "mx"
        and not company.greylists and company.number % 2 == 0
        and company.holder(office, bench.state.clock.now()).person.mailboxes[0].state == "live"
    )  # fmt: skip
    company = bench.state.companies.company(number)
    person = company.holder(bench.state.companies.shared(number), bench.state.clock.now()).person
    for _ in range(2):
        await bench.write(person.mailboxes[0].email)
    assert bench.state.truth.grade()["emails"]["over_cap"] == 1
    found = await bench.client.get("/town/people", params={"email": person.mailboxes[0].email})
    assert [held["domain"] for held in found.json()["companies"]] == [
        company.domain,
        bench.state.companies.company(number + 1).domain,
    ]


def test_business_wordings_are_many_and_different():
    names = dict.fromkeys(("first", "company", "month", "colleague", "email", "name", "back"), "x")
    for intent, texts in wordings.BY_INTENT.items():
        assert len(set(texts)) == len(texts) >= (4 if intent == "left_company" else 6)
        assert all("{" not in text.format(**names) for text in texts)


async def test_officers_answer_the_same_whatever_the_order_of_the_mails(product):
    ends = []
    for shuffle in (1, 2):
        product.mails.clear()
        async with a_bench(product) as bench:
            now = bench.state.clock.now()
            emails = [t.person.mailboxes[0].email for c in companies(bench, 120) for t in c.terms if t.holds(now)]
            for email in random.Random(shuffle).sample(sorted(set(emails)), len(set(emails))):
                try:
                    await bench.write(email)
                except aiosmtplib.SMTPRecipientsRefused:
                    continue
            await bench.advance(days=6)
            said = sorted((mail["From"], mail["TextBody"]) for mail in product.mails)
            grade = bench.state.truth.grade()
            grade["business"].pop("rate")
            ends.append((said, grade | {"breach_examples": []}))
    assert ends[0] == ends[1]
    assert len(ends[0][1]["replies"]) >= 6 and ends[0][0]
