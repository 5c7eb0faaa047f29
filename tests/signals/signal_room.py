"""What the tests of signals share: facts as the scrape stage writes them, and a look at what came of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from ground import START
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar

WRITE = text(
    """
    insert into app.company_facts as f
      (org_id, company_id, contact_id, kind, key, value, source, source_url, page_id, found_at, seen_at)
    values (1, :company, :contact, :kind, :key, cast(:value as jsonb), :source, 'https://acme.example/team', :page,
            :found, :seen)
    on conflict (org_id, company_id, kind, key) do update
       set found_at = least(f.found_at, excluded.found_at), seen_at = greatest(f.seen_at, excluded.seen_at)
    returning id
    """
)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


async def page_of(ctx: Context, company: int, url_type: str = "website") -> int:
    """A watched page that had been read sixty days before START, when it said nothing of note."""
    async with ctx.db.tenant(1) as db:
        page = await scalar(
            db,
            text(
                "insert into app.pages (org_id, company_id, url_type, url)"
                " values (1, :company, :type, 'https://acme.example') returning id"
            ),
            company=company,
            type=url_type,
        )
    await write(ctx, company, "news", f"old {page}", {}, days=-60, page=int(page))
    return int(page)


async def write(
    ctx: Context,
    company: int,
    kind: str,
    key: str,
    value: dict[str, Any],
    *,
    days: float = 0,
    seen: float | None = None,
    page: int | None = None,
    contact: int | None = None,
) -> int:
    """A fact found `days` after START."""
    async with ctx.db.tenant(1) as db:
        return int(
            await scalar(
                db, WRITE, company=company, contact=contact, kind=kind, key=key, value=json.dumps(value),
                source="website", page=page, found=at(days), seen=at(days if seen is None else seen),
            )
        )  # fmt: skip


async def officer(
    ctx: Context, company: int, name: str, *, kind: str = "person_at", slot: str = "CFO", title: str | None = None,
    days: float = 0, seen: float | None = None, page: int | None = None, **value: Any
) -> int:  # fmt: skip
    said = {"name": name, "slot": slot, "title": title, **value}
    return await write(ctx, company, kind, f"{slot}:{name.casefold()}", said, days=days, seen=seen, page=page)


async def ask(ctx: Context, sql: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(sql), **params)]


async def change(ctx: Context, sql: str, **params: Any) -> int:
    async with ctx.db.tenant(1) as db:
        return await execute(db, text(sql), **params)


async def holders(ctx: Context, company: int) -> dict[str, str | None]:
    """Names by slot."""
    found = await ask(
        ctx,
        "select cast(s.role_code as text) as role, c.full_name from app.company_slots s"
        " left join app.contacts c on c.org_id = s.org_id and c.id = s.contact_id where s.company_id = :company",
        company=company,
    )
    return {row["role"]: row["full_name"] for row in found}


async def movements(ctx: Context, company: int) -> set[str]:
    """What was told of the officers of a company."""
    found = await ask(
        ctx,
        "select cause from app.signals where company_id = :company and reason = 'executive_movement'",
        company=company,
    )
    assert len({row["cause"] for row in found}) == len(found)
    return {row["cause"] for row in found}


async def signals(ctx: Context, reason: str) -> list[dict[str, Any]]:
    return await ask(
        ctx,
        "select company_id, cause, payload, processed_at, outcome from app.signals where reason = :reason order by id",
        reason=reason,
    )
