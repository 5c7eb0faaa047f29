"""`python -m benchmarks.executive_movement`: how well changes of chief executives are recognised, on pages and in news.

Every page goes the product's own way: read by the scrape stage, kept as facts, and concluded from by the signals stage,
on a database of its own. Printed: precision and recall of what was told, and how many slots stand right in the end.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import text

from benchmarks.ground import ORG_ID, Ground, ground
from benchmarks.movement_pages import FIRST_DAY, READINGS, Site, read_changes, sites
from penstock.core import clock, embedded
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.settings import load_settings
from penstock.core.sqlfile import load
from penstock.providers.pages.words import Page
from penstock.scrape.facts import Watched, facts_of
from penstock.scrape.found import Reading
from penstock.scrape.measure import Score
from penstock.scrape.reading import read_html
from penstock.scrape.visits import Part, Visit
from penstock.signals.names import same_person
from penstock.signals.tasks import pump

SQL = load("penstock.scrape")
_MAKE = text(
    """
    with made as (
      insert into app.companies (org_id, name, domain, source) values (:org, :name, :domain, 'benchmark')
      returning id
    ), page as (
      insert into app.pages (org_id, company_id, url_type, url)
      select :org, id, 'website', 'https://' || :domain from made
      returning id, company_id
    )
    select id as page_id, company_id from page
    """
)
_LIST = text(
    """
    with known as (
      insert into app.contacts (org_id, full_name, title, company_id) values (:org, :name, 'CEO', :company) returning id
    )
    update app.company_slots set contact_id = known.id from known where company_id = :company and role_code = 'CEO'
    """
)
_TOLD = text("select company_id, payload from app.signals where reason = 'executive_movement' order by id")
_HELD = text(
    """
    select s.company_id, c.full_name
      from app.company_slots s left join app.contacts c on c.org_id = s.org_id and c.id = s.contact_id
     where s.role_code = 'CEO'
    """
)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `wrong`, `missed`, `off`: in words, for looking at."""

    companies: int
    movements: Score
    right_slots: int
    wrong: list[str]
    missed: list[str]
    off: list[str]
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.companies} companies, {len(READINGS)} readings each, {self.seconds:.0f} s\n"
            f"movements told: {self.movements}\n"
            f"offices right in the end: {self.right_slots} of {self.companies}, {self.right_slots / self.companies:.3f}"
        )


async def measure(made: Ground, changes: Sequence[tuple[str, str, str]]) -> Report:
    """Let every site be read three times, and compare what was told with what is true."""
    all_sites, began = sites(changes), perf_counter()
    start = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, 12, tzinfo=UTC)
    database = made.new_database()
    async with made.context(database) as ctx:
        with clock.held_at(start - timedelta(days=1)):
            watched = [await _open(ctx, site) for site in all_sites]
        for number, days in enumerate(READINGS):
            with clock.held_at(start + timedelta(days=days)):
                for site, page in zip(all_sites, watched, strict=True):
                    await _read(ctx, site, page, number)
                await pump(ctx, ORG_ID)
        async with ctx.db.tenant(ORG_ID) as db:
            told, held = await rows(db, _TOLD), await rows(db, _HELD)
    return _report(all_sites, watched, told, held, perf_counter() - began)


async def _open(ctx: Context, site: Site) -> Watched:
    async with ctx.db.tenant(ORG_ID) as db:
        made = (await rows(db, _MAKE, org=ORG_ID, name=site.name, domain=site.domain))[0]
        if site.listed:
            await execute(db, _LIST, org=ORG_ID, name=site.old, company=made["company_id"])
    return Watched(made["page_id"], "website", made["company_id"], [])


async def _read(ctx: Context, site: Site, watched: Watched, number: int) -> None:
    """One visit, kept the way the scrape stage keeps it."""
    base = f"https://{site.domain}"
    parts = [Part(base + path, kind, _reading(html, base + path)) for path, kind, html in site.pages[number]]  # type: ignore[arg-type]
    kept = facts_of(Visit(Page(base), parts), watched, str)
    async with ctx.db.tenant(ORG_ID) as db:
        if kept.facts:
            await scalar(db, SQL["keep_facts"], org_id=ORG_ID, facts=json.dumps(kept.facts))
        await execute(db, SQL["miss_people"], org_id=ORG_ID, page_id=watched.page_id, lists=kept.lists)


@lru_cache(maxsize=4)
def _reading(html: str, url: str) -> Reading:
    return read_html(html, url)


def _report(
    all_sites: Sequence[Site], watched: Sequence[Watched], told: Sequence[Any], held: Sequence[Any], seconds: float
) -> Report:
    by_company = {page.company_id: site for site, page in zip(all_sites, watched, strict=True)}
    found: dict[int, list[tuple[str, str]]] = {company: [] for company in by_company}
    for row in told:
        found[row["company_id"]].append((row["payload"]["change"], row["payload"]["person"]))
    holders = {row["company_id"]: row["full_name"] for row in held}
    wrong: list[str] = []
    missed: list[str] = []
    off: list[str] = []
    right = 0
    for company, site in by_company.items():
        true = site.true_changes
        hits = [one for one in found[company] if any(_same(one, other) for other in true)]
        right += len(hits)
        wrong += [f"{site.how}: {site.name}: {one}" for one in found[company] if one not in hits]
        lost = [other for other in true if not any(_same(one, other) for one in hits)]
        missed += [f"{site.how}: {site.name}: {one}" for one in lost]
        if not _stands(site, holders[company]):
            off.append(f"{site.how}: {site.name}: {holders[company]} instead of {site.true_holder}")
    score = Score(right, len(wrong), len(missed))
    return Report(len(all_sites), score, len(all_sites) - len(off), wrong, missed, off, seconds)


def _same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return one[0] == other[0] and same_person(one[1], other[1])


def _stands(site: Site, holder: str | None) -> bool:
    """Whether the slot is right. A company that no page and no list names an officer of may be vacant."""
    if site.true_holder is None or holder is None:
        named = site.listed or any(kind == "people" for _, kind, _ in site.pages[0])
        return holder is None and (site.true_holder is None or not named)
    return same_person(holder, site.true_holder)


def main(
    rows: Annotated[int | None, typer.Option(help="Only so many changes.")] = None,
    show: Annotated[bool, typer.Option(help="Print every wrong and missed one.")] = False,
) -> None:
    """Measure on the real changes in PENSTOCK_SHARED, in a database of its own on the embedded server."""
    file = Path(os.environ.get("PENSTOCK_SHARED", "../shared")) / "data/companies/wikidata_ceo_changes_a.csv"
    if not file.exists():
        raise SystemExit(f"{file} is not there: set PENSTOCK_SHARED to the folder that holds data/companies")
    changes, out = read_changes(file)[:rows], Console(width=160)
    with embedded.embedded_server(load_settings().home) as server, ground(server.url("postgres")) as made:
        report = asyncio.run(measure(made, changes))
    out.print(str(report), highlight=False)
    if show:
        for name in ("wrong", "missed", "off"):
            for line in getattr(report, name):
                out.print(f"  {name}: {line}", highlight=False, markup=False)


if __name__ == "__main__":
    typer.run(main)
