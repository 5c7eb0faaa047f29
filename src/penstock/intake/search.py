"""Places of an area that nobody has loaded, bought from a vendor's list page by page.

A page is a paid call like any other: reserved, answered, and only then merged, by the same cleaner and the same cascade
as a file. A page that was bought is not bought again, whoever asks for it and wherever the run before it stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from penstock import enrichment as bank
from penstock.core import clock
from penstock.core.boxes import disjoint
from penstock.core.context import Context
from penstock.core.db import one, scalar
from penstock.core.errors import InvalidInput, ProviderBusy, ProviderRefused
from penstock.core.sqlfile import load
from penstock.enrichment import CallRequest, Claim, Outcome
from penstock.intake.mapping import Plan
from penstock.intake.reader import Row
from penstock.intake.reading import Reading
from penstock.intake.service import SQL as UPLOADS
from penstock.intake.service import choose_playbook, take_rows
from penstock.playbook import Playbook, Search
from penstock.providers import requests_per_s
from penstock.providers import search as providers
from penstock.providers.search import Area, Box, FoundPlace, Page, PropertySearch

SQL: Final = load(__package__, "search.sql")
HEADER: Final = [field.name for field in fields(FoundPlace)]
MOST_BOXES: Final = 100  # each is asked for by itself
LATER_S: Final = 5.0  # somebody else is buying the page: look again after so long


@dataclass(frozen=True, slots=True)
class Bought:
    """What a search came to: how many places it told of, also by pages bought before. What it cost says the ledger.

    `stopped`: why it ended early, in words; None where the area or the limit was exhausted.
    """

    places: int
    stopped: str | None = None


async def count_places(ctx: Context, org_id: int, *, playbook: str, area: Mapping[str, Any]) -> int:
    """How many properties the playbook's vendor has in an area; nothing is bought. `area` as for `search_places`.

    Raises InvalidInput, NotConfigured, ProviderBusy and ProviderRefused.
    """
    terms, finder = _finder(ctx, playbook)
    found = 0
    for part in areas_of(area):
        await _admit(ctx, org_id, terms.vendor)
        found += await finder.count(part)
    return found


async def search_places(
    ctx: Context,
    org_id: int,
    *,
    playbook: str,
    area: Mapping[str, Any],
    limit: int,
    actor: str,
    area_scan_id: int | None = None,
) -> Bought:
    """Buy the properties of an area, `limit` at most, and make places of them; the pages name the scan in the ledger.

    `area`: {"city", "state"}, {"postal_code"}, or a GeoJSON Polygon or MultiPolygon: of each part the vendor takes the
    box, see `areas_of`, one search after the other. Raises InvalidInput, NotConfigured, ProviderBusy (ask again: what
    was bought stands) and ProviderRefused.
    """
    terms, finder = _finder(ctx, playbook)
    told = 0
    for part in areas_of(area):
        run = _Run(ctx, org_id, ctx.playbooks[playbook], terms, finder, part, actor, area_scan_id)
        found = await run.all(limit - told)
        told += found.told
        if found.stopped:
            return Bought(told, found.stopped)
    return Bought(told)


def areas_of(area: Mapping[str, Any]) -> list[Area]:
    """The area in the words of a search: of a drawn one the boxes around its parts, cut so that none of them overlap.

    Raises InvalidInput.
    """
    if area.get("type") in ("Polygon", "MultiPolygon"):
        parts = area.get("coordinates") if area["type"] == "MultiPolygon" else [area.get("coordinates")]
        boxes = disjoint(_box(part) for part in parts or [])
        if not boxes:
            raise InvalidInput(
                "the polygon encloses nothing", fix="give GeoJSON with coordinates as [longitude, latitude]"
            )
        if len(boxes) > MOST_BOXES:
            raise InvalidInput(
                f"a search takes {MOST_BOXES} boxes at most, and the parts of this area come to {len(boxes):,}",
                fix="draw fewer parts, or leave the search out",
            )
        return [Area(box=Box(*box)) for box in boxes]
    if area.get("postal_code"):
        return [Area(postal_code=str(area["postal_code"]))]
    if area.get("city") and area.get("state"):
        return [Area(city=str(area["city"]), state=str(area["state"]))]
    raise InvalidInput("this is no area", fix="give a city with its state, a postal_code, or a GeoJSON polygon")


def _box(part: Any) -> tuple[float, float, float, float]:
    """South, west, north, east of the coordinates of a Polygon; an empty box where there are none."""
    points = list(_points(part)) or [(0.0, 0.0)]
    lngs, lats = zip(*points, strict=True)
    return min(lats), min(lngs), max(lats), max(lngs)


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:
    """The (longitude, latitude) pairs of GeoJSON coordinates, however deep they lie."""
    if isinstance(coordinates, list | tuple) and coordinates:
        if all(isinstance(part, int | float) for part in coordinates[:2]) and len(coordinates) >= 2:
            yield float(coordinates[0]), float(coordinates[1])
        else:
            for part in coordinates:
                yield from _points(part)


def _finder(ctx: Context, playbook: str) -> tuple[Search, PropertySearch]:
    territory = ctx.playbooks[choose_playbook(ctx.playbooks, playbook)].territory
    if territory is None or territory.search is None:
        raise InvalidInput(f"the playbook {playbook!r} searches for no places", fix="load a list with penstock import")
    return territory.search, providers.connect(ctx.http, ctx.settings, territory.search.vendor)


async def _admit(ctx: Context, org_id: int, vendor: str) -> None:
    """Wait until the vendor may be asked. Raises ProviderBusy where that takes long."""
    rate = requests_per_s(ctx.settings, vendor)
    while True:
        async with ctx.db.tenant(org_id) as db:
            wait_s = await bank.admit(db, org_id, vendor, requests_per_s=rate)
        if not wait_s:
            return
        if wait_s > bank.PATIENCE_S:
            raise ProviderBusy(f"{vendor} takes no requests now", retry_after_s=wait_s, reached=False)
        await asyncio.sleep(wait_s)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one page, or all of them, came to. `step`: how far it brings us; `found`: how many there are, if it told."""

    told: int = 0
    step: int = 0
    found: int | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """One search."""

    ctx: Context
    org_id: int
    playbook: Playbook
    terms: Search
    finder: PropertySearch
    area: Area
    actor: str
    area_scan_id: int | None

    async def all(self, limit: int) -> _Part:
        """The pages from the first on, until there are no more, `limit` is reached or no more may be bought."""
        told, skip = 0, 0
        while told < limit:
            part = await self.page(skip, min(self.finder.page_size, limit - told))
            told, skip = told + part.told, skip + part.step
            if part.stopped or part.step == 0 or (part.found is not None and skip >= part.found):
                return _Part(told, skip, part.found, part.stopped)
        return _Part(told, skip)

    async def page(self, skip: int, take: int) -> _Part:
        """The page from `skip` on: out of the ledger or from the vendor, merged unless it was before."""
        ctx, org_id, vendor = self.ctx, self.org_id, self.terms.vendor
        claim = await self._reserve(skip, take)
        if claim.outcome is Outcome.RESERVED:
            return await self._buy(claim, skip, take)
        if claim.outcome is Outcome.ANSWERED:
            assert claim.answer is not None
            async with ctx.db.tenant(org_id) as db:
                merged = await scalar(db, SQL["is_applied"], call_id=claim.call_id)
            return await self._take(claim, self.finder.read(claim.answer), claim.answer, skip, merged=merged)
        if claim.outcome is Outcome.IN_FLIGHT:
            raise ProviderBusy(f"{vendor} is being asked the same already", retry_after_s=LATER_S)
        if claim.outcome is Outcome.IN_DOUBT:  # paid for, perhaps, and lost: not again within its window
            async with ctx.db.tenant(org_id) as db:
                await bank.close(db, org_id, [claim])
            return _Part(step=take)
        if claim.outcome is Outcome.REFUSED:
            raise ProviderRefused(f"{vendor} will not answer this search")
        return _Part(stopped=f"the spend cap of today leaves no room for {take} records of {vendor}")

    async def _reserve(self, skip: int, take: int) -> Claim:
        await _admit(self.ctx, self.org_id, self.terms.vendor)
        request = CallRequest(
            vendor=self.terms.vendor,
            operation=self.terms.operation,
            request_key=f"{self.area.key} from {skip}",
            price_cents=self.terms.price_cents * take,
            fresh_days=self.terms.fresh_days,
            stage="intake",
            playbook=self.playbook.name,
            area_scan_id=self.area_scan_id,
            records=take,
        )
        async with self.ctx.db.tenant(self.org_id) as db:
            return (await bank.reserve(self.ctx, db, self.org_id, [request]))[0]

    async def _buy(self, claim: Claim, skip: int, take: int) -> _Part:
        vendor = self.terms.vendor

        async def fetch() -> list[Any]:
            return [await self.finder.fetch(self.area, skip, take)]

        bought = await bank.buy(self.ctx, self.org_id, vendor, [claim], fetch)
        if bought.refused:
            raise ProviderRefused(bought.refused[0][1])
        if bought.later:
            raise ProviderBusy(f"{vendor} is busy")
        if bought.in_doubt:
            raise ProviderBusy(f"{vendor} gave no answer to a page; it may have been charged, and is left out")
        raw = bought.answered[0][1].raw
        return await self._take(claim, self.finder.read(raw), raw, skip, merged=False)

    async def _take(self, claim: Claim, page: Page, raw: Mapping[str, Any], skip: int, *, merged: bool) -> _Part:
        """Make places of a page, as one upload, and close the call in the same transaction."""
        came = len(page.places)
        if not merged:
            text = json.dumps(raw, sort_keys=True)
            await self.ctx.db.again(self.org_id, lambda db: self._merge(db, claim, page, text, skip))
        return _Part(told=came, step=came, found=page.found)

    async def _merge(self, db: Any, claim: Claim, page: Page, text: str, skip: int) -> None:
        if page.places:
            start = {
                "name": f"{self.area.key}, records {skip + 1} to {skip + len(page.places)}",
                "source": self.terms.vendor,
                "playbook": self.playbook.name,
                "map_name": self.terms.vendor,
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "bytes": len(text),
                "actor": self.actor,
            }
            upload_id = await scalar(db, UPLOADS["start"], org_id=self.org_id, **start)
            upload = await one(db, UPLOADS["claim"], upload_id=upload_id)
            assert upload is not None, "it was made in this transaction"
            columns = list(enumerate(HEADER))
            plan = Plan(self.terms.vendor, self.terms.vendor, HEADER, columns=columns)
            reading = Reading(_Rows(page, skip), plan, clock.now().date())
            vendor = self.terms.vendor
            await take_rows(self.ctx, db, self.org_id, upload, reading, vendor, located_by=vendor)
        await bank.close(db, self.org_id, [claim])


@dataclass(frozen=True, slots=True)
class _Rows:
    """A page as the rows of a table. A row has the number that its record has in the search."""

    page: Page
    skip: int

    def rows(self) -> Iterator[Row]:
        """Every record in order."""
        for number, place in enumerate(self.page.places, start=self.skip + 1):
            yield Row(number, [_cell(getattr(place, name)) for name in HEADER])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
