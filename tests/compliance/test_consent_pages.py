"""Consent and unsubscribe as people and machines use them: GET shows, POST acts, once, with proof."""

import asyncio
import json
from datetime import timedelta

import pytest
from compliance_world import (
    EMAIL,
    Person,
    browser,
    consent,
    count,
    fill_in,
    form_of,
    make_person,
    receipt_number,
    run,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from penstock.compliance import endpoints, evidence, tokens, wording
from penstock.compliance.consent import consent_keys, e164
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import one

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def fresh_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "guesses", endpoints.Guesses())


async def record_of(ctx: Context) -> dict[str, object]:
    async with ctx.db.tenant(1) as db:
        row = await one(db, text("select evidence_sealed from app.consents order by captured_at desc"))
    assert row is not None
    record: dict[str, object] = json.loads(ctx.sealer.open(1, row["evidence_sealed"]))
    return record


async def test_the_page_shows_who_asks_and_the_whole_text_and_ticks_nothing(ctx: Context) -> None:
    person = await make_person(ctx)
    async with browser(ctx) as client:
        answer = await client.get(await person.link())
    page, form = answer.text, form_of(answer.text)
    assert answer.status_code == 200
    for shown in (
        "Acme Home Equity LLC",
        "1 Main Street, Tampa",
        "artificial or AI-generated voice",
        "do not have to agree",
    ):
        assert shown in page
    assert form.boxes == ["voice_ai", "sms", "voice_live", "email"] and form.checked == []
    assert '<html lang="en">' in page and "<script" not in page and EMAIL not in page
    for field in (*(f"box-{channel}" for channel in form.boxes), "phone", "name"):
        assert f'id="{field}"' in page and f'for="{field}"' in page


async def test_the_page_is_kept_by_nobody_and_runs_nothing(ctx: Context) -> None:
    person = await make_person(ctx)
    async with browser(ctx) as client:
        headers = (await client.get(await person.link())).headers
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in headers["content-security-policy"] and "set-cookie" not in headers


async def test_q12_a_scanner_opens_the_link_five_times_and_the_person_consents_once(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    before = await person.row()
    async with browser(ctx) as client:
        for _ in range(5):
            assert (await client.get(link)).status_code == 200
        assert await person.row() == before and await person.events() == []
        answer = await client.post("/consent", data=await fill_in(client, link))
        assert answer.status_code == 200
        assert (await client.get(link)).status_code == 410
    assert await count(ctx, "consents") == 1


async def test_a_consent_moves_the_lead_and_opens_the_phone(ctx: Context) -> None:
    person = await make_person(ctx)
    assert (await consent(person)).status_code == 200
    row = await person.row()
    assert row["consent"] and row["consented_at"] == clock.now() and row["consent_method"] == "form"
    assert row["campaign_status"] == "replied"
    assert await person.events() == ["consent_given"]
    assert await count(ctx, "lead_consent_audit", "action = 'given' and ip is not null") == 1
    assert (await person.ask("voice_ai")).allowed
    assert (await person.ask("sms")).allowed


async def test_the_consent_is_for_the_number_typed_and_no_other(ctx: Context) -> None:
    person = await make_person(ctx)
    await consent(person, phone="212-555-0144")
    assert (await person.ask("voice_ai")).reason == "CONSENT_SCOPE"
    typed = ctx.sealer.seal(1, "+12125550144")
    assert await count(ctx, "contact_points", f"value = '{typed}' and source = 'form' and kind = 'phone'") == 1


async def test_the_evidence_holds_every_field_and_the_page_as_shown(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    async with browser(ctx) as client:
        shown = (await client.get(link)).text
        fields = {**form_of(shown).hidden, "channels": ["sms"], "phone": "2125550123", "name": "Ada Sample"}
        await client.post("/consent", data=fields, headers={"user-agent": "Firefox", "x-forwarded-for": "203.0.113.9"})
    record = await record_of(ctx)
    assert evidence.missing(record) == []
    assert record["page_html"] == shown
    assert record["text_sha256"] and record["email"] == EMAIL and record["phone"] == "+12125550123"
    assert (record["user_agent"], record["proxies"]) == ("Firefox", ["203.0.113.9"])
    assert record["boxes"]["voice_ai"]["final"] == "unchecked"  # type: ignore[index]
    assert record["boxes"]["sms"]["final"] == "checked"  # type: ignore[index]


async def test_a_lost_or_altered_piece_of_evidence_makes_the_consent_useless(ctx: Context) -> None:
    person = await make_person(ctx)
    await consent(person)
    whole = await record_of(ctx)
    altered = {
        "without the page": {**whole, "page_html": ""},
        "another page": {**whole, "page_html": "<p>I agree</p>"},
        "without the browser": {name: value for name, value in whole.items() if name != "user_agent"},
    }
    for record in altered.values():
        sealed, digest = ctx.sealer.seal(1, json.dumps(record)), wording.sha256(json.dumps(record))
        await run(
            ctx,
            "update app.consents set evidence_sealed = :sealed, evidence_sha256 = :digest",
            sealed=sealed,
            digest=digest,
        )
        assert (await person.ask("sms")).reason == "CONSENT_DEFECTIVE"
    await run(ctx, "update app.consents set evidence_sealed = :sealed", sealed=ctx.sealer.seal(1, json.dumps(whole)))
    assert (await person.ask("sms")).reason == "CONSENT_DEFECTIVE"


async def test_q13_a_link_redeemed_twice_in_parallel_gives_one_consent(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    async with browser(ctx) as client:
        forms = [await fill_in(client, link) for _ in range(4)]
        answers = await asyncio.gather(*(client.post("/consent", data=form) for form in forms))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]
    assert await count(ctx, "consents") == 1
    assert await person.events() == ["consent_given"]


async def test_the_same_form_sent_again_gets_the_first_receipt(ctx: Context) -> None:
    person = await make_person(ctx)
    async with browser(ctx) as client:
        form = await fill_in(client, await person.link())
        answers = await asyncio.gather(*(client.post("/consent", data=form) for _ in range(3)))
        with clock.held_at(clock.now() + timedelta(hours=5)):
            answers = [*answers, await client.post("/consent", data=form)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({receipt_number(answer.text) for answer in answers}) == 1
    assert await count(ctx, "consents") == 1


INCOMPLETE: list[tuple[dict[str, object], str]] = [
    ({"channels": []}, "Tick at least one box"),
    ({"channels": ["fax"]}, "Tick at least one box"),
    ({"name": " "}, "Type your full name"),
    ({"name": "Ada"}, "Type your full name"),
    ({"phone": ""}, "telephone number"),
    ({"phone": "555"}, "telephone number"),
    ({"phone": "+44 20 7946 0958"}, "telephone number"),
    ({"phone": "(800) 555-0123"}, "telephone number"),
]


async def test_an_incomplete_form_is_shown_again_and_the_link_stays_good(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    async with browser(ctx) as client:
        for typed, words in INCOMPLETE:
            answer = await client.post("/consent", data=await fill_in(client, link, **typed))
            assert answer.status_code == 422 and words in answer.text and 'role="alert"' in answer.text, typed
            assert form_of(answer.text).checked == []
        assert await count(ctx, "consents") == 0
        mended = {**form_of(answer.text).hidden, "channels": ["sms"], "phone": "2125550123", "name": "Ada Sample"}
        assert (await client.post("/consent", data=mended)).status_code == 200


async def test_email_alone_needs_no_number(ctx: Context) -> None:
    person = await make_person(ctx)
    assert (await consent(person, channels=["email"], phone="")).status_code == 200
    row = await person.row()
    assert (row["consent"], row["campaign_status"]) == (False, "replied")


async def refused(ctx: Context, link: str) -> None:
    """Opening and sending both meet the one page for links that open nothing."""
    async with browser(ctx) as client:
        shown = await client.get(link)
        sent = await client.post("/consent", data={"token": link.removeprefix("/consent/")})
    for answer in (shown, sent):
        assert answer.status_code == 410
        assert "This link is no longer valid" in answer.text
    assert shown.text == sent.text
    assert await count(ctx, "consents") == 0


async def test_every_bad_link_meets_the_same_page(ctx: Context) -> None:
    person = await make_person(ctx)
    good = await person.link()
    token = good.removeprefix("/consent/")
    await refused(ctx, "/consent/x")
    await refused(ctx, f"/consent/{token[:-2]}AA")
    with clock.held_at(clock.now() + timedelta(days=7)):
        await refused(ctx, good)
    elsewhere = tokens.issue_consent(
        consent_keys(ctx),
        nonce=tokens.new_nonce(),
        lead=str(person.lead),
        seller="1",
        phone_hash=None,
        channels=["sms"],
        text=wording.current().id,
        audience="other.example",
        now=clock.now(),
    )
    await refused(ctx, f"/consent/{elsewhere}")


async def test_a_newer_link_ends_the_older_one(ctx: Context) -> None:
    person = await make_person(ctx)
    older = await person.link()
    with clock.held_at(clock.now() + timedelta(days=4, minutes=1)):  # too little of it is left for another mail
        newer = await person.link()
        await refused(ctx, older)
        async with browser(ctx) as client:
            assert (await client.get(newer)).status_code == 200


async def test_the_mails_of_a_sequence_carry_one_link_while_it_lasts(ctx: Context) -> None:
    person = await make_person(ctx)
    first = await person.link()
    with clock.held_at(clock.now() + timedelta(days=4)):
        assert await person.link() == first
        async with browser(ctx) as client:
            assert (await client.get(first)).status_code == 200


async def test_a_person_in_litigation_gets_no_page(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    await person.suppress(reason="SUPP_LEGAL")
    await refused(ctx, link)


async def test_a_form_of_another_page_is_refused(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    async with browser(ctx) as client:
        form = await fill_in(client, link)
        for changed in ({"mark": "x"}, {"form": "mine"}, {"shown_at": "2020-01-01"}):
            assert (await client.post("/consent", data={**form, **changed})).status_code == 410
        assert (await client.post("/consent", data=form)).status_code == 200
    failures = "route = '/consent' and not ok and reason = 'form is not ours'"
    assert await count(ctx, "signature_checks", failures) == 3


async def test_guessing_tokens_ends_after_ten_a_minute_even_for_a_good_one(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.link()
    async with browser(ctx) as client:
        for n in range(10):
            assert (await client.get(f"/consent/guess{n}")).status_code == 410
        assert (await client.get(link)).status_code == 410


async def test_a_body_too_long_or_not_a_form_is_refused(ctx: Context) -> None:
    async with browser(ctx) as client:
        for body in (b"token=" + b"a" * 20_000, b"\xff\xfe\x00", b""):
            assert (await client.post("/consent", content=body)).status_code == 410


async def test_nobody_else_writes_consent(ctx: Context) -> None:
    await make_person(ctx)
    with pytest.raises(DBAPIError, match="consent"):
        await run(ctx, "update app.leads set consent = true, consented_at = app.now()")


def test_a_typed_number_becomes_e164_or_nothing() -> None:
    assert e164("(212) 555-0123") == e164("1 212.555.0123") == e164("+1 212 555 0123") == "+12125550123"
    assert e164("(787) 555-0123") == "+17875550123"
    for wrong in ("", "0123", "+14165550123", "900 555 0123", "one"):
        assert e164(wrong) is None


# -- unsubscribe -----------------------------------------------------------------------------------------------------


async def test_one_click_stops_everything_at_once_and_any_number_of_times(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.off_link()
    async with browser(ctx) as client:
        answers = [await client.post(link, data=ONE_CLICK) for _ in range(3)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "")] * 3
    assert await person.events() == ["opted_out"]
    assert (await person.row())["campaign_status"] == "unsubscribed"
    assert (await person.ask("email")).reason == "SUPP_OPT_OUT"


async def test_looking_at_the_unsubscribe_page_changes_nothing_and_its_button_does(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.off_link()
    async with browser(ctx) as client:
        page = await client.get(link)
        assert await person.events() == [] and await count(ctx, "suppressions") == 0
        answer = await client.post(link, data=form_of(page.text).hidden)
    assert "You will not hear from us again" in answer.text
    assert await person.events() == ["opted_out"]


async def test_an_unsubscribe_link_of_long_ago_still_works(ctx: Context) -> None:
    person = await make_person(ctx)
    link = await person.off_link()
    with clock.held_at(clock.now() + timedelta(days=400)):
        async with browser(ctx) as client:
            await client.post(link, data=ONE_CLICK)
        assert "SUPP_OPT_OUT" in (await person.ask("email")).reasons


async def test_an_unknown_unsubscribe_link_learns_nothing(ctx: Context) -> None:
    person = await make_person(ctx)
    known, unknown = await person.off_link(), "/unsubscribe/abc.def"
    async with browser(ctx) as client:
        shown = [await client.get(link) for link in (known, unknown)]
        sent = [await client.post(link, data=ONE_CLICK) for link in (known, unknown)]
    assert shown[0].text == shown[1].text
    assert [(answer.status_code, answer.text) for answer in sent] == [(200, "")] * 2
    assert await count(ctx, "signature_checks", "reason = 'UNSUB_UNKNOWN'") == 1


async def test_a_person_with_a_damaged_link_is_told_that_nothing_was_recorded(ctx: Context) -> None:
    person = await make_person(ctx)
    async with browser(ctx) as client:
        answer = await client.post((await person.off_link())[:-3] + "xyz", data={"page": "1"})
    assert "link is damaged" in answer.text and "will not hear" not in answer.text
    assert await person.events() == []


async def test_two_clicks_at_the_same_moment_are_one_opt_out(ctx: Context) -> None:
    person: Person = await make_person(ctx)
    link = await person.off_link()
    async with browser(ctx) as client:
        await asyncio.gather(*(client.post(link, data=ONE_CLICK) for _ in range(5)))
    assert await person.events() == ["opted_out"]
