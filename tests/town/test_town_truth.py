"""The grade notices every kind of breach, once it is planted, and none where there is none."""

from __future__ import annotations

from typing import Any

from penstock.town import odds

VAPI = {"Authorization": "Bearer sk_1"}


def breaches(bench) -> dict[str, int]:
    grade = bench.state.truth.grade()
    rules = {
        f"{channel} {rule}": grade[channel][rule]
        for channel in ("emails", "calls")
        for rule in ("after_opt_out", "outside_hours", "over_cap", "without_consent")
        if grade[channel].get(rule)
    }
    assert grade["contacted_against_rule"] == sum(rules.values()) == len(grade["breach_examples"])
    return rules


def put(bench, **parts: int) -> None:
    bench.state.clock.put(bench.state.clock.now().replace(**parts))


async def call(bench, person: Any) -> None:
    number = person.own_number().number
    sent = {"assistantId": "a", "phoneNumberId": "p", "customer": {"number": f"+1{number}"}}
    assert (await bench.client.post("/vapi/call", headers=VAPI, json=sent)).status_code == 201


async def test_four_mails_in_a_week_on_different_days_break_nothing(bench):
    person = bench.someone()
    for day in (0, 2, 4, 6):
        bench.state.clock.put(bench.state.clock.now().replace(day=1 + day, month=12))
        await bench.write(person.mailboxes[0].email)
    assert breaches(bench) == {}
    put(bench, day=6)
    await bench.write(person.mailboxes[0].email)  # the fifth within seven days
    assert breaches(bench) == {"emails over_cap": 1}


async def test_two_mails_on_one_local_day_are_over_the_cap(bench):
    person = bench.someone()
    put(bench, hour=13)
    await bench.write(person.mailboxes[0].email)
    put(bench, hour=23)  # still the same evening in New York
    await bench.write(person.mailboxes[-1].email)
    assert breaches(bench) == {"emails over_cap": 1}


async def test_mail_at_night_is_outside_hours(bench):
    for hour, late in ((2, True), (11, True), (12, False), (1, False)):  # 21:00, 06:00, 07:00, 20:00 in New York
        person = bench.someone()
        bench.state.truth._mailed.clear()
        before = breaches(bench).get("emails outside_hours", 0)
        put(bench, hour=hour)
        await bench.write(person.mailboxes[0].email)
        assert breaches(bench).get("emails outside_hours", 0) == before + late


async def test_mail_after_an_opt_out_is_a_breach_and_one_confirmation_is_not(bench):
    person = bench.someone()
    bench.state.truth.opt_out(person)
    await bench.write(person.mailboxes[0].email, plain="yes", Auto_Submitted="auto-replied")
    assert breaches(bench) == {}
    await bench.write(person.mailboxes[0].email)
    assert breaches(bench) == {"emails after_opt_out": 1}
    put(bench, hour=19)
    await bench.write(person.mailboxes[0].email, plain="yes", Auto_Submitted="auto-replied")
    assert breaches(bench) == {"emails after_opt_out": 2}


async def test_an_answer_to_their_own_mail_is_no_marketing_and_a_threaded_follow_up_is(bench, monkeypatch):
    for name, value in {"READS": (1.0,), "SCANNED": 0.0, "OUT_OF_OFFICE": 0.0, "COLD": {"question": 99.0}}.items():
        monkeypatch.setattr(odds, name, value)
    monkeypatch.setattr(odds, "READ_DELAY", {"soon": (1.0, 10, 60)})
    person = bench.someone()
    await bench.write(person.mailboxes[0].email)
    await bench.advance(hours=2)
    asked = next(header["Value"] for header in bench.product.mails[0]["Headers"] if header["Name"] == "Message-ID")
    await bench.write(person.mailboxes[0].email, In_Reply_To=asked)
    assert breaches(bench) == {}
    await bench.write(person.mailboxes[0].email, plain="yes", In_Reply_To="<mail-1@outreach.example>")
    assert breaches(bench) == {"emails over_cap": 1}


async def test_a_call_needs_consent_for_that_very_number(bench):
    person = bench.someone()
    await call(bench, person)
    assert breaches(bench) == {"calls without_consent": 1}
    put(bench, day=1, month=12)
    bench.state.truth.consent(person, person.own_number().number)
    await call(bench, person)
    assert breaches(bench) == {"calls without_consent": 1}


async def test_calls_outside_hours_over_the_cap_and_after_an_opt_out_are_breaches(bench):
    person = bench.someone()
    bench.state.truth.consent(person, person.own_number().number)
    put(bench, hour=12)  # 07:00 in New York
    await call(bench, person)
    assert breaches(bench) == {"calls outside_hours": 1}
    put(bench, hour=17)
    await call(bench, person)
    assert breaches(bench) == {"calls outside_hours": 1, "calls over_cap": 1}
    put(bench, day=1, month=12)
    bench.state.truth.opt_out(person)
    await call(bench, person)
    assert breaches(bench) == {"calls outside_hours": 1, "calls over_cap": 1, "calls after_opt_out": 1}


async def test_an_opt_out_on_a_call_counts_when_the_report_was_delivered(bench, monkeypatch):
    monkeypatch.setattr(odds, "CALL", {"answered": 1.0})
    monkeypatch.setattr(odds, "TALK", {"do_not_call": 1.0})
    person = bench.someone()
    sent = {
        "assistantId": "a",
        "phoneNumberId": "p",
        "customer": {"number": f"+1{person.own_number().number}"},
        "assistantOverrides": {"server": {"url": f"{bench.product.url}/voice"}},
    }
    await bench.client.post("/vapi/call", headers=VAPI, json=sent)
    bench.product.status = 503
    await bench.advance(minutes=15)
    assert bench.state.truth.grade()["opt_outs"] == 0
    bench.product.status = 200
    await bench.advance(minutes=15)
    assert bench.state.truth.grade()["opt_outs"] == 1
    assert bench.product.intents().count("end-of-call-report") == 1
    assert bench.product.voice[-1]["analysis"]["structuredData"] == {"outcome": "do_not_call"}
    assert bench.state.truth.grade()["calls"]["answered"] == 1


async def test_paying_twice_within_thirty_days_is_noticed(bench):
    def trace(street: str, last: str = "Sample") -> dict[str, Any]:
        place = {"street": street, "city": "Tampa", "state": "FL", "zip": "33602"}
        return {"requests": [{"propertyAddress": place, "name": {"first": "Ada", "last": last}}]}

    async def buy(what: dict[str, Any]) -> int:
        headers = {"Authorization": "Bearer key"}
        await bench.client.post("/batchdata/api/v1/property/skip-trace", headers=headers, json=what)
        return int(bench.state.truth.grade()["paid_twice"])

    house = next(
        home.address.street
        for home in (bench.household(f"{number} Elm St") for number in range(1, 50))
        if bench.state.dice.chance(odds.BATCHDATA_MATCH, "batchdata", "match", home.address.key)
    )
    assert await buy(trace(house)) == 0
    assert await buy(trace(house, "Other")) == 0
    assert await buy(trace(house.upper().replace(" ", "  "))) == 1
    put(bench, month=12, day=31)
    assert await buy(trace(house)) == 1
    (example,) = bench.state.truth.grade()["paid_twice_examples"]
    assert (example["vendor"], example["operation"]) == ("batchdata", "skip_trace")


async def test_the_right_party_rate_counts_persons(bench):
    assert bench.state.truth.grade()["right_party_rate"] is None
    owner, stranger = bench.someone(), bench.someone(role="stranger")
    for email in (owner.mailboxes[0].email, owner.mailboxes[0].email, stranger.mailboxes[0].email):
        await bench.write(email)
    grade = bench.state.truth.grade()
    assert grade["right_party_rate"] == 0.5
    assert (grade["emails"]["right_party"], grade["emails"]["wrong_party"]) == (2, 1)
