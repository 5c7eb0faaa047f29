"""A tenant that can work: the org, its campaigns, prices, caps; brokers with their numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import execute, many, one, rows
from penstock.core.errors import Conflict, NotConfigured
from penstock.core.sqlfile import load
from penstock.playbook import Playbook

SQL = load(__package__, "onboarding.sql")
MADE_UP_ADDRESS = "200 Harbor Street, Tampa, FL 33602"
"""Where the org of the town lives. Nobody may be written to in its name."""
ELSEWHERE = "try things out in another database: another DATABASE_URL or PENSTOCK_HOME"
FRESH = "use a fresh database (another DATABASE_URL or PENSTOCK_HOME) and import your lists into it"


@dataclass(frozen=True)
class OrgProfile:
    """Who contacts people: all of it is shown to them or demanded by law."""

    slug: str
    name: str
    legal_name: str
    postal_address: str
    support_email: str
    support_phone: str
    from_domain: str
    public_url: str
    timezone: str = "America/Los_Angeles"
    alert_email: str | None = None
    alert_webhook_url: str | None = None
    alert_secret: str | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)  # over the playbooks' POLICY values


@dataclass(frozen=True)
class BrokerProfile:
    """Who gets the appointments."""

    name: str
    email: str
    company: str | None = None
    phone: str | None = None
    timezone: str = "America/Los_Angeles"
    daily_cap: int = 250
    calendar_username: str | None = None
    calendar_event_slug: str | None = None
    calendar_event_type_id: int | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None


async def ensure_org(ctx: Context, org_id: int, profile: OrgProfile) -> bool:
    """Make the org with campaigns, prices and caps of every playbook; gives False if a real one is there already.

    One that a first import made without a postal address, and that therefore may write to nobody, becomes this one.
    Raises Conflict for a real one where a town was, and for the town's where a real one is.
    """
    columns = {**_columns(profile), "alert_secret_sealed": _sealed(ctx, org_id, profile.alert_secret)}
    async with ctx.db.owner() as db:
        await execute(db, SQL["lock_sides"])
        if profile.postal_address == MADE_UP_ADDRESS:
            await _refuse_real(db)
        elif profile.postal_address:
            await _refuse_rehearsed(db)
        done = await execute(db, SQL["complete_org"], org_id=org_id, **columns)
        done += await execute(db, SQL["insert_org"], org_id=org_id, made_up=MADE_UP_ADDRESS, **columns)
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["insert_key_version"], version=ctx.sealer.current)
    await ensure_playbooks(ctx, org_id)
    return bool(done)


async def keep_apart(ctx: Context) -> None:
    """A database is in a town or reaches people, never both: take its side, for good. Does nothing where neither is so.

    Raises Conflict where it has taken the other, NotConfigured for a town in production.
    """
    if ctx.settings.town_url and ctx.settings.environment == "production":
        raise NotConfigured("A town stands in for nobody in production.", fix="unset PENSTOCK_TOWN_URL")
    if not ctx.settings.town_url and not ctx.settings.reaches_people:
        return
    async with ctx.db.owner() as db:
        await execute(db, SQL["lock_sides"])
        if ctx.settings.town_url:
            await _refuse_real(db)
            await execute(db, SQL["rehearse"])
        else:
            await _refuse_rehearsed(db)
            await execute(db, SQL["go_live"])


async def is_rehearsed(ctx: Context) -> bool:
    """Whether a town answered in this database, so that what it holds is invented."""
    async with ctx.db.owner() as db:
        return bool(await rows(db, SQL["in_a_town"]))


async def real_tenants(ctx: Context) -> list[str]:
    """Slugs of who has a profile of its own, or could reach people before."""
    async with ctx.db.owner() as db:
        return [row["slug"] for row in await rows(db, SQL["real"])]


async def _refuse_real(db: AsyncConnection) -> None:
    if slugs := [row["slug"] for row in await rows(db, SQL["real"])]:
        raise Conflict(f"{', '.join(slugs)} is real: what a town says is invented.", fix=ELSEWHERE)


async def _refuse_rehearsed(db: AsyncConnection) -> None:
    if slugs := [row["slug"] for row in await rows(db, SQL["in_a_town"])]:
        raise Conflict(f"{', '.join(slugs)} was in a town: people and answers in it are invented.", fix=FRESH)


async def ensure_playbooks(ctx: Context, org_id: int) -> None:
    """Campaigns, prices and caps of playbooks that the org has nothing of yet; what was taken away stays away."""
    async with ctx.db.tenant(org_id) as db:
        known = {row["playbook"] for row in await rows(db, SQL["known_playbooks"])}
        for playbook in ctx.playbooks.values():
            if playbook.name not in known:
                await _ensure_playbook(db, org_id, playbook)


async def _ensure_playbook(db: AsyncConnection, org_id: int, playbook: Playbook) -> None:
    if playbook.subject != "company":  # people at companies are meant by name, in campaigns made for them
        named = {"org_id": org_id, "playbook": playbook.name, "name": playbook.sequence_name}
        await execute(db, SQL["insert_campaign"], **named)
        await execute(db, SQL["insert_nodes"], **named, nodes=json.dumps(drawn(playbook)))
    await many(
        db,
        SQL["insert_tier"],
        [
            {
                "org_id": org_id,
                "playbook": playbook.name,
                "event_type": f.event_type,
                "from_count": f.from_count,
                "unit_cents": f.unit_cents,
            }
            for f in playbook.fees
        ],
    )
    await many(
        db,
        SQL["insert_cap"],
        [
            {"org_id": org_id, "scope": scope, "playbook": playbook.name, "cap_cents": cents}
            for scope, cents in playbook.caps_cents.items()
        ],
    )


def drawn(playbook: Playbook) -> list[dict[str, Any]]:
    """The playbook's sequence as nodes from top to bottom: START, a WAIT before each later step, END."""
    nodes: list[dict[str, Any]] = [{"node_id": "start", "node_type": "START", "step": None, "config": {}}]
    day = 1
    for number, step in enumerate(playbook.sequence, start=1):
        if step.day > day:
            nodes.append({"node_id": f"wait-{number}", "node_type": "WAIT", "step": None})
            nodes[-1]["config"] = {"days": step.day - day}
        kind = "EMAIL" if step.channel == "email" else "TASK"
        config = {"template": step.template, "channel": step.channel}
        nodes.append({"node_id": f"step-{number}", "node_type": kind, "step": number, "config": config})
        day = step.day
    nodes.append({"node_id": "end", "node_type": "END", "step": None, "config": {}})
    for place, node in enumerate(nodes):
        node["position_y"] = 120.0 * place
        node["next_nodes"] = [nodes[place + 1]["node_id"]] if place + 1 < len(nodes) else []
    return nodes


async def add_broker(ctx: Context, org_id: int, broker: BrokerProfile, *, broker_id: UUID | None = None) -> UUID:
    """Add a broker; gives the id.

    With `broker_id`, an id of the caller's choice: the broker's sign-in carries the same one.
    """
    async with ctx.db.tenant(org_id) as db:
        made = await one(
            db,
            SQL["insert_broker"],
            org_id=org_id,
            id=str(broker_id) if broker_id else None,
            name=broker.name,
            company=broker.company,
            email=broker.email.lower(),
            phone=broker.phone,
            timezone=broker.timezone,
            daily_cap=broker.daily_cap,
            calendar_username=broker.calendar_username,
            calendar_event_slug=broker.calendar_event_slug,
            calendar_event_type_id=broker.calendar_event_type_id,
            webhook_url=broker.webhook_url,
            webhook_secret_sealed=_sealed(ctx, org_id, broker.webhook_secret),
        )
    assert made is not None
    return UUID(str(made["id"]))


async def add_numbers(ctx: Context, org_id: int, broker_id: UUID, numbers: Sequence[tuple[str, str, str]]) -> None:
    """Give a broker numbers to call from: (E.164, state, id at the voice vendor). A known number stays as it is."""
    async with ctx.db.tenant(org_id) as db:
        await many(
            db,
            SQL["insert_number"],
            [
                {
                    "org_id": org_id,
                    "broker_id": str(broker_id),
                    "e164": e164,
                    "state": state,
                    "vendor_number_id": vendor_id,
                }
                for e164, state, vendor_id in numbers
            ],
        )


def _sealed(ctx: Context, org_id: int, secret: str | None) -> str | None:
    return ctx.sealer.seal(org_id, secret) if secret else None


def _columns(profile: OrgProfile) -> dict[str, object]:
    return {
        "slug": profile.slug,
        "name": profile.name,
        "legal_name": profile.legal_name,
        "postal_address": profile.postal_address,
        "support_email": profile.support_email,
        "support_phone": profile.support_phone,
        "from_domain": profile.from_domain,
        "public_url": profile.public_url.rstrip("/"),
        "timezone": profile.timezone,
        "alert_email": profile.alert_email,
        "alert_webhook_url": profile.alert_webhook_url,
        "policy": json.dumps(dict(profile.policy)),
    }
