"""The address at the moment of sending: green, or yellow where the campaign takes it, and nothing else, ever."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_company, make_email, make_person
from mailhouse import Mailhouse
from penstock import compliance
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.outreach import campaigns
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump

ALL = {"playbook": "renewals", "name": "Spring"}


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def turn(ctx: Context, colour: str, *, checking: bool = False) -> None:
    await change(
        ctx,
        "update app.contact_points set status = cast(:colour as people.email_status_t), verified = false,"
        " check_due_at = case when :checking then app.now() + interval '1 day' end where kind = 'email' and is_primary",
        colour=colour, checking=checking,
    )  # fmt: skip


async def fed(ctx: Context, **kwargs: Any) -> tuple[int, uuid.UUID]:
    contact, lead = await make_person(ctx, await make_company(ctx), email="ada@co.example", **kwargs)
    await campaigns.create(ctx, 1, **ALL)
    assert (await feed(ctx, 1))["fed"] == 1
    return contact, lead


async def enrollment(ctx: Context, lead: uuid.UUID) -> dict[str, Any]:
    (found,) = await sql(
        ctx,
        "select e.state, e.stop_reason, e.current_step, e.next_execution_at, l.campaign_status from app.enrollments e"
        " join app.leads l on l.id = e.lead_id where lead_id = :id",
        id=lead,
    )
    return found


async def test_a_green_address_is_mailed_to_and_the_mail_names_company_and_origin(
    sender: Context, house: Mailhouse
) -> None:
    await fed(sender, source="email_pattern")
    await pump(sender, 1)
    ((_, recipient, message),) = house.arrived
    body = message.get_body(("plain",)).get_content()
    assert recipient == "ada@co.example" and "renews in February" in body and "Company" in message["Subject"]
    assert body.startswith("We found your name in public business records") and "worked out" in body


@pytest.mark.parametrize("colour", ["red", "gray", "yellow"])
async def test_an_address_that_turned_is_never_mailed_to(sender: Context, house: Mailhouse, colour: str) -> None:
    _, lead = await fed(sender)
    await turn(sender, colour)
    await pump(sender, 1)
    assert house.arrived == []
    row = await enrollment(sender, lead)
    assert (row["state"], row["campaign_status"]) == ("stopped", "bounced")


async def test_an_address_that_is_checked_anew_waits_for_its_answer(sender: Context, house: Mailhouse) -> None:
    _, lead = await fed(sender)
    await turn(sender, "gray", checking=True)
    await pump(sender, 1)
    row = await enrollment(sender, lead)
    assert house.arrived == [] and row["state"] == "active" and row["next_execution_at"] > clock.now()
    await turn(sender, "green")
    clock.hold(row["next_execution_at"])
    await pump(sender, 1)
    assert len(house.arrived) == 1


async def test_another_good_address_of_the_person_takes_over(sender: Context, house: Mailhouse) -> None:
    contact, lead = await fed(sender)
    async with sender.db.tenant(1) as db:
        await make_email(sender, db, contact, "ada@other.example")
    await turn(sender, "yellow")
    await pump(sender, 1)
    assert [recipient for _, recipient, _ in house.arrived] == ["ada@other.example"]
    assert (await enrollment(sender, lead))["state"] == "active"


async def test_an_address_that_turns_between_the_reservation_and_the_wire_is_not_mailed_to(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lead = await fed(sender)
    real = compliance.last_look

    async def meanwhile(ctx: Context, org_id: int, attempts: Any) -> frozenset[int]:
        await turn(ctx, "gray", checking=True)
        return await real(ctx, org_id, attempts)

    monkeypatch.setattr(compliance, "last_look", meanwhile)
    await pump(sender, 1)
    assert house.arrived == []
    row = await enrollment(sender, lead)
    assert (row["state"], row["current_step"]) == ("active", 0)


async def test_a_yellow_address_is_mailed_to_where_the_campaign_takes_it(sender: Context, house: Mailhouse) -> None:
    _, lead = await make_person(sender, await make_company(sender), colour="yellow", contactable=True)
    await campaigns.create(sender, 1, **ALL, allow_yellow=True)
    assert (await feed(sender, 1))["fed"] == 1
    await pump(sender, 1)
    assert len(house.arrived) == 1
    assert (await enrollment(sender, lead))["campaign_status"] == "active"
