"""The same promises for every registered vendor, against the town's wire, in process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers import Account, append, calendar, email, phone, skiptrace, voice
from penstock.providers.calendar.bookings import BookingOrder, EventType
from penstock.providers.contacts import Subject
from penstock.providers.voice.calls import CallOrder
from penstock.town.app import make_app
from penstock.town.state import new_state

AT = datetime(2026, 11, 30, 17, tzinfo=UTC)
SUBJECTS = [Subject("Ada", "Sample", f"{n} Heron Ave", "", "Tampa", "FL", "33602") for n in range(100, 150)]
ABOUT = {"lead_id": "42"}
NOWHERE = Subject("Ada", "Sample", "Nowhere", "", "", "", "")
FINDERS = [(registry, name) for registry in (append.REGISTRY, skiptrace.REGISTRY) for name in registry]
CHECKERS = [(phone.REGISTRY, name, "+1813555{:04d}") for name in phone.REGISTRY]
CHECKERS += [(email.REGISTRY, name, "person{}@nowhere.example") for name in email.REGISTRY]


@pytest.fixture
async def town() -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """A client whose every request ends in a town with seed 7, and the town's state."""
    state = new_state(7)
    state.clock.put(AT)
    async with make_client(transport=httpx.ASGITransport(make_app(state))) as client:
        yield client, state


def at(vendor: str, key: str = "a-key") -> Account:
    return Account(f"http://town/{vendor}", key)


@pytest.mark.parametrize(("registry", "vendor"), FINDERS)
async def test_a_finder_answers_every_subject_and_reads_the_same_twice(town: Any, registry: Any, vendor: str) -> None:
    client, _ = town
    finder = registry[vendor](client, at(vendor))
    replies = await finder.fetch([*SUBJECTS, NOWHERE])
    found = [finder.read(reply.raw) for reply in replies]
    assert len(replies) == len(SUBJECTS) + 1
    assert not found[-1].matched
    assert sum(one.matched for one in found) > 25
    assert any(one.phones for one in found)
    assert any(one.emails for one in found)
    assert [finder.read(reply.raw) for reply in replies] == found
    assert all(number.number.startswith("+1") for one in found for number in one.phones)


@pytest.mark.parametrize(("registry", "vendor"), FINDERS)
async def test_a_finder_takes_a_full_batch_and_bills_what_it_says(town: Any, registry: Any, vendor: str) -> None:
    client, state = town
    finder = registry[vendor](client, at(vendor))
    replies = await finder.fetch((SUBJECTS * finder.batch_size)[: finder.batch_size])
    billed = state.truth.grade()["billed"][vendor]["items"]
    assert sum(reply.billable for reply in replies) == billed


@pytest.mark.parametrize(("registry", "vendor", "form"), CHECKERS)
async def test_a_checker_answers_every_value_in_order(town: Any, registry: Any, vendor: str, form: str) -> None:
    client, _ = town
    checker = registry[vendor](client, at(vendor))
    values = [form.format(n) for n in range(checker.batch_size)]
    replies = await checker.fetch(values)
    reports = [checker.read(reply.raw) for reply in replies]
    assert len(reports) == len(values)
    assert all(report.codes for report in reports)
    backwards = await checker.fetch(values[::-1])
    assert [checker.read(reply.raw) for reply in backwards] == reports[::-1]


@pytest.mark.parametrize(("registry", "vendor", "form"), CHECKERS)
async def test_a_checker_bills_what_it_says(town: Any, registry: Any, vendor: str, form: str) -> None:
    client, state = town
    checker = registry[vendor](client, at(vendor))
    replies = await checker.fetch([form.format(n) for n in range(checker.batch_size)])
    billed = state.truth.grade()["billed"].get(vendor, {"items": 0})["items"]
    assert sum(reply.billable for reply in replies) == billed


@pytest.mark.parametrize(("registry", "vendor", "form"), CHECKERS)
async def test_a_checker_in_trouble_is_busy_or_unclear_and_says_which(
    town: Any, registry: Any, vendor: str, form: str
) -> None:
    client, state = town
    state.faults.configure({vendor: {"rate_429": 1.0}})
    with pytest.raises(ProviderBusy) as caught:
        await registry[vendor](client, at(vendor)).fetch([form.format(1)])
    assert not isinstance(caught.value, ProviderUnclear)


@pytest.mark.parametrize(("registry", "vendor"), FINDERS)
@pytest.mark.parametrize(("fault", "error"), [("rate_500", ProviderUnclear), ("rate_429", ProviderBusy)])
async def test_a_vendor_in_trouble_is_busy_or_unclear(
    town: Any, registry: Any, vendor: str, fault: str, error: type
) -> None:
    client, state = town
    state.faults.configure({vendor: {fault: 1.0}})
    with pytest.raises(error) as caught:
        await registry[vendor](client, at(vendor)).fetch(SUBJECTS[:1])
    assert caught.value.reached is (error is ProviderUnclear)


@pytest.mark.parametrize(
    ("registry", "vendor", "key"),
    [
        (append.REGISTRY, "melissa", "BAD"),
        (email.REGISTRY, "melissa", "NOCREDIT"),
        (email.REGISTRY, "zerobounce", "bad"),
        (email.REGISTRY, "neverbounce", "bad"),
        (email.REGISTRY, "neverbounce", "nocredit"),
        (email.REGISTRY, "millionverifier", "bad"),
        (email.REGISTRY, "millionverifier", "nocredit"),
        (skiptrace.REGISTRY, "batchdata", "forbidden"),
    ],
)
async def test_a_bad_key_is_a_lasting_refusal(town: Any, registry: Any, vendor: str, key: str) -> None:
    client, _ = town
    question: Any = ["ada@example.com"] if registry is email.REGISTRY else SUBJECTS[:1]
    with pytest.raises(ProviderRefused):
        await registry[vendor](client, at(vendor, key)).fetch(question)


@pytest.mark.parametrize("vendor", calendar.REGISTRY)
async def test_a_calendar_offers_slots_books_one_finds_it_and_cancels_it(town: Any, vendor: str) -> None:
    client, _ = town
    cal = calendar.REGISTRY[vendor](client, at(vendor))
    event = EventType(event_type_id=7, username="bea", slug="equity-call")
    slots = await cal.slots(event, first=AT.date(), last=(AT + timedelta(days=4)).date(), zone="America/New_York")
    start = next(slot for slot in slots if slot > AT + timedelta(hours=1))
    order = BookingOrder(event, start, "Ada Sample", "America/New_York", email="ada@example.com", metadata=ABOUT)
    booked = await cal.book(order)
    assert (booked.status, booked.start) == ("accepted", start)
    assert (await cal.get(booked.uid)).uid == booked.uid
    found = await cal.find(metadata=ABOUT, email="ada@example.com", start=start)
    assert found is not None
    assert found.uid == booked.uid
    assert (await cal.cancel(booked.uid, reason="test")).status == "cancelled"
    later = await cal.slots(event, first=start.date(), last=start.date(), zone="America/New_York")
    assert start in later


@pytest.mark.parametrize("vendor", voice.REGISTRY)
async def test_a_placed_call_can_be_looked_up_by_its_id_and_by_our_reference(town: Any, vendor: str) -> None:
    client, _ = town
    caller = voice.REGISTRY[vendor](client, at(vendor))
    order = CallOrder(
        "call-1-1", "a-1", "pn-fl", "+18135550123", "Ada", "Hi.", {}, {"lead_id": "42"}, "http://nowhere.example/vapi"
    )
    placed = await caller.place(order)
    assert placed.reference == "call-1-1"
    assert (await caller.get(placed.call_id)).call_id == placed.call_id
    found = await caller.find("call-1-1", since=AT - timedelta(minutes=5))
    assert found is not None
    assert found.call_id == placed.call_id
