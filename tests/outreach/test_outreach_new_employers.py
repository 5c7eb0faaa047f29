"""Who went to another employer is not mailed at the old one's mailbox, whoever told of the move."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from campaign_cast import ALL, change, sql

from factories import make_company, make_email, make_person
from penstock.core import clock
from penstock.core.context import Context
from penstock.intake import loads
from penstock.intake.promotion import pump as promote
from penstock.outreach import campaigns
from penstock.signals.tasks import pump as look
from penstock.verification.plain import seal_plain_values
from penstock.worker import run_stage

OLD, NEW, OWN = "mia@alpha-works.example", "mia@beta-works.example", "mia@home.example"
MIA = {"full_name": "Mia Moved", "title": "CFO", "profile_url": "linkedin.com/in/mia-moved"}
GREEN = "update app.contact_points set status = 'green', verified = true, verified_at = app.now() where kind = 'email'"
SEAT = "update company.company_slot set contact_id = :who where company_id = :company and role_code = 'CFO'"


async def mia_at_alpha(ctx: Context, **columns: Any) -> tuple[int, int, int]:
    """Mia, CFO of Alpha, green; gives her, Alpha and Beta."""
    policy = """policy || '{"sources": {"manual": "public_record", "town": "public_record"}}'"""
    await change(ctx, f"update app.orgs set policy = {policy.replace(':', chr(92) + ':')}")
    alpha = await make_company(ctx, name="Alpha Works", domain="alpha-works.example", ein="463000001")
    beta = await make_company(ctx, name="Beta Works", domain="beta-works.example", ein="463000002", **columns)
    who = {"first_name": "Mia", "last_name": "Moved", "profile": "linkedin.com/in/mia-moved"}
    mia, _ = await make_person(ctx, alpha, email=OLD, **who)
    return mia, alpha, beta


async def later(ctx: Context, **seats: int | None) -> None:
    """An hour on, these seats are taken by hand, and the engine hears of it."""
    clock.hold(clock.now() + timedelta(hours=1))
    for company, who in seats.items():
        await change(ctx, SEAT, who=who, company=int(company.removeprefix("c")))
    await look(ctx, 1)


async def told(ctx: Context, *emails: str) -> None:
    """A record names her CFO of Beta, with these addresses."""
    clock.hold(clock.now() + timedelta(days=1))
    people = [{**MIA, "email": email} for email in emails] or [MIA]
    record = {"company_name": "Beta Works", "ein": "46-3000002", "people": people}
    async with ctx.db.tenant(1) as db:
        await loads.receive(db, ctx.sealer, 1, [record], source="town", playbook="renewals", actor="t")
    await promote(ctx, 1)


async def email_of(ctx: Context, who: int) -> str | None:
    (found,) = await sql(ctx, "select email from people.contact where contact_id = :who", who=who)
    return ctx.sealer.open(1, found["email"]) if found["email"] else None


async def ready(ctx: Context) -> set[str]:
    await change(ctx, GREEN)
    await change(ctx, "select people.show_living_email(array(select id from app.contacts))")
    return {row["company_name"] for row in await sql(ctx, "select company_name from company.vw_due_renewals_ready")}


@pytest.mark.parametrize("emails", [(NEW,), (), (OWN,), (OWN, NEW)])
async def test_a_record_of_a_new_employer_retires_the_old_mailbox(ctx: Context, emails: tuple[str, ...]) -> None:
    mia, alpha, _ = await mia_at_alpha(ctx)
    async with ctx.db.tenant(1) as db:
        await make_email(ctx, db, mia, OWN, "green")
    await later(ctx, **{f"c{alpha}": None})
    await told(ctx, *emails)
    assert await email_of(ctx, mia) in (emails or {None})
    assert await ready(ctx) == ({"Beta Works"} if emails else set())
    await run_stage(ctx, "intake.leads", 1)
    await run_stage(ctx, "scoring", 1)
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.added == (1 if emails else 0)
    assert await email_of(ctx, mia) in (emails or {None})


async def test_a_later_list_of_the_old_employer_brings_nothing_back(ctx: Context) -> None:
    mia, alpha, _ = await mia_at_alpha(ctx)
    await later(ctx, **{f"c{alpha}": None})
    await told(ctx, OLD)  # even so: Beta's record says that she is to be had there
    assert await email_of(ctx, mia) == OLD
    await change(ctx, "update people.contact set email = :new where contact_id = :who", new=NEW, who=mia)
    await seal_plain_values(ctx, 1)
    await told(ctx, OLD)
    assert await email_of(ctx, mia) == NEW


@pytest.mark.parametrize("known", [False, True])
async def test_a_seat_at_another_company_retires_the_old_mailbox_and_keeps_the_one_written_since(
    ctx: Context, known: bool
) -> None:
    mia, alpha, beta = await mia_at_alpha(ctx)
    if known:
        async with ctx.db.tenant(1) as db:
            await make_email(ctx, db, mia, OWN, "green")
            await change(ctx, "update app.contact_points set is_primary = value = :old", old=ctx.sealer.seal(1, OLD))
    await later(ctx, **{f"c{alpha}": None})
    assert await email_of(ctx, mia) == OLD  # she left, and has gone nowhere yet
    await change(ctx, "update people.contact set email = :own where contact_id = :who", own=OWN, who=mia)
    await seal_plain_values(ctx, 1)
    await later(ctx, **{f"c{beta}": mia})
    assert await email_of(ctx, mia) == OWN
    assert await ready(ctx) == {"Beta Works"}


async def test_a_seat_at_another_company_leaves_nobody_without_word_at_the_old_mailbox(ctx: Context) -> None:
    mia, alpha, beta = await mia_at_alpha(ctx)
    await later(ctx, **{f"c{alpha}": None})
    await later(ctx, **{f"c{beta}": mia})
    assert await email_of(ctx, mia) is None
    assert await ready(ctx) == set()


async def test_who_comes_back_keeps_the_mailbox(ctx: Context) -> None:
    mia, alpha, _ = await mia_at_alpha(ctx)
    await later(ctx, **{f"c{alpha}": None})
    await later(ctx, **{f"c{alpha}": mia})
    assert await email_of(ctx, mia) == OLD


async def test_who_works_for_two_companies_keeps_the_mailbox_until_they_leave_that_one(ctx: Context) -> None:
    mia, alpha, beta = await mia_at_alpha(ctx)
    await later(ctx, **{f"c{beta}": mia})
    async with ctx.db.tenant(1) as db:
        await make_email(ctx, db, mia, NEW, "yellow")
    assert await email_of(ctx, mia) == OLD
    assert await ready(ctx) == {"Alpha Works", "Beta Works"}
    await later(ctx, **{f"c{alpha}": None})
    assert await email_of(ctx, mia) == NEW
    assert await ready(ctx) == {"Beta Works"}


async def test_who_leaves_one_of_two_companies_keeps_the_mailbox_of_the_other(ctx: Context) -> None:
    mia, _, beta = await mia_at_alpha(ctx)
    await later(ctx, **{f"c{beta}": mia})
    await later(ctx, **{f"c{beta}": None})
    assert await email_of(ctx, mia) == OLD
    assert await ready(ctx) == {"Alpha Works"}


async def test_who_leaves_a_company_whose_domain_nobody_knows_keeps_only_the_others(ctx: Context) -> None:
    mia, alpha, beta = await mia_at_alpha(ctx)
    await change(ctx, "update app.companies set domain = null where id = :alpha", alpha=alpha)
    await later(ctx, **{f"c{beta}": mia})
    await later(ctx, **{f"c{alpha}": None})
    assert await email_of(ctx, mia) is None
