"""Executive movement, from the fact to the sequence that stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signal_room import ask, change, holders, movements, officer, page_of, write
from sqlalchemy import text

from factories import make_company, make_person
from penstock.core.context import Context
from penstock.signals import reading, tasks
from penstock.signals.tasks import pump


async def lead_of(ctx: Context, lead: Any) -> dict[str, Any]:
    (found,) = await ask(ctx, "select * from app.leads where id = cast(:id as uuid)", id=str(lead))
    return found


async def test_a_name_fills_an_empty_slot_without_a_signal(ctx: Context) -> None:
    company = await make_company(ctx)
    await officer(ctx, company, "Jane Doe", title="Chief Financial Officer")
    assert await pump(ctx, 1) == 1
    assert await holders(ctx, company) == {"CEO": None, "CFO": "Jane Doe", "HR": None}
    assert await movements(ctx, company) == set()
    assert await ask(ctx, "select * from app.signals_due") == []
    assert await pump(ctx, 1) == 0


async def test_a_successor_takes_the_slot_the_old_contact_is_kept_and_written_to_no_longer(ctx: Context) -> None:
    company = await make_company(ctx)
    bob, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await change(ctx, "update app.leads set campaign_status = 'active'")
    await change(
        ctx,
        """
        with campaign as (insert into app.campaigns (org_id, name, playbook) values (1, 'c', 'renewals') returning id)
        insert into app.enrollments
          (org_id, lead_id, campaign_id, contact_point_id, state, current_step, started_at, next_execution_at, persona)
        select 1, l.id, campaign.id, p.id, 'active', 1, app.now(), app.now() + interval '2 days', 'x'
          from app.leads l join app.contact_points p on p.contact_id = l.contact_id, campaign
        """,
    )
    page = await page_of(ctx, company)
    await officer(
        ctx, company, "Jane Doe", title="CFO", days=1, page=page, profile_url="https://www.linkedin.com/in/JaneDoe/"
    )
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] == "Jane Doe"
    assert await movements(ctx, company) == {"CFO:left:bob smith", "CFO:took:jane doe"}
    assert (await lead_of(ctx, lead))["campaign_status"] == "bounced"
    assert [row["stop_reason"] for row in await ask(ctx, "select stop_reason from app.enrollments")] == [
        "left the company"
    ]
    (kept,) = await ask(ctx, "select company_id, left_company_at from app.contacts where id = :id", id=bob)
    assert kept["company_id"] == company
    assert kept["left_company_at"] is not None
    (jane,) = await ask(ctx, "select profile_key, title from app.contacts where full_name = 'Jane Doe'")
    assert jane == {"profile_key": "linkedin.com/in/janedoe", "title": "CFO"}
    assert [row["outcome"] for row in await ask(ctx, "select outcome from app.signals order by id")] == [
        "sequence stopped",
        "in office",
    ]
    assert {row["event_type"] for row in await ask(ctx, "select event_type from app.pipeline_events")} >= {
        "signal_raised",
        "signal_processed",
        "slot_filled",
        "slot_vacated",
        "sequence_stopped",
    }


async def test_another_spelling_changes_nothing_but_what_we_lacked(ctx: Context) -> None:
    company = await make_company(ctx)
    bob, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith")
    url = "https://www.linkedin.com/in/rsmith"
    await officer(ctx, company, "Robert J. Smith", title="CFO and Treasurer", days=1, profile_url=url)
    await pump(ctx, 1)
    assert await holders(ctx, company) == {"CEO": None, "CFO": "Bob Smith", "HR": None}
    assert await movements(ctx, company) == set()
    found = await ask(ctx, "select id, profile_key from app.contacts")
    assert found == [{"id": bob, "profile_key": "linkedin.com/in/rsmith"}]
    assert (await lead_of(ctx, lead))["campaign_status"] == "new"


async def test_a_page_that_misses_somebody_once_vacates_nothing_and_a_second_reading_does(ctx: Context) -> None:
    company = await make_company(ctx)
    await make_person(ctx, company, first_name="Bob", last_name="Smith")
    page = await page_of(ctx, company)
    await officer(ctx, company, "Bob Smith", kind="person_absent", days=1, page=page)
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] == "Bob Smith"
    assert await ask(ctx, "select * from app.signals_due") == []
    await officer(ctx, company, "Bob Smith", kind="person_absent", days=31, page=page)
    assert len(await ask(ctx, "select * from app.signals_due")) == 1
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] is None
    assert await movements(ctx, company) == {"CFO:left:bob smith"}


async def test_a_departure_told_by_mail_needs_no_second_reading(ctx: Context) -> None:
    company = await make_company(ctx)
    bob, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await write(ctx, company, "departure", "mail 1", {"name": "Bob Smith"}, days=1, contact=bob)
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] is None
    assert (await lead_of(ctx, lead))["campaign_status"] == "bounced"


async def test_an_older_fact_that_comes_late_does_not_undo_a_newer_one(ctx: Context) -> None:
    company = await make_company(ctx)
    page = await page_of(ctx, company)
    await officer(ctx, company, "Carla Ortega", days=20, page=page)
    await pump(ctx, 1)
    await officer(ctx, company, "Jane Doe", kind="appointment", days=10, page=page)
    await officer(ctx, company, "Bob Smith", days=0, page=page)
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] == "Carla Ortega"
    expected = {"CFO:left:bob smith", "CFO:took:jane doe", "CFO:left:jane doe", "CFO:took:carla ortega"}
    assert await movements(ctx, company) == expected


async def test_what_a_person_set_by_hand_stands_until_something_newer_comes(ctx: Context) -> None:
    company = await make_company(ctx)
    page = await page_of(ctx, company)
    await officer(ctx, company, "Jane Doe", days=-5, page=page)
    await pump(ctx, 1)
    await make_person(ctx, company, first_name="Bob", last_name="Smith")
    await officer(ctx, company, "Carla Ortega", slot="HR", days=1, page=page)  # another thing about the company
    await pump(ctx, 1)
    assert await holders(ctx, company) == {"CEO": None, "CFO": "Bob Smith", "HR": "Carla Ortega"}
    await officer(ctx, company, "Noah Weiss", days=30, page=page)
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] == "Noah Weiss"
    assert "CFO:left:bob smith" in await movements(ctx, company)
    assert "CFO:took:bob smith" not in await movements(ctx, company)


async def test_who_holds_slots_at_two_companies_and_leaves_one_goes_on_at_the_other(ctx: Context) -> None:
    one, other = await make_company(ctx), await make_company(ctx)
    bob, gone_lead = await make_person(ctx, one, first_name="Bob", last_name="Smith", campaign_status="queued")
    _, other_lead = await make_person(ctx, other, contact_id=bob, campaign_status="queued")
    await officer(ctx, one, "Bob Smith", kind="departure", days=1)
    await pump(ctx, 1)
    assert ((await holders(ctx, one))["CFO"], (await holders(ctx, other))["CFO"]) == (None, "Bob Smith")
    assert (await lead_of(ctx, gone_lead))["campaign_status"] == "bounced"
    assert (await lead_of(ctx, other_lead))["campaign_status"] == "queued"
    (contact,) = await ask(ctx, "select company_id, left_company_at from app.contacts where id = :id", id=bob)
    assert contact == {"company_id": other, "left_company_at": None}


async def test_who_is_promoted_is_still_written_to(ctx: Context) -> None:
    company = await make_company(ctx)
    bob, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await officer(ctx, company, "Bob Smith", slot="CEO", title="President & CEO", days=1)
    await pump(ctx, 1)
    assert await holders(ctx, company) == {"CEO": "Bob Smith", "CFO": None, "HR": None}
    assert await movements(ctx, company) == {"CFO:left:bob smith"}
    assert (await lead_of(ctx, lead))["campaign_status"] == "queued"
    (contact,) = await ask(ctx, "select left_company_at from app.contacts where id = :id", id=bob)
    assert contact["left_company_at"] is None


async def test_who_comes_back_stands_in_line_again(ctx: Context) -> None:
    company = await make_company(ctx)
    _, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    page = await page_of(ctx, company)
    await officer(ctx, company, "Bob Smith", kind="departure", days=1, page=page)
    await pump(ctx, 1)
    await officer(ctx, company, "Bob Smith", kind="appointment", days=40, page=page)
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] == "Bob Smith"
    assert (await lead_of(ctx, lead))["campaign_status"] == "queued"
    (contact,) = await ask(ctx, "select left_company_at from app.contacts")
    assert contact["left_company_at"] is None


async def test_a_booking_of_who_left_stands(ctx: Context) -> None:
    company = await make_company(ctx)
    _, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await change(
        ctx,
        """
        with booked as (
          insert into app.appointments (org_id, lead_id, uid, starts_at, ends_at)
          select 1, id, 'u1', app.now() + interval '5 days', app.now() + interval '6 days' from app.leads)
        update app.leads set campaign_status = 'converted'
        """,
    )
    await officer(ctx, company, "Bob Smith", kind="departure", days=1)
    await pump(ctx, 1)
    assert (await lead_of(ctx, lead))["campaign_status"] == "converted"


async def test_facts_that_say_nothing_are_read_and_forgotten(ctx: Context) -> None:
    company = await make_company(ctx)
    for n, value in enumerate(
        [{}, {"name": 3}, {"name": "x" * 300, "slot": "CFO", "title": "Janitor"}, {"slot": "CFO"}]
    ):
        await write(ctx, company, "person_at", f"odd {n}", value)
    await pump(ctx, 1)
    assert set((await holders(ctx, company)).values()) == {None}
    assert await ask(ctx, "select * from app.signals_due") == []


# Rules of the database that one company alone offends: the real thing, not a pretended failure.
CHECK = (
    "alter table app.company_slots"
    " add constraint odd check (contact_id is null or role_code = 'CEO' or company_id <> {bad})"
)
UNIQUE = "create unique index odd on app.company_slots (company_id) where contact_id is not null"


@pytest.mark.parametrize(
    ("offended", "lifted"),
    [(CHECK, "alter table app.company_slots drop constraint odd"), (UNIQUE, "drop index app.odd")],
)
async def test_one_company_that_cannot_be_settled_waits_alone(ctx: Context, offended: str, lifted: str) -> None:
    good, bad = await make_company(ctx), await make_company(ctx)
    await make_person(ctx, bad, "CEO", first_name="Ann", last_name="Lee")
    await officer(ctx, good, "Jane Doe")
    bad_fact = await officer(ctx, bad, "Bob Smith")
    await _owner(ctx, offended.format(bad=bad))
    await pump(ctx, 1)
    assert ((await holders(ctx, good))["CFO"], (await holders(ctx, bad))["CFO"]) == ("Jane Doe", None)
    waiting = await ask(ctx, "select item from app.dlq where stage = 'signals'")
    assert [row["item"] for row in waiting] == [f"fact:{bad_fact}"]
    assert await ask(ctx, "select * from app.signals_due") == []
    await _owner(ctx, lifted)
    await change(ctx, "update app.dlq set retry_after = app.now()")
    await pump(ctx, 1)
    assert (await holders(ctx, bad))["CFO"] == "Bob Smith"
    assert await ask(ctx, "select * from app.dlq") == []


async def test_news_of_others_waits_with_the_company_that_cannot_be_settled(ctx: Context) -> None:
    bad = await make_company(ctx)
    bad_fact = await officer(ctx, bad, "Bob Smith")
    left = {"name": "Ann Lee", "slot": "CFO", "title": "CFO", "sentence": "Ann Lee, CFO of Zebra Inc, left Zebra Inc."}
    of_others = await write(ctx, bad, "departure", "x", left)
    await _owner(ctx, CHECK.format(bad=bad))
    async with asyncio.timeout(60):
        await pump(ctx, 1)
    waiting = "select item, attempts from app.dlq order by id"
    first = [{"item": f"fact:{fact}", "attempts": 1} for fact in (bad_fact, of_others)]
    assert await ask(ctx, waiting) == first
    third = await officer(ctx, bad, "Cy Doe")
    await pump(ctx, 1)
    assert await ask(ctx, waiting) == [*first, {"item": f"fact:{third}", "attempts": 1}], "no try of theirs is used up"


async def test_who_is_named_again_stays_closed_where_another_reason_closed_them(ctx: Context) -> None:
    company = await make_company(ctx)
    _, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await change(ctx, "update app.leads set campaign_status = 'bounced', status_reason = 'no address left'")
    took = {"name": "Bob Smith", "slot": "CFO", "title": "CFO", "date": "2026-11-19"}
    await write(ctx, company, "appointment", "CFO:bob smith:2026-11-19", took)
    await pump(ctx, 1)
    known = await ask(ctx, "select campaign_status::text, status_reason from app.leads where id = :id", id=lead)
    assert known == [{"campaign_status": "bounced", "status_reason": "no address left"}]


async def _owner(ctx: Context, sql: str) -> None:
    async with ctx.db.owner() as db:
        await db.execute(text(sql))


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@pytest.mark.parametrize("where", ["note", "contacts", "move", "raise", "act"])
async def test_a_death_anywhere_loses_nothing_and_doubles_nothing(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    company = await make_company(ctx)
    _, lead = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await officer(ctx, company, "Jane Doe", days=1, page=await page_of(ctx, company))

    async def die(*_: Any, **__: Any) -> Any:
        raise Killed

    module, name = {
        "note": (reading, "_contacts"),
        "contacts": (reading, "_move"),
        "move": (reading, "_mark_leavers"),
        "raise": (reading, "_raised"),
        "act": (tasks, "_act_singly"),
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Killed):
            await pump(ctx, 1)
    await pump(ctx, 1)
    await pump(ctx, 1)
    assert (await holders(ctx, company))["CFO"] == "Jane Doe"
    assert await movements(ctx, company) == {"CFO:left:bob smith", "CFO:took:jane doe"}
    assert (await lead_of(ctx, lead))["campaign_status"] == "bounced"
    assert len(await ask(ctx, "select id from app.contacts")) == 2
    counts = await ask(ctx, "select event_type, count(*) as n from app.pipeline_events group by 1")
    told = {row["event_type"]: row["n"] for row in counts}
    assert (told["signal_raised"], told["signal_processed"]) == (2, 2)


STORY = [
    ("person_at", "Bob Smith", "CFO", 1),
    ("person_at", "Ann Lee", "CEO", 1),
    ("appointment", "Jane Doe", "CFO", 20),
    ("departure", "Robert Smith", "CFO", 22),
    ("person_at", "Doe, Jane", "CFO", 31),
    ("departure", "Ann Lee", "CEO", 40),
    ("person_at", "Wei Zhang", "CEO", 61),
]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.permutations(STORY),
    st.lists(st.integers(0, len(STORY)), max_size=4),
    st.lists(st.sampled_from(STORY), max_size=4),
)
async def test_any_order_any_portions_any_repetition_end_the_same(
    ctx: Context, order: list[Any], pumps: list[int], again: list[Any]
) -> None:
    company = await make_company(ctx)
    page = await page_of(ctx, company)
    for n, (kind, name, slot, days) in enumerate([*order, *again]):
        await officer(ctx, company, name, kind=kind, slot=slot, days=days, page=page)
        if n in pumps:
            await pump(ctx, 1)
    await pump(ctx, 1)
    found = await holders(ctx, company)
    assert found["CEO"] == "Wei Zhang"
    assert found["CFO"] in ("Jane Doe", "Doe, Jane")
    told = {cause.replace("robert smith", "bob smith") for cause in await movements(ctx, company)}
    assert told == {
        "CFO:left:bob smith",
        "CFO:took:jane doe",
        "CEO:left:ann lee",
        "CEO:took:wei zhang",
    }


async def test_two_workers_at_once_tell_of_everything_once(ctx: Context) -> None:
    companies = [await make_company(ctx) for _ in range(4)]
    for company in companies:
        await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
        page = await page_of(ctx, company)
        await officer(ctx, company, "Jane Doe", days=1, page=page)
        await write(ctx, company, "funding", "B", {"amount": 5, "date": "2026-11-20"}, page=page)
    await asyncio.gather(pump(ctx, 1), pump(ctx, 1), pump(ctx, 1))
    told = {"CFO:left:bob smith", "CFO:took:jane doe"}
    assert [await movements(ctx, company) for company in companies] == [told] * 4
    counts = await ask(
        ctx, "select event_type, count(*) as n from app.pipeline_events where stage = 'signals' group by 1"
    )
    assert {row["event_type"]: row["n"] for row in counts} == {"signal_raised": 12, "signal_processed": 12}
    assert await ask(ctx, "select * from app.signals_due") == []
    assert await ask(ctx, "select * from app.dlq") == []
