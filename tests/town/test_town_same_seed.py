"""Same seed, same run: whatever order the product does its work in, and however it names its messages."""

from __future__ import annotations

import random
from typing import Any

import aiosmtplib
from town_bench import Bench, a_bench

from penstock.town import odds

HOMES = [f"{house} Heron Ln" for house in range(1, 151)]


async def campaign(bench: Bench, shuffle: int) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Three mails to everybody whose mail BatchData sells, then a call to everybody who consented."""
    order = random.Random(shuffle)
    emails: list[str] = []
    for home in order.sample(HOMES, len(HOMES)):
        place = {"street": home, "city": "Tampa", "state": "FL", "zip": "33602"}
        headers = {"Authorization": "Bearer key"}
        sent = {"requests": [{"propertyAddress": place}]}
        (person,) = (
            await bench.client.post("/batchdata/api/v1/property/skip-trace", headers=headers, json=sent)
        ).json()["results"]["persons"]
        emails += [found["email"] for found in person.get("emails", [])[:1]]
    for _ in range(3):
        for email in order.sample(emails, len(emails)):
            try:
                await bench.write(email, Message_Reference=str(order.random()))
            except aiosmtplib.SMTPRecipientsRefused:
                continue
        await bench.advance(hours=8)
        for form in bench.product.forms:
            digits = "".join(filter(str.isdigit, form["phone"]))
            server = {"server": {"url": f"{bench.product.url}/voice"}}
            call = {
                "assistantId": "a",
                "phoneNumberId": "p",
                "customer": {"number": f"+1{digits}"},
                "assistantOverrides": server,
            }
            await bench.client.post("/vapi/call", headers={"Authorization": "Bearer sk"}, json=call)
        await bench.advance(hours=40)
    said = sorted((mail["From"], mail["TextBody"]) for mail in bench.product.mails)
    return bench.state.truth.grade(), said


async def test_a_shuffled_campaign_ends_in_the_same_truth(product, monkeypatch):
    monkeypatch.setattr(odds, "VAPI_LINES", 1000)
    ends = []
    for shuffle in (1, 2):
        product.forms.clear()
        product.mails.clear()
        async with a_bench(product) as bench:
            grade, said = await campaign(bench, shuffle)
            appointments = {(found.start, found.attendee["name"]) for found in bench.state.agenda.bookings.values()}
            ends.append((grade | {"breach_examples": []}, said, appointments))
    assert ends[0] == ends[1]
    grade, said, appointments = ends[0]
    assert grade["consents"] > 3 and grade["calls"]["placed"] > 3 and grade["opt_outs"] > 3
    assert len(grade["replies"]) >= 4 and said and appointments
