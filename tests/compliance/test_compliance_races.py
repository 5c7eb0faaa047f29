"""Senders, people and staff at the same moment: nobody waits for ever, no wish is lost, nothing leaves after a wish."""

import asyncio
from typing import Any

import httpx
from compliance_world import Person, browser, count, fill_in, make_person, run
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from penstock import compliance
from penstock.core.context import Context
from penstock.core.db import rows

HOLD = text("select id from app.enrollments where lead_id = cast(:lead as uuid) order by id for update")


async def enroll(person: Person) -> None:
    await run(
        person.ctx,
        "insert into app.enrollments (org_id, campaign_id, lead_id, persona, next_execution_at)"
        " select 1, min(id), cast(:lead as uuid), 'Eva', app.now() from app.campaigns",
        lead=str(person.lead),
    )


async def send_step(person: Person, step: int) -> None:
    """What a sender does: take the enrollment, make a link, reserve, say it was sent."""
    async with person.ctx.db.tenant(1) as db:
        await rows(db, HOLD, lead=str(person.lead))
        await compliance.issue_consent_link(person.ctx, db, 1, lead_id=person.lead)
        await asyncio.sleep(0.01)
        reservation = await compliance.reserve(
            person.ctx,
            db,
            1,
            lead_id=person.lead,
            contact_point_id=person.email,
            intent=await person.intent(db, "email"),
            reference=f"step-{step}",
        )
        if reservation.attempt_id is not None:
            await compliance.complete(person.ctx, db, 1, attempt_ids=[reservation.attempt_id])


async def test_people_who_stop_and_consent_while_senders_work_are_all_heard(ctx: Context) -> None:
    people = [await make_person(ctx, email=f"p{n}@home.example", phone=f"+1212555{n:04d}") for n in range(100, 106)]
    for person in people:
        await enroll(person)
    links = [await person.link() for person in people]
    async with browser(ctx) as client:
        forms = [await fill_in(client, link) for link in links]

        async def stop(person: Person) -> httpx.Response:
            return await client.post(await person.off_link(), data={"List-Unsubscribe": "One-Click"})

        work: list[Any] = []
        for person, form in zip(people, forms, strict=True):
            work += [send_step(person, 1), client.post("/consent", data=form), stop(person), send_step(person, 2)]
        done = await asyncio.wait_for(asyncio.gather(*work), timeout=60)
    answers = [answer for answer in done if isinstance(answer, httpx.Response)]
    assert {answer.status_code for answer in answers} <= {200, 410}
    for person in people:
        assert "opted_out" in await person.events()
        assert "SUPP_OPT_OUT" in (await person.ask("email")).reasons
        assert "SUPP_OPT_OUT" in (await person.ask("voice_ai")).reasons
    assert await count(ctx, "contact_attempts", "state = 'reserved'") == 0
    async with ctx.db.tenant(1) as db:
        assert (await compliance.verify_chain(ctx, db, 1)).sound


async def test_a_reservation_that_waited_for_a_stop_sees_it(ctx: Context) -> None:
    person = await make_person(ctx)
    async with ctx.db.tenant(1) as db:
        await compliance.suppress(
            ctx, db, 1, reason="SUPP_OPT_OUT", method="reply", actor="person", lead_id=person.lead
        )
        waiting = asyncio.create_task(person.reserve("email"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert (await waiting).decision.reason == "SUPP_OPT_OUT"


async def test_a_wish_is_tried_again_when_the_database_broke_a_ring_at_its_expense(ctx: Context) -> None:
    person, other = await make_person(ctx), await make_person(ctx, email="bob@home.example", first_name="Bob")
    tries = 0

    class Deadlock(Exception):
        sqlstate = "40P01"

    async def act(db: Any) -> str:
        nonlocal tries
        tries += 1
        await compliance.suppress(ctx, db, 1, reason="SUPP_OPT_OUT", method="x", actor="x", lead_id=person.lead)
        if tries < 3:
            raise OperationalError("update", {}, Deadlock())
        return "done"

    assert await ctx.db.again(1, act) == "done"
    assert tries == 3
    assert await person.events() == ["opted_out"]
    assert await other.events() == []


async def test_hundreds_of_questions_cost_a_handful_of_statements(ctx: Context) -> None:
    people = [await make_person(ctx, email=f"p{n}@home.example", phone=f"+1212555{n:04d}") for n in range(100, 140)]

    async def statements(asked: list[Person]) -> int:
        seen: list[str] = []

        def note(*args: Any) -> None:
            seen.append(args[2])

        async with ctx.db.tenant(1) as db:
            intent = await asked[0].intent(db, "email")
            event.listen(ctx.db.engine.sync_engine, "before_cursor_execute", note)
            try:
                requests = [compliance.Request(person.lead, person.email, intent) for person in asked]
                decisions = await compliance.decide_many(ctx, db, 1, requests)
            finally:
                event.remove(ctx.db.engine.sync_engine, "before_cursor_execute", note)
        assert all(decision.allowed for decision in decisions)
        return len(seen)

    assert await statements(people) == await statements(people[:2]) <= 8
