"""What customers pay for and what they used: subscription, usage."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer

from penstock import billing
from penstock.billing import charges, checkout, reconcile, subscriptions
from penstock.billing.rules import month_of, next_month
from penstock.cli.output import Code, Json, answers, command, escape, fail, print_json, table
from penstock.cli.session import session
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.errors import InvalidInput
from penstock.insight import diary

subscription_app = typer.Typer(help="What customers have agreed to pay for.", no_args_is_help=True)
usage_app = typer.Typer(help="What customers used, and what it costs them.", invoke_without_command=True)
LARGEST = 2**31 - 1
Broker = Annotated[str, typer.Argument(help="Id or email of the broker.")]


@subscription_app.command("list", epilog="Example: penstock subscription list --json")
@command
async def list_(json: Json = False) -> None:
    """Every customer with tier, trial and this month's leads."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await subscriptions.listing(db)
    if json:
        print_json([dict(row) for row in found])
        return
    figures = ["trial left", "leads this month"]
    lines = [
        (row["name"], row["email"], row["tier"], row["status"], row["trial_leads_remaining"], row["monthly_lead_count"])
        for row in found
    ]
    answers.print(table("Subscriptions", ["name", "email", "tier", "status", *figures], lines, right=figures))


@subscription_app.command("show", epilog="Example: penstock subscription show bea@acme.example")
@command
async def show(broker: Broker, json: Json = False) -> None:
    """One customer's subscription, and whether leads may be given now."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        broker_id = await subscriptions.find_broker(db, broker)
        found = await subscriptions.show(db, broker_id)
    may = subscriptions.allowance_of(found)
    if json:
        print_json({**found, "allowance": may})
        return
    answers.print(f"[bold]{escape(found['name'])}[/]: {found['tier']}, {found['status']}")
    if found["period_end"]:
        ends = ", and ends then" if found["cancels_at_period_end"] else ""
        answers.print(f"paid period from {found['period_start']} to {found['period_end']}{ends}")
    answers.print(f"{found['trial_leads_remaining']} leads of the trial left, {found['monthly_lead_count']} this month")
    answers.print(may.reason or ("may be given leads" if may.left is None else f"may be given {may.left} leads"))


@subscription_app.command(
    "subscribe", epilog="Example: penstock subscription subscribe bea@acme.example --tier professional"
)
@command
async def subscribe(
    broker: Broker,
    tier: Annotated[str, typer.Option(help="professional or enterprise; by hand also trial.")],
    by_hand: Annotated[bool, typer.Option("--by-hand", help="Who pays in another way: put into the tier now.")] = False,
    json: Json = False,
) -> None:
    """Begin a subscription: prints the page of the payment service where the card is entered."""
    async with session() as ctx:
        broker_id = await _broker(ctx, broker)
        if by_hand:
            async with ctx.db.tenant(ctx.settings.org_id) as db:
                await subscriptions.set_by_hand(db, ctx.settings.org_id, broker_id, tier=tier, actor="cli")
            _say({"broker_id": broker_id, "tier": tier, "status": "active"}, f"{tier}, active", json)
            return
        url = await checkout.start_checkout(ctx, ctx.settings.org_id, broker_id, tier=tier, actor="cli")
    _say({"broker_id": broker_id, "url": url}, url, json)


@subscription_app.command("portal", epilog="Example: penstock subscription portal bea@acme.example")
@command
async def portal(broker: Broker, json: Json = False) -> None:
    """Print the page where a customer changes card and plan and reads invoices."""
    async with session() as ctx:
        broker_id = await _broker(ctx, broker)
        url = await checkout.portal(ctx, ctx.settings.org_id, broker_id)
    _say({"broker_id": broker_id, "url": url}, url, json)


@subscription_app.command("cancel", epilog="Example: penstock subscription cancel bea@acme.example")
@command
async def cancel(
    broker: Broker,
    now: Annotated[bool, typer.Option("--now", help="At once, not with the paid period.")] = False,
    json: Json = False,
) -> None:
    """End a subscription with its paid period; one that is kept by hand ends at once."""
    async with session() as ctx:
        broker_id = await _broker(ctx, broker)
        await checkout.cancel(ctx, ctx.settings.org_id, broker_id, at_once=now, actor="cli")
        async with ctx.db.tenant(ctx.settings.org_id) as db:
            found = await subscriptions.show(db, broker_id)
    ends = f"ends on {found['period_end']}" if found["cancels_at_period_end"] else found["status"]
    _say(dict(found), ends, json)


@subscription_app.command("limit", epilog="Example: penstock subscription limit bea@acme.example --leads 200")
@command
async def limit(
    broker: Broker,
    leads: Annotated[int | None, typer.Option(min=0, max=LARGEST, help="Leads a calendar month at most.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Lift the limit.")] = False,
    json: Json = False,
) -> None:
    """Limit the leads that a customer is given in a month."""
    if (leads is None) is not none:
        raise InvalidInput("say --leads NUMBER or --none")
    async with session() as ctx:
        broker_id = await _broker(ctx, broker)
        async with ctx.db.tenant(ctx.settings.org_id) as db:
            await subscriptions.set_cap(db, ctx.settings.org_id, broker_id, leads=leads, actor="cli")
    said = "no limit" if leads is None else f"{leads} leads a month at most"
    _say({"broker_id": broker_id, "monthly_lead_cap": leads}, said, json)


@subscription_app.command("credit", epilog='Example: penstock subscription credit 3f2a9c01 --reason "wrong roof"')
@command
async def credit(
    lead: Annotated[str, typer.Argument(help="Lead id, its start, or an email or phone of the lead.")],
    reason: Annotated[str, typer.Option(help="Why; without personal data.")],
    json: Json = False,
) -> None:
    """Take back a lead that should not have been charged; one of the trial goes back into it."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        lead_id = await diary.find_lead(db, ctx.sealer, ctx.settings.org_id, lead)
        done = await billing.credit(db, ctx.settings.org_id, lead_id=lead_id, reason=reason, actor="cli")
    where = "given back to the trial" if done.in_trial else "not charged"
    _say({"lead_id": lead_id, **asdict(done)}, f"lead {str(lead_id)[:8]} is {where}", json)


@subscription_app.command("prices", epilog="Example: penstock subscription prices --make")
@command
async def prices(
    playbook: Annotated[str | None, typer.Option(help="Whose prices; by default the only one that has some.")] = None,
    make: Annotated[bool, typer.Option("--make", help="Make the meter and the prices that are missing.")] = False,
    json: Json = False,
) -> None:
    """What a lead costs here and at the payment service. Exit code 3 where the two differ."""
    async with session() as ctx:
        book = ctx.playbooks[_priced(ctx, playbook)]
        tags = await checkout.prices(ctx, book, make=make)
    if json:
        print_json([{**asdict(tag), "agrees": tag.agrees} for tag in tags])
    else:
        lines = [(tag.tier, _usd(tag.ours_cents), _usd(tag.theirs_cents)) for tag in tags]
        answers.print(table("USD a lead", ["tier", "here", "there"], lines, right=["here", "there"]))
    if any(not tag.agrees for tag in tags):
        raise fail("the payment service has other prices: change them there, or the playbook", Code.ATTENTION)


def _usd(cents: Decimal | int | None) -> str:
    return "none" if cents is None else f"{cents / 100:.2f}"


def _priced(ctx: Context, playbook: str | None) -> str:
    priced = [book.name for book in ctx.playbooks.values() if book.territory and book.territory.lead_cents]
    if playbook is None and len(priced) == 1:
        return priced[0]
    if playbook not in priced:
        raise InvalidInput(f"no playbook {playbook or ''!r} has prices for leads", fix=f"one of: {', '.join(priced)}")
    return playbook


@usage_app.callback(epilog="Example: penstock usage --month 2026-11 --json")
def usage(
    asked: typer.Context,
    month: Annotated[str | None, typer.Option(help="Calendar month, YYYY-MM; by default this one.")] = None,
    json: Json = False,
) -> None:
    """What customers used in a month, by metric, and what it costs them."""
    if asked.invoked_subcommand is None:
        _usage(month, json)


@command
async def _usage(month: str | None, json: bool) -> None:
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        today = await scalar(db, charges.SQL["today"], org_id=ctx.settings.org_id)
        first = month_of(today) if month is None else _first_day(month)
        found = await rows(db, charges.SQL["month"], first=first, next=next_month(first))
        states = await rows(db, charges.SQL["states"])
    if json:
        ledger = {row["state"]: row["events"] for row in states}
        print_json({"month": f"{first:%Y-%m}", "usage": [dict(row) for row in found], "ledger": ledger})
        return
    lines = [(row["broker"], row["metric"], f"{row['quantity']:g}", f"{row['cost_usd']:,.2f}") for row in found]
    figures = ["quantity", "USD"]
    answers.print(table(f"Used in {first:%B %Y}", ["customer", "metric", *figures], lines, right=figures))


def _first_day(month: str) -> date:
    if not re.fullmatch(r"2[0-9]{3}-(0[1-9]|1[0-2])", month):
        raise InvalidInput(f"--month is not {month!r}", fix="write it as 2026-11")
    return date.fromisoformat(f"{month}-01")


@usage_app.command("reconcile", epilog="Example: penstock usage reconcile --days 31")
@command
async def compare(
    days: Annotated[int, typer.Option(min=1, max=reconcile.MOST_DAYS, help="Whole days (UTC) before today.")] = 7,
    json: Json = False,
) -> None:
    """Compare our ledger with what the payment service counted. Exit code 3 where they differ."""
    async with session() as ctx:
        found = await reconcile.compare(ctx, ctx.settings.org_id, until=clock.now(), days=days)
    if json:
        print_json(found)
    else:
        answers.print(f"{found.customers} customers from {found.since} to {found.until}")
        figures = ["here", "there"]
        lines = [(one.day, one.broker, one.customer, f"{one.ours:g}", f"{one.theirs:g}") for one in found.differences]
        answers.print(table("Differences", ["day", "customer", "there as", *figures], lines, right=figures))
    if found.differences:
        raise fail(f"{len(found.differences)} days differ: correct them at the payment service", Code.ATTENTION)


@usage_app.command("retry", epilog="Example: penstock usage retry")
@command
async def retry(json: Json = False) -> None:
    """Tell again what the payment service refused, after the cause is mended."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        again = await rows(db, charges.SQL["retry"])
    _say({"retried": len(again)}, f"{len(again)} lines are told again by the next run", json)


async def _broker(ctx: Context, asked: str) -> Any:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        return await subscriptions.find_broker(db, asked)


def _say(facts: dict[str, Any], words: str, json: bool) -> None:
    if json:
        print_json(facts)
    else:
        answers.print(escape(words), soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(subscription_app, name="subscription")
    app.add_typer(usage_app, name="usage")
