"""Portals read by their own calendar: which ones an org follows, how far each has been read, and what came of it.

A page is stored and the bookmark moved in one transaction, so that a run that dies goes on where it stopped. Each run
begins some days before the bookmark, for what a clerk enters late.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PenstockError,
    ProviderError,
    ProviderRefused,
    reason_of,
)
from penstock.core.sqlfile import load
from penstock.permits.records import FIRST_DAY, Read, read
from penstock.permits.sources import Socrata, SourceMap, named_sources
from penstock.permits.staging import Tally
from penstock.permits.store import Progress, merge, silent
from penstock.providers import Account, may_be_asked
from penstock.providers.permits import REGISTRY, PermitPortal, Row

SQL: Final = load(__package__)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a run over a portal came to: rows read, permits new and changed, rows refused; and how far it is read."""

    source: str
    read: int
    new: int
    changed: int
    refused: int
    read_up_to: date | None


def sources_of(state: str, city: str) -> list[str]:
    """Names of the portals that publish the permits of a city (any case)."""
    return [
        one.name for one in named_sources().values() if one.socrata and _covers(one, state.upper(), city.casefold())
    ]


def _covers(source: SourceMap, state: str, city: str) -> bool:
    cities = {source.constants.get("city", ""), *getattr(source.lookups.get("city"), "values", {}).values()}
    return source.constants.get("state") == state and city in {name.casefold() for name in cities if name}


def portal_source(name: str) -> SourceMap:
    """The named source, which is a portal. Raises NotFound where there is none."""
    found = named_sources().get(name)
    if found is None or found.socrata is None:
        portals = ", ".join(one.name for one in named_sources().values() if one.socrata)
        raise NotFound(f"there is no portal named {name!r}", fix=f"one of: {portals}")
    return found


async def follow(ctx: Context, org_id: int, name: str, *, since: date) -> None:
    """Read a portal daily from now on, from that day of issue. Raises NotFound, and InvalidInput for an odd day."""
    portal_source(name)
    if not FIRST_DAY <= since <= clock.now().date():
        raise InvalidInput(f"{since} is not between {FIRST_DAY:%Y} and today", fix="give a past day, as 2024-01-01")
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["follow"], org_id=org_id, source=name, since=since)


async def unfollow(ctx: Context, org_id: int, name: str) -> None:
    """Read a portal no more; its permits stay. Raises NotFound where it is not followed."""
    async with ctx.db.tenant(org_id) as db:
        if not await execute(db, SQL["unfollow"], source=name):
            raise NotFound(f"{name!r} is not followed", fix="penstock permits sources")


async def pull(
    ctx: Context, org_id: int, source: str, *, since: date | None = None, progress: Progress = silent
) -> Pulled:
    """Read what a followed portal has published; `since`: from that day on, and follow it if it is not followed yet.

    Raises NotFound where it is not followed, Conflict where another run is at it, and ProviderError: what was read
    until then is kept, and the next run goes on from there. A page that met another writer is stored anew.
    """
    named = portal_source(source)
    assert named.socrata is not None
    if since is not None:
        await follow(ctx, org_id, source, since=since)
    async with _alone(ctx, org_id, source):
        state = await _followed(ctx, org_id, source)
        start = _start(state, named.socrata, since)
        run = _Run(ctx, org_id, named, named.socrata)
        try:
            await run.read(start, progress)
        except Exception as error:
            await _note(ctx, org_id, source, f"failed after {run.total.read} rows: {reason_of(error)}", well=False)
            raise
        total = run.total
        said = f"{total.read} rows: {total.new} new, {total.changed} changed, {total.refused} refused"
        await _note(ctx, org_id, source, said, well=True)
        done = await _followed(ctx, org_id, source)
        return Pulled(source, total.read, total.new, total.changed, total.refused, done["read_up_to"])


async def pull_followed(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    """Pull each followed portal that has not been pulled since `slot`; gives how many rows each gave.

    One that fails holds no other. Raises ProviderError at the end, naming those that failed: the timetable tells
    people, and tries again.
    """
    async with ctx.db.tenant(org_id) as db:
        followed = await rows(db, SQL["followed"], source=None)
    done: dict[str, int] = {}
    failed: list[str] = []
    for one_source in followed:
        name = one_source["source"]
        if one_source["last_pulled_at"] is not None and one_source["last_pulled_at"] >= slot:
            continue
        try:
            done[name] = (await pull(ctx, org_id, name)).read
        except Conflict:
            log.info("another run reads the portal", source=name)
        except Exception as error:  # whatever befalls one portal, the next is read
            if not isinstance(error, PenstockError):
                log.exception("portal not read", source=name)
            failed.append(f"{name}: {reason_of(error)}")
    if failed:
        raise ProviderError("; ".join(failed))
    return done


class _Run:
    """One run over a portal. `total` is what it came to so far."""

    def __init__(self, ctx: Context, org_id: int, source: SourceMap, socrata: Socrata) -> None:
        self._ctx, self._org_id, self._source, self._socrata = ctx, org_id, source, socrata
        self._portal: PermitPortal = REGISTRY["socrata"](ctx.http, _account(ctx))
        self._upload_id: UUID | None = None
        self.total = Tally()

    async def read(self, start: date, progress: Progress) -> None:
        """Read everything dated from `start` on. Raises ProviderError."""
        await self._check()
        async for page in self._portal.pages(self._socrata.dataset, since=start):
            await self._take(page)
            progress(self.total.read, "reading")

    async def _check(self) -> None:
        """Whether the portal still has the columns without which there is no permit. Raises ProviderRefused."""
        described = await self._portal.describe(self._socrata.dataset)
        asked = [name for name in (self._socrata.dated, self._socrata.key, self._socrata.text) if name]
        missing = [name for name in asked if name not in described.columns and not name.startswith(":")]
        missing += [f"for {name}" for name in self._source.lacks(described.columns)]
        if missing:
            raise ProviderRefused(
                f"{self._socrata.domain}/{self._socrata.id} has lost the column {', '.join(missing)}",
                fix=f"mend the source {self._source.name}; it has {', '.join(sorted(described.columns)[:60])}",
            )
        async with self._ctx.db.tenant(self._org_id) as db:
            await execute(db, SQL["schema_seen"], source=self._source.name)

    async def _take(self, page: Sequence[Row]) -> None:
        today = clock.now().date()
        first = self.total.read + 1
        # Cleaning takes half a second a page: beside it other work of this process goes on.
        reads = await asyncio.to_thread(read, enumerate(page, start=first), self._source, today)
        up_to = _newest_day(page, reads, self._socrata.dated)

        async def kept(db: AsyncConnection) -> tuple[UUID, Tally]:
            upload_id = self._upload_id or await self._open(db)
            tally = await merge(db, self._org_id, self._ctx.sealer, self._source.name, reads, upload_id)
            await execute(db, SQL["page_read"], source=self._source.name, read_up_to=up_to, read=tally.read)
            return upload_id, tally

        self._upload_id, tally = await self._ctx.db.again(self._org_id, kept)
        for name in ("read", "new", "changed", "unchanged", "repeated", "refused"):
            setattr(self.total, name, getattr(self.total, name) + getattr(tally, name))

    async def _open(self, db: AsyncConnection) -> UUID:
        """A run is an upload, of which the refused rows can be asked for."""
        facts = {"name": f"{self._socrata.domain}/{self._socrata.id}", "source": self._source.name, "sha256": ""}
        made: UUID = await scalar(db, SQL["start_upload"], org_id=self._org_id, bytes=0, actor="permits", **facts)
        return made


def _account(ctx: Context) -> Account:
    """How portals are reached: each has its own host, unless the settings name one for all. No token is needed."""
    may_be_asked(ctx.settings, "the portal")
    vendor = ctx.settings.vendors.socrata
    base = f"{vendor.base_url.rstrip('/')}/{{domain}}" if vendor.base_url else "https://{domain}"
    return Account(base, vendor.key.get_secret_value(), vendor.timeout_s)


def _start(state: RowMapping, socrata: Socrata, since: date | None) -> date:
    """Where to begin: some days before the bookmark, never before the first day of interest unless told so."""
    bookmark: date | None = state["read_up_to"]
    first: date = state["since"]
    if bookmark is None:
        return first
    start = max(first, bookmark - timedelta(days=socrata.overlap_days))
    return start if since is None else min(start, since)


def _newest_day(page: Sequence[Row], reads: Sequence[Read], dated: str) -> date | None:
    """The newest day of the page by the column that the portal is read by; a row that was refused has no say."""
    days = (str(row.get(dated))[:10] for row, done in zip(page, reads, strict=True) if done.permit is not None)
    return max(map(date.fromisoformat, days), default=None)


async def _followed(ctx: Context, org_id: int, name: str) -> RowMapping:
    async with ctx.db.tenant(org_id) as db:
        if (found := await one(db, SQL["followed"], source=name)) is None:
            raise NotFound(f"{name!r} is not followed", fix=f"penstock permits follow {name} --since 2024-01-01")
        return found


async def _note(ctx: Context, org_id: int, name: str, outcome: str, *, well: bool) -> None:
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["pull_ends"], source=name, outcome=outcome[:500], well=well)


@asynccontextmanager
async def _alone(ctx: Context, org_id: int, name: str) -> AsyncIterator[None]:
    """Hold the portal for this run; the lock goes with the process. Raises Conflict where another run holds it."""
    async with ctx.db.autocommit() as lock:
        if not await scalar(lock, SQL["try_lock"], org_id=org_id, source=name):
            raise Conflict(f"another run is reading {name}", fix="wait for it to end")
        try:
            yield
        finally:
            await scalar(lock, SQL["unlock"], org_id=org_id, source=name)
