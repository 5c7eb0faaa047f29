"""Campaigns for people at companies: made by hand or by the timetable, filled from a playbook's audience.

A campaign says who is meant. Whether and when each of them is written to is decided by the feeder and the gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sqlfile import load
from penstock.outreach.refusals import TAKEN_OUT, stop
from penstock.outreach.rules import TIME_TO_ANSWER
from penstock.playbook import Playbook

SQL = load(__package__, "campaigns.sql")
ROLES = ("CEO", "CFO", "HR")
LISTED = 1000
"""Members that are shown of one campaign."""
TURNS = (
    "the next morning",
    "a colleague is written to",
    "no lead yet",
    "not scored yet",
    "a review",
    "campaign paused",
)
"""What passes by itself or by somebody's work; everybody else in a campaign is held back."""


@dataclass(frozen=True)
class Made:
    """What a campaign came to, or (`campaign_id` None) would come to: how many people joined, of how many companies,
    and how many of the audience did not, by what holds them back. `outside`: where nobody joined, how many companies
    give nobody, by why, as the playbook tells it."""

    campaign_id: int | None
    name: str
    added: int
    companies: int
    by_role: Mapping[str, int] = field(default_factory=dict)
    held_back: Mapping[str, int] = field(default_factory=dict)
    outside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """Whom a campaign takes, and how: `targets` are slots in the order in which they are written to."""

    targets: tuple[str, ...]
    allow_yellow: bool = False
    one_at_a_time: bool = True


async def create(
    ctx: Context,
    org_id: int,
    *,
    playbook: str,
    name: str | None = None,
    targets: Sequence[str] = (),
    allow_yellow: bool = False,
    one_at_a_time: bool = True,
    actor: str = "cli",
    dry_run: bool = False,
    empty: bool = True,
) -> Made:
    """Make a campaign out of the playbook's audience of now; a dry run counts and changes nothing.

    Where nobody joins and `empty` is false, none is made. Raises InvalidInput for a playbook without an audience, an
    unknown slot or a blank name, Conflict for a name that is taken.
    """
    book = _with_audience(ctx, playbook)
    if name is not None and not name.strip():
        raise InvalidInput("the name is empty", fix="leave it out for the playbook's name for now")
    unknown = [target for target in targets if target not in ROLES]
    if unknown or len(set(targets)) < len(targets):
        raise InvalidInput(f"targets are slots, each once, not {','.join(targets)}", fix=f"of {','.join(ROLES)}")
    choice = Choice(tuple(targets) or book.targets, allow_yellow, one_at_a_time)
    async with ctx.db.tenant(org_id) as db:
        given = (name or "").strip() or await _name_of_now(db, org_id, book)
        if await one(db, SQL["named"], org_id=org_id, playbook=book.name, name=given) is not None:
            raise Conflict(f"there is a campaign {given!r} already", fix="choose another name, or add people to it")
        campaign_id = None if dry_run else await _make(db, org_id, book, given, choice, actor)
        if campaign_id is None and not dry_run:
            raise Conflict(f"a campaign {given!r} was made a moment ago", fix="look at it with penstock campaign list")
        made = await _invite(ctx, db, org_id, book, campaign_id, given, choice)
        if not made.added:
            made = replace(made, outside=await _outside(db, book))
        if not made.added and not empty and campaign_id is not None:
            await execute(db, SQL["forget"], org_id=org_id, id=campaign_id)
            made = replace(made, campaign_id=None)
        await _announce(db, org_id, made)
    return made


async def make_due(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    """The timetable's run: per playbook with an audience, the campaign of now takes in whoever is newly ready.

    Repeatable. `slot` is the instant that called; a late run makes the campaign of the day on which it runs.
    """
    done = {"campaigns": 0, "added": 0}
    for book in ctx.playbooks.values():
        if book.audience_sql is None or not book.campaign_name:
            continue
        async with ctx.db.tenant(org_id) as db:
            name = await _name_of_now(db, org_id, book)
            choice = Choice(book.targets)
            new = await _make(db, org_id, book, name, choice, "timetable")
            known = await one(db, SQL["named"], org_id=org_id, playbook=book.name, name=name)
            assert known is not None
            kept = Choice(tuple(known["targets"]) or book.targets, known["allow_yellow"])
            made = await _invite(ctx, db, org_id, book, known["id"], name, kept, by_timetable=True)
            if new is not None and not made.added:
                await execute(db, SQL["forget"], org_id=org_id, id=new)
                continue
            if new is not None:
                await _announce(db, org_id, made)
            done = {"campaigns": done["campaigns"] + (new is not None), "added": done["added"] + made.added}
    return done


def _with_audience(ctx: Context, playbook: str) -> Playbook:
    able = [book.name for book in ctx.playbooks.values() if book.audience_sql is not None]
    book = ctx.playbooks.get(playbook)
    if book is None or book.audience_sql is None:
        raise InvalidInput(f"playbook {playbook!r} makes no campaigns for companies", fix=f"use {' or '.join(able)}")
    return book


async def _name_of_now(db: AsyncConnection, org_id: int, book: Playbook) -> str:
    zone = ZoneInfo(str(await scalar(db, SQL["org_zone"], org_id=org_id)))
    return clock.now().astimezone(zone).strftime(book.campaign_name or f"{book.title} %Y-%m-%d")


async def _make(
    db: AsyncConnection, org_id: int, book: Playbook, name: str, choice: Choice, made_by: str
) -> int | None:
    made: int | None = await scalar(
        db,
        SQL["make"],
        org_id=org_id,
        playbook=book.name,
        name=name,
        targets=list(choice.targets),
        allow_yellow=choice.allow_yellow,
        one_at_a_time=choice.one_at_a_time,
        made_by=made_by,
    )
    return made


async def _invite(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    book: Playbook,
    campaign_id: int | None,
    name: str,
    choice: Choice,
    *,
    by_timetable: bool = False,
) -> Made:
    lawful = await compliance.lawful_sources(ctx, db, org_id, book.name)
    counted = await rows(
        db,
        _statement(book),
        org_id=org_id,
        playbook=book.name,
        campaign_id=campaign_id,
        targets=list(choice.targets),
        allow_yellow=choice.allow_yellow,
        lawful=lawful,
        by_timetable=by_timetable,
    )
    return _made(campaign_id, name, counted)


async def _outside(db: AsyncConnection, book: Playbook) -> dict[str, int]:
    found = [] if book.outside_sql is None else await rows(db, text(book.outside_sql))
    return {row["reason"]: row["companies"] for row in found}


def _statement(book: Playbook) -> TextClause:
    """The invitation with the playbook's own audience in it (a file of ours, nobody's input)."""
    assert book.audience_sql is not None
    return text(SQL["invite"].text.replace("/* audience */", book.audience_sql))


def _made(campaign_id: int | None, name: str, counted: Sequence[RowMapping]) -> Made:
    held_back: dict[str, int] = {}
    for row in counted:
        if row["held_back"] is not None:
            held_back[row["held_back"]] = held_back.get(row["held_back"], 0) + row["people"]
    joined = [row for row in counted if row["held_back"] is None]
    return Made(
        campaign_id,
        name,
        added=max((row["all_people"] for row in joined), default=0),
        companies=max((row["all_companies"] for row in joined), default=0),
        by_role={row["role_code"]: row["people"] for row in joined},
        held_back=dict(sorted(held_back.items(), key=lambda item: -item[1])),
    )


async def _announce(db: AsyncConnection, org_id: int, made: Made) -> None:
    if made.campaign_id is not None:
        details = {"campaign": made.campaign_id, "people": made.added, "companies": made.companies}
        await journey.announce(db, org_id, [journey.Event("campaign_created", None, "outreach", details)])


# -- looking and steering ----------------------------------------------------------------------------------------------


async def listing(db: AsyncConnection) -> list[RowMapping]:
    """Every campaign with how far its people are, newest first."""
    return await rows(db, SQL["listing"], id=None)


async def show(db: AsyncConnection, campaign_id: int) -> RowMapping:
    """One campaign as `listing` gives it. Raises NotFound."""
    found = await one(db, SQL["listing"], id=campaign_id)
    if found is None:
        raise NotFound(f"there is no campaign {campaign_id}", fix="penstock campaign list shows them")
    return found


async def members(db: AsyncConnection, campaign_id: int, *, limit: int = LISTED) -> list[RowMapping]:
    """The people of a campaign: how far the sequence is, or what they wait for."""
    return await rows(db, SQL["members"], id=campaign_id, limit=limit, time_to_answer=TIME_TO_ANSWER)


async def switch(db: AsyncConnection, org_id: int, campaign_id: int, *, on: bool) -> None:
    """Pause a campaign (nobody new, and steps wait), or let it go on. Raises NotFound."""
    if await one(db, SQL["switch"], org_id=org_id, id=campaign_id, is_active=on) is None:
        raise NotFound(f"there is no campaign {campaign_id}", fix="penstock campaign list shows them")


async def unknown(db: AsyncConnection, contact_ids: Sequence[int]) -> list[int]:
    """Which of these are nobody's contact ids."""
    known = {row["id"] for row in await rows(db, SQL["known"], contact_ids=list(contact_ids))}
    return sorted(set(contact_ids) - known)


async def in_outreach(db: AsyncConnection, campaign_id: int, contact_ids: Sequence[int]) -> list[int]:
    """Which of these are, or were, in a sequence: nobody walks one twice, so adding them would come to nothing."""
    found = await rows(db, SQL["in_outreach"], id=campaign_id, contact_ids=list(contact_ids))
    return [row["contact_id"] for row in found]


async def add(db: AsyncConnection, org_id: int, campaign_id: int, contact_ids: Sequence[int]) -> list[int]:
    """Put people into a campaign, also such as were taken out of it; gives those that joined: with a lead at a company
    that is in no sequence and was in none, and not in the campaign before."""
    await show(db, campaign_id)
    able = set(contact_ids) - set(await in_outreach(db, campaign_id, contact_ids))
    who: dict[str, Any] = {"org_id": org_id, "id": campaign_id, "contact_ids": sorted(able)}
    found = [*await rows(db, SQL["readmit"], **who), *await rows(db, SQL["add"], **who)]
    return sorted(row["contact_id"] for row in found)


async def remove(db: AsyncConnection, org_id: int, campaign_id: int, contact_ids: Sequence[int]) -> list[int]:
    """Take people out of a campaign and end their sequence in it; gives those that were in it. The timetable does not
    put them back."""
    await show(db, campaign_id)
    where: dict[str, Any] = {"org_id": org_id, "id": campaign_id, "contact_ids": list(contact_ids)}
    found = await rows(db, SQL["remove"], **where)
    others = await rows(db, SQL["enrolled"], **where)  # by the feeder, in a standing campaign that has no list
    await stop(db, org_id, {row["id"]: TAKEN_OUT for row in others})
    return sorted({row["contact_id"] for row in (*found, *others)})
