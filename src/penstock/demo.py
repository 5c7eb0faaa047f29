"""The main job from end to end: a list goes in, appointments and invoices come out, graded by the town.

Everything is real but the vendors and the people: PostgreSQL, HTTP, SMTP, files. A run that was killed goes on where it
stopped when it is started again on the same database and town.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from penstock import assembly, billing, demo_territory, insight, intake, onboarding, simulate
from penstock.core import clock, embedded
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput
from penstock.core.settings import Settings
from penstock.core.sqlfile import load
from penstock.playbook import Showcase
from penstock.schema import migrate
from penstock.simulate import Plan, TownControl
from penstock.town.server import Town, start_town
from penstock.worker import signed_in

SQL = load(__package__, "demo.sql")
DATABASE = "penstock_demo"
ORG_ID = 1
DAYS = Showcase.days
FIRST_MORNING = datetime(
    2026, 11, 30, 4, 0, tzinfo=ZoneInfo("America/Los_Angeles")
)  # a Monday, before the timetable begins
TOLD = ("emails", "calls", "consents", "opt_outs", "replies", "bookings", "business")
_NAMES = UUID("0d2f3c0e-5e1b-4a53-9d5c-6d3d6e0a7f01")
ORG = onboarding.OrgProfile(
    slug="summit",
    name="Summit",
    legal_name="Summit LLC",
    postal_address=onboarding.MADE_UP_ADDRESS,
    support_email="help@summit.example",
    support_phone="+18135550190",
    from_domain="mail.summit.example",
    public_url="http://127.0.0.1",
    alert_email="ops@summit.example",
    # The town's phone check asks the states' own lists too. A real operator adds a state once the vendor attests it.
    policy={"registry_lists": ["US", "CO", "FL", "IN", "LA", "MA", "MO", "OK", "PA", "TN", "TX", "WY"]},
)
BROKERS = (
    ("Dana Whitfield", "dana", "America/New_York"),
    ("Luis Ortega", "luis", "America/Chicago"),
    ("Mei Tanaka", "mei", "America/New_York"),
)
NUMBER_STATES = (
    ("FL", "813"),
    ("PA", "215"),
    ("TN", "615"),
    ("TX", "214"),
    ("NY", "212"),
    ("OH", "614"),
    ("GA", "404"),
)

Progress = Callable[[datetime, str], None]
"""Called with the simulated instant and what is being done."""


@dataclass(frozen=True)
class Request:
    """What to run: which playbook on how many of the town's records, or on a file; for how many simulated days; in
    which town. No `rows` or `days`: what the playbook's showcase has."""

    rows: int | None = None
    days: int | None = None
    seed: int = 7
    playbook: str = "equity"
    file: Path | None = None
    map_name: str = "auto"
    faults: dict[str, dict[str, float]] | None = None


async def run_demo(settings: Settings, request: Request, progress: Progress) -> dict[str, Any]:
    """The whole run on a database of its own on the embedded server (or DATABASE_URL); gives the report.

    Leaves nothing running.
    """
    began = clock.stopwatch()
    settings = demo_settings(settings, request.seed)
    with start_town(seed=request.seed) as town:
        await _misbehave(town, request)  # before anything is dropped: it refuses faults that do not exist
        if settings.database_url:
            return await _run_on(settings, settings.database_url, town, request, progress, began)
        with embedded.embedded_server(settings.home) as server:
            server.drop_database(DATABASE)
            return await _run_on(settings, server.ensure_database(DATABASE), town, request, progress, began)


async def _misbehave(town: Town, request: Request) -> None:
    control = TownControl(town.http_url)
    try:
        await control.misbehave(request.faults or {})
    finally:
        await control.close()


def demo_settings(settings: Settings, seed: int) -> Settings:
    """Settings of a demo: its key is made from the seed, so that a run repeats to the letter. Never used elsewhere."""
    key = hashlib.sha256(f"penstock demo {seed}".encode()).hexdigest()
    return settings.model_copy(update={"environment": "demo", "master_key": SecretStr(key)})


async def _run_on(
    settings: Settings, url: str, town: Town, request: Request, progress: Progress, began: float
) -> dict[str, Any]:
    pointed = assembly.pointed_at_town(settings, town.http_url, town.smtp_host, town.smtp_port)
    migrate.upgrade(url)
    async with assembly.context(pointed, url) as ctx:
        if real := await onboarding.real_tenants(ctx):
            raise Conflict(
                f"{', '.join(real)} in this database is real.", fix="unset DATABASE_URL, or name an empty one"
            )
        try:
            return await carry_on(ctx, town.http_url, request, progress, began)
        finally:
            clock.release()


async def carry_on(ctx: Context, town_url: str, request: Request, progress: Progress, began: float) -> dict[str, Any]:
    """Start the run, or go on with it, to its end; gives the report."""
    control = TownControl(town_url)
    try:
        show = showcase_of(ctx, request.playbook)
        request = dataclasses.replace(request, rows=request.rows or show.rows, days=request.days or show.days)
        first = FIRST_MORNING.astimezone(UTC)
        plan = Plan(request.seed, first, first + timedelta(days=request.days or 0), request.rows)
        await simulate.begin(ctx, plan)
        port = (await simulate.remember(ctx)).get("port") or simulate.free_port()
        await simulate.remember(ctx, port=port)
        ctx = dataclasses.replace(ctx, settings=assembly.reached_at(ctx.settings, f"http://127.0.0.1:{port}"))
        async with simulate.served(ctx, port) as base, signed_in(ctx) as queue:
            await open_shop(ctx, base, show)
            await control.set_clock(clock.now())
            await control.employ([f"{username}@summit.example" for _, username, _ in BROKERS] + ["ops@summit.example"])
            await control.post_to(
                base,
                mail_token=ctx.settings.mail.inbound_token.get_secret_value(),
                calcom_secret=ctx.settings.vendors.calcom.webhook_secret.get_secret_value(),
                vapi_secret=ctx.settings.vendors.vapi.webhook_secret.get_secret_value(),
                stripe_secret=ctx.settings.vendors.stripe.webhook_secret.get_secret_value(),
            )
            content = request.file.read_bytes() if request.file else await _list_of(control, ctx, request)
            await _load(ctx, request, content, progress)
            if _is_on_the_map(ctx, request):
                customers = demo_territory.Customers(*(uuid5(_NAMES, username) for _, username, _ in BROKERS[:2]))
                await demo_territory.open_books(
                    ctx, ORG_ID, request.playbook, customers, town=control, progress=progress
                )
                until_known = dataclasses.replace(plan, ends_at=plan.starts_at + timedelta(hours=1))
                await simulate.run(ctx, queue, control, until_known, progress)
                await demo_territory.order_scans(ctx, ORG_ID, request.playbook, customers)
            await simulate.run(ctx, queue, control, plan, progress)
            progress(clock.now(), "closing the books")
            await billing.close_period(ctx, ORG_ID, clock.now())
            return await _report(ctx, control, request, _count_rows(content), clock.stopwatch() - began)
    finally:
        await control.close()


def showcase_of(ctx: Context, playbook: str) -> Showcase:
    """What a demo of the playbook shows. Raises InvalidInput where there is none."""
    shown = {book.name: book.showcase for book in ctx.playbooks.values() if book.showcase}
    if playbook not in shown:
        raise InvalidInput(f"there is no demo of a playbook {playbook!r}", fix=f"use one of: {', '.join(shown)}")
    return shown[playbook]


async def open_shop(ctx: Context, base: str, show: Showcase) -> None:
    """The org, three brokers and their numbers; what is there already stays, but for where its made-up pages are."""
    seller = dataclasses.replace(ORG, name=show.seller, legal_name=f"{show.seller} LLC", public_url=base)
    await onboarding.ensure_org(ctx, ORG_ID, seller)
    await onboarding.keep_apart(ctx)
    async with ctx.db.tenant(ORG_ID) as db:
        await execute(db, SQL["pages_are_at"], org_id=ORG_ID, base=base, made_up=onboarding.MADE_UP_ADDRESS)
    for index, (name, username, timezone) in enumerate(BROKERS, start=1):
        broker_id = uuid5(_NAMES, username)
        async with ctx.db.tenant(ORG_ID) as db:
            if await scalar(db, SQL["broker_exists"], id=str(broker_id)):
                continue
        profile = onboarding.BrokerProfile(
            name=name,
            email=f"{username}@summit.example",
            company=show.seller,
            phone=f"+1813555020{index}",
            timezone=timezone,
            calendar_username=username,
            calendar_event_slug=show.calendar_slug,
            calendar_event_type_id=index,
        )
        await onboarding.add_broker(ctx, ORG_ID, profile, broker_id=broker_id)
        numbers = [
            (f"+1{area}55501{index}{n}", state, f"pn-{username}-{state.lower()}")
            for n, (state, area) in enumerate(NUMBER_STATES)
        ]
        await onboarding.add_numbers(ctx, ORG_ID, broker_id, numbers)


async def _list_of(control: TownControl, ctx: Context, request: Request) -> bytes:
    """The list that the town has for the playbook: of owners to write to, of the houses of a city, or of companies."""
    wanted = control.companies if _is_about_companies(ctx, request) else control.records
    if _is_on_the_map(ctx, request):
        wanted = control.places
    return await wanted(request.rows or 0)


def _is_about_companies(ctx: Context, request: Request) -> bool:
    return ctx.playbooks[request.playbook].subject == "company"


def _is_on_the_map(ctx: Context, request: Request) -> bool:
    return ctx.playbooks[request.playbook].territory is not None


async def _load(ctx: Context, request: Request, content: bytes, progress: Progress) -> None:
    async with ctx.db.tenant(ORG_ID) as db:
        if await scalar(db, SQL["upload_done"]):
            return
    name, source = ("companies.csv", "town") if _is_about_companies(ctx, request) else ("county-records.csv", "county")
    await intake.import_file(
        ctx,
        ORG_ID,
        stream=io.BytesIO(content),
        name=request.file.name if request.file else name,
        playbook=request.playbook,
        map_name=request.map_name,
        source=source,
        progress=lambda count, phase: progress(clock.now(), f"import: {phase} {count}"),
        actor="demo",
    )


def _count_rows(content: bytes) -> int:
    """Data rows of a CSV, counted by another reader than the product's: rows are checked against it."""
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return (
        sum(1 for row in csv.reader(io.StringIO(plain.decode("utf-8", "replace"))) if any(cell.strip() for cell in row))
        - 1
    )


async def _report(
    ctx: Context, control: TownControl, request: Request, rows_in_file: int, seconds: float
) -> dict[str, Any]:
    truth = await control.truth()
    async with ctx.db.tenant(ORG_ID) as db:
        funnel = await insight.funnel(db)
        waiting = await insight.waiting(db)
        held_back = await insight.held_back(db)
        later = {
            row["stage"]: {"items": row["items"], "next": row["at"].isoformat()} for row in await rows(db, SQL["later"])
        }
        conserved = await one(db, SQL["conservation"])
        income = await one(db, SQL["income"])
        of_companies = await one(db, SQL["company_stages"])
    assert conserved is not None and income is not None and of_companies is not None
    stages: dict[str, Any] = {k: v for k, v in funnel.stages.items() if k != "leads"}
    if _is_about_companies(ctx, request):
        stages = dict(of_companies)
    if _is_on_the_map(ctx, request):
        stages = dict(await demo_territory.figures(ctx, ORG_ID))
    details: dict[str, Any] = {name: stages.pop(name) for name in ("signals_by_reason", "tasks") if name in stages}
    lost = sum(conserved[name] for name in ("without_lead", "stranded", "unled", "unread"))
    return {
        "playbook": request.playbook,
        "rows": dict(funnel.rows),
        "stages": {"read": funnel.rows["read"], "inserted": funnel.rows["inserted"], **stages},
        **details,
        "waiting": {stage: count for stage, count in waiting.items() if count},
        "later": later,
        "spend_cents": {
            "total": _rounded(funnel.spend_cents.total),
            "by_stage": {name: _rounded(cents) for name, cents in funnel.spend_cents.by_stage.items()},
            "by_vendor": {name: _rounded(cents) for name, cents in funnel.spend_cents.by_vendor.items()},
            "per_appointment": _rounded(funnel.spend_cents.per_appointment),
        },
        "invoices": {"count": income["invoices"], "total_cents": int(income["total_cents"]), "lines": income["lines"]},
        "not_contacted": held_back,
        "grade": {
            "rows_lost": rows_in_file - conserved["accounted"] + lost,
            "paid_twice": truth["paid_twice"],
            "contacted_against_rule": truth["contacted_against_rule"],
            **(_watching_graded(truth["business"]) if _is_about_companies(ctx, request) else {}),
            **(await demo_territory.graded(ctx, ORG_ID, truth) if _is_on_the_map(ctx, request) else {}),
            "right_party_rate": truth["right_party_rate"],
        },
        "town": {name: truth[name] for name in TOLD if name in truth} | {"business": _of_the_seed(truth["business"])},
        "simulated": {"from": FIRST_MORNING.isoformat(), "days": request.days, "seed": request.seed},
        "seconds": round(seconds, 1),
    }


def _of_the_seed(business: dict[str, Any]) -> dict[str, Any]:
    """What the town saw of our manners, without what depends on the real clock: the same seed gives the same report."""
    pages = {kind: seen for kind, seen in business["pages"].items() if kind != "robots"}
    return {name: business[name] for name in ("emails", "right_party_rate", "robots")} | {"pages": pages}


def _rounded(cents: float | None) -> float | None:
    return None if cents is None else round(cents, 3)


def _watching_graded(business: dict[str, Any]) -> dict[str, int]:
    """What must not happen to companies: a page read twice in its time, robots.txt ignored, two people at once."""
    return {
        "pages_read_twice": sum(seen["twice"] for kind, seen in business["pages"].items() if kind != "robots"),
        "robots_ignored": business["robots"]["disallowed"],
        "two_people_at_once": business["emails"]["two_at_once"],
    }
