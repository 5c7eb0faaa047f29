"""A slot that somebody empties or fills by hand is a movement like any other: who goes is written to no longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signal_room import ask, at, change, holders, movements, officer, page_of
from sqlalchemy import text

from factories import make_company, make_person
from ground import until_it_waits
from penstock import identity
from penstock.core import clock
from penstock.core.context import Context
from penstock.intake import leads
from penstock.signals.books import books_of
from penstock.signals.reading import read_batch
from penstock.signals.tasks import pump

FACE = "update company.company_slot set contact_id = :who where company_id = :company and role_code = cast(:role as company.role_code_t)"  # fmt: skip # noqa: E501
ENROLL = """
with campaign as (insert into app.campaigns (org_id, name, playbook) values (1, 'c', 'renewals') returning id)
insert into app.enrollments
  (org_id, lead_id, campaign_id, contact_point_id, state, current_step, started_at, next_execution_at, persona)
select 1, l.id, campaign.id, p.id, 'active', 1, app.now(), app.now() + interval '2 days', 'x'
  from app.leads l join app.contact_points p on p.contact_id = l.contact_id, campaign
"""


async def seat(ctx: Context, company: int, who: int | None, role: str = "CFO") -> None:
    """Somebody writes to the face at a SQL prompt."""
    await change(ctx, FACE, company=company, who=who, role=role)


async def bob_at(ctx: Context, company: int) -> int:
    """Bob Smith, CFO, in the middle of a sequence."""
    bob, _ = await make_person(ctx, company, first_name="Bob", last_name="Smith", campaign_status="queued")
    await change(ctx, "update app.leads set campaign_status = 'active'")
    await change(ctx, ENROLL)
    return bob


async def jane_of(ctx: Context) -> int:
    (made,) = await ask(ctx, "insert into people.contact (full_name, title) values ('Jane Doe', 'CFO') returning *")
    return int(made["contact_id"])


async def work(ctx: Context) -> None:
    await pump(ctx, 1)
    await leads.pump(ctx, 1)


async def standing_of(ctx: Context, who: int) -> dict[str, Any]:
    (found,) = await ask(
        ctx,
        "select l.campaign_status, e.state, e.stop_reason, c.left_company_at is not null as left from app.contacts c"
        " join app.leads l on l.contact_id = c.id left join app.enrollments e on e.lead_id = l.id where c.id = :who",
        who=who,
    )
    return found


GONE = {"campaign_status": "bounced", "state": "stopped", "stop_reason": "left the company", "left": True}


@pytest.mark.parametrize("how", ["set to null", "deleted", "given to another"])
async def test_who_is_taken_out_of_a_slot_by_hand_is_written_to_no_longer(ctx: Context, how: str) -> None:
    company = await make_company(ctx)
    bob = await bob_at(ctx, company)
    jane = await jane_of(ctx) if how == "given to another" else None
    if how == "deleted":
        await change(ctx, "delete from company.company_slot where company_id = :company and role_code = 'CFO'", company=company)  # fmt: skip # noqa: E501
    else:
        await seat(ctx, company, jane)
    assert await ask(ctx, "select 1 from app.signals_due") != []
    await work(ctx)
    assert await standing_of(ctx, bob) == GONE
    assert await holders(ctx, company) == {"CEO": None, "CFO": "Jane Doe" if jane else None, "HR": None}
    assert await movements(ctx, company) == {"CFO:left:bob smith"}
    (told,) = await ask(ctx, "select payload, contact_id, outcome from app.signals")
    assert (told["contact_id"], told["outcome"], told["payload"]["source"]) == (bob, "sequence stopped", "hand")
    assert told["payload"]["successor"] == ("Jane Doe" if jane else None)
    assert await ask(ctx, "select 1 from app.signals_due") == []
    await work(ctx)
    assert len(await movements(ctx, company)) == 1


async def test_a_slot_emptied_by_hand_stays_so_though_the_page_names_them_still(ctx: Context) -> None:
    company = await make_company(ctx)
    page = await page_of(ctx, company)
    await officer(ctx, company, "Bob Smith", days=-40, page=page)
    await pump(ctx, 1)
    await seat(ctx, company, None)
    await officer(ctx, company, "Bob Smith", days=-40, seen=1, page=page)
    await officer(ctx, company, "Ann Lee", slot="HR", days=1, page=page)
    await pump(ctx, 1)
    assert await holders(ctx, company) == {"CEO": None, "CFO": None, "HR": "Ann Lee"}
    assert await movements(ctx, company) == {"CFO:left:bob smith"}


async def test_who_is_moved_to_another_slot_by_hand_is_written_to_as_before(ctx: Context) -> None:
    company = await make_company(ctx)
    bob = await bob_at(ctx, company)
    async with ctx.db.tenant(1) as db:
        for role, who in (("CFO", None), ("HR", bob), ("HR", None), ("CEO", bob)):  # all at one instant
            await db.execute(text(FACE), {"company": company, "who": who, "role": role})
    await work(ctx)
    assert await holders(ctx, company) == {"CEO": "Bob Smith", "CFO": None, "HR": None}
    assert await standing_of(ctx, bob) == {
        "campaign_status": "active", "state": "active", "stop_reason": None, "left": False,
    }  # fmt: skip
    assert "CFO:left:bob smith" in await movements(ctx, company)


@pytest.mark.parametrize("moves", [False, True])
async def test_no_step_is_tried_between_the_hand_and_what_follows(ctx: Context, moves: bool) -> None:
    company = await make_company(ctx)
    bob = await bob_at(ctx, company)
    due = "select 1 from app.outreach_due"
    with clock.held_at(at(3)):
        assert len(await ask(ctx, due)) == 1
        await seat(ctx, company, None)
        if moves:
            await seat(ctx, company, bob, "CEO")
        assert await ask(ctx, due) == []  # at once, before any worker looked
        books = books_of(ctx.playbooks)
        async with ctx.db.tenant(1) as db:
            await read_batch(db, ctx.sealer, 1, books)
        assert await ask(ctx, due) == []  # the signal is raised, and not acted on yet
        await work(ctx)
        assert len(await ask(ctx, due)) == moves


async def test_who_is_put_back_by_hand_stands_in_line_again_and_may_leave_again(ctx: Context) -> None:
    company = await make_company(ctx)
    bob = await bob_at(ctx, company)
    for days, who, status in ((0, None, "bounced"), (1, bob, "queued"), (2, None, "bounced")):
        with clock.held_at(at(days)):
            await seat(ctx, company, who)
            await work(ctx)
        found = await standing_of(ctx, bob)
        assert (found["campaign_status"], found["left"]) == (status, who is None)
    assert await movements(ctx, company) == {"CFO:left:bob smith", "CFO:took:bob smith", "CFO:left:bob smith:2"}


async def test_who_left_is_seated_lead_first_and_person_last(ctx: Context) -> None:
    company = await make_company(ctx)
    bob = await bob_at(ctx, company)
    await seat(ctx, company, None)
    await work(ctx)
    other = await make_company(ctx)
    async with asyncio.TaskGroup() as hands, ctx.db.tenant(1) as db:
        await db.execute(text("select 1 from app.leads where contact_id = :bob for update"), {"bob": bob})
        seating = hands.create_task(seat(ctx, other, bob))
        await until_it_waits(db, seating)
        await db.execute(text("select 1 from app.contacts where id = :bob for update nowait"), {"bob": bob})
    assert (await holders(ctx, other))["CFO"] == "Bob Smith"
    (left,) = await ask(ctx, "select left_company_at, company_id from app.contacts where id = :bob", bob=bob)
    assert left == {"left_company_at": None, "company_id": other}


async def test_who_is_put_out_of_two_companies_is_let_go_at_both(ctx: Context) -> None:
    one, other = await make_company(ctx), await make_company(ctx)
    bob, _ = await make_person(ctx, one, first_name="Bob", last_name="Smith", campaign_status="queued")
    await make_person(ctx, other, contact_id=bob, campaign_status="queued")
    await seat(ctx, other, None)
    await seat(ctx, one, None)
    await work(ctx)
    found = await ask(ctx, "select campaign_status from app.leads")
    assert [row["campaign_status"] for row in found] == ["bounced", "bounced"]


async def test_what_the_engine_does_to_a_slot_is_nobodys_hand(ctx: Context) -> None:
    company = await make_company(ctx)
    await bob_at(ctx, company)
    async with ctx.db.tenant(1) as db:
        await identity.assign_slot(db, 1, company, "CFO", None, reason="page", at=clock.now())
    assert await ask(ctx, "select 1 from app.company_facts") == []


async def test_a_list_filled_by_hand_is_no_movement(ctx: Context) -> None:
    company = await make_company(ctx)
    await seat(ctx, company, await jane_of(ctx))
    assert await ask(ctx, "select 1 from app.company_facts") == []
    await work(ctx)
    assert await movements(ctx, company) == set()


HANDS = st.tuples(st.sampled_from(("CEO", "CFO", "HR")), st.integers(0, 3), st.integers(0, 2), st.booleans())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HANDS, min_size=1, max_size=9))
async def test_whatever_hands_do_the_slots_stand_so_and_exactly_who_holds_none_is_let_go(
    ctx: Context, hands: list[tuple[str, int, int, bool]]
) -> None:
    company = await make_company(ctx)
    names = ("Bob Smith", "Ann Lee", "Wei Zhang")
    people = [
        (await make_person(ctx, company, None, first_name=first, last_name=last, campaign_status="queued"))[0]
        for first, last in map(str.split, names)
    ]
    held: dict[str, int | None] = {"CEO": None, "CFO": None, "HR": None}
    were: set[int] = set()
    day = 0
    for role, number, days, pumps in hands:
        day += days
        who = people[number - 1] if number else None
        if who in held.values():
            who = None
        with clock.held_at(at(day)):
            await seat(ctx, company, who, role)
            if pumps:
                await work(ctx)
        were |= {one for one in (held[role], who) if one}
        held[role] = who
    with clock.held_at(at(day)):
        await work(ctx)
    found = {role: name and people[names.index(name)] for role, name in (await holders(ctx, company)).items()}
    assert found == held
    for person in were:
        state = await standing_of(ctx, person)
        seated = person in held.values()
        assert (state["campaign_status"], state["left"]) == (("queued", False) if seated else ("bounced", True)), person
    assert await ask(ctx, "select 1 from app.signals_due") == []
