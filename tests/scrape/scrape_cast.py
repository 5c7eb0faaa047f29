"""Companies that are watched, and what was found of them."""

from __future__ import annotations

from typing import Any

import httpx
from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.town.server import Town


async def add_company(ctx: Context, name: str, **urls: str | None) -> int:
    """A company with its pages, through the face; gives its id. `urls`: website, linkedin, news."""
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into company.company (company_name, website_url, linkedin_url, news_url)"
                " values (:name, :website, :linkedin, :news)"
            ),
            name=name,
            **{"website": None, "linkedin": None, "news": None} | urls,
        )
        return int(await scalar(db, text("select max(id) from app.companies")))


async def add_contact(ctx: Context, company_id: int, name: str, title: str, slot: str, profile: str) -> int:
    """A person in a slot, with a profile that is watched; gives the contact's id."""
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text("insert into people.contact (full_name, title, profile_source_url) values (:name, :title, :profile)"),
            name=name,
            title=title,
            profile=profile,
        )
        contact_id = int(await scalar(db, text("select max(id) from app.contacts")))
        await execute(
            db,
            text(
                "update company.company_slot set contact_id = :contact"
                " where company_id = :company and role_code = cast(:slot as company.role_code_t)"
            ),
            contact=contact_id,
            company=company_id,
            slot=slot,
        )
        return contact_id


async def pages(ctx: Context) -> list[dict[str, Any]]:
    return await listed(ctx, "select * from app.pages order by id")


async def facts(ctx: Context, kind: str | None = None) -> list[dict[str, Any]]:
    found = await listed(ctx, "select * from app.company_facts order by id")
    return [one for one in found if kind in (None, one["kind"])]


async def listed(ctx: Context, sql: str) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(sql))]


async def change(ctx: Context, sql: str) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(sql))


async def town_companies(town: Town, count: int) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{town.http_url}/town/companies/truth", params={"rows": count}, timeout=60)
        return list(answer.json())


async def grade(town: Town) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return dict((await client.get(f"{town.http_url}/truth")).json())
