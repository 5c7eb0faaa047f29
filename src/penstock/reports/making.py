"""Reports out of facts: read for many leads at once, composed in Python, kept in a few statements."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import contagion, journey
from penstock.contagion import PROJECT_DAYS, Reach, Reason, Verdict, Weights
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load
from penstock.playbook import Playbook
from penstock.reports.around import surroundings
from penstock.reports.content import Maker, compose, sha256

SQL = load(__package__)
BATCH = 200
METRES_A_FOOT = 0.3048
STAGE = "reports"


async def make_due(ctx: Context, org_id: int, progress: Callable[[int], None] = lambda done: None) -> int:
    """Make the reports that are due, batch by batch; gives how many were dealt with. `progress` is told on the way."""
    total = 0
    for playbook in ctx.playbooks.values():
        if playbook.territory is None:
            continue
        while done := await _batch(ctx, org_id, playbook):
            total += done
            progress(total)
    return total


async def make(ctx: Context, org_id: int, lead_id: UUID) -> UUID:
    """Make the report of a lead now, whatever it has. Raises NotFound for a lead without a score, or not to contact."""
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["one_at_a_time"], org_id=org_id)
        asked = await rows(db, SQL["asked"], lead_ids=[lead_id])
        playbook = ctx.playbooks.get(asked[0]["playbook"]) if asked else None
        if playbook is None or playbook.territory is None:
            raise NotFound(
                "This lead can have no report.",
                fix="a report needs a scored place, and a lead that may be contacted",
            )
        made = await _make(db, org_id, playbook, asked)
        if lead_id not in made:
            raise NotFound("The place of this lead has no coordinates.", fix="penstock explain tells why")
    return made[lead_id]


async def _batch(ctx: Context, org_id: int, playbook: Playbook) -> int:
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["one_at_a_time"], org_id=org_id)
        due = await rows(db, SQL["due"], playbook=playbook.name, limit=BATCH)
        if due:
            await _make(db, org_id, playbook, due)
    return len(due)


async def _make(db: AsyncConnection, org_id: int, playbook: Playbook, due: Sequence[RowMapping]) -> dict[UUID, UUID]:
    """Report by lead. Those that cannot be composed are put aside with the reason."""
    maker = maker_of(playbook)
    bases = {row["lead_id"]: row["basis"] for row in due}
    contents = await _contents(db, org_id, playbook, maker, list(bases))
    for lead_id in bases.keys() - contents.keys():
        await dlq.put(db, org_id, stage=STAGE, item=str(lead_id), payload={}, error="the place cannot be described")
    kept = await _keep(db, org_id, playbook, contents, bases)
    await _keep_proofs(db, org_id, playbook, contents)
    events = [journey.Event("report_made", lead, stage=STAGE, details={"report": str(kept[lead])}) for lead in kept]
    await journey.announce(db, org_id, events)
    await dlq.clear(db, org_id, stage=STAGE, items=[str(lead) for lead in kept])
    return kept


def maker_of(playbook: Playbook) -> Maker:
    """The terms that a playbook's reports are written in."""
    assert playbook.territory is not None
    ground = playbook.territory
    return Maker(ground.words, Reach(**ground.reach), Weights(**ground.weights))


async def _contents(
    db: AsyncConnection, org_id: int, playbook: Playbook, maker: Maker, lead_ids: Sequence[UUID]
) -> dict[UUID, tuple[RowMapping, dict[str, Any]]]:
    """By lead: its row of `scored`, and the content of its report."""
    assert playbook.territory is not None
    scored = await rows(db, SQL["scored"], lead_ids=list(lead_ids))
    places = sorted({row["property_id"] for row in scored})
    oldest = min((row["scored_on"] for row in scored), default=clock.now().date())
    found = await rows(
        db, SQL["around"], property_ids=places, works=sorted(playbook.territory.works),
        metres=maker.reach.area_ft * METRES_A_FOOT, since=oldest - timedelta(days=maker.reach.window_days),
        project_days=PROJECT_DAYS,
    )  # fmt: skip
    around = {row["id"]: row for row in found}
    pictures = {row["property_id"]: row for row in await rows(db, SQL["pictures"], property_ids=places)}
    verdicts = await contagion.verdicts(db, playbook, org_id, places)
    made_on = clock.now().date()
    contents = {}
    for row in scored:
        place = row["property_id"]
        near = surroundings(around[place], row, maker.reach)
        seen = [pictures[place]] if place in pictures else []
        with suppress(ValueError):  # one row that makes no sense is put aside; the others are made
            contents[row["lead_id"]] = (
                row,
                compose(maker, row, near, _reasons(verdicts.get(place)), seen, made_on=made_on),
            )
    return contents


def _reasons(verdict: Verdict | None) -> Sequence[Reason]:
    return verdict.reasons if verdict else ()


async def _keep(
    db: AsyncConnection,
    org_id: int,
    playbook: Playbook,
    contents: Mapping[UUID, tuple[RowMapping, dict[str, Any]]],
    bases: Mapping[UUID, str],
) -> dict[UUID, UUID]:
    leads = list(contents)
    await execute(db, SQL["retire"], lead_ids=leads)
    kept = await rows(
        db,
        SQL["keep"],
        org_id=org_id,
        playbook=playbook.name,
        lead_ids=leads,
        property_ids=[contents[lead][0]["property_id"] for lead in leads],
        contractor_ids=[contents[lead][0]["contractor_id"] for lead in leads],
        contents=[json.dumps(contents[lead][1]) for lead in leads],
        sha256s=[sha256(contents[lead][1]) for lead in leads],
        bases=[bases[lead] for lead in leads],
    )
    return {row["lead_id"]: row["id"] for row in kept}


async def _keep_proofs(
    db: AsyncConnection,
    org_id: int,
    playbook: Playbook,
    contents: Mapping[UUID, tuple[RowMapping, dict[str, Any]]],
) -> None:
    """What may be said of the work around each place; nothing where there is none."""
    told = {row["property_id"]: content for row, content in contents.values()}
    silent = [place for place, content in told.items() if content["social_proof"] is None]
    await execute(db, SQL["forget_proof"], playbook=playbook.name, property_ids=silent)
    said = {place: content for place, content in told.items() if content["social_proof"] is not None}
    await execute(
        db,
        SQL["keep_proof"],
        org_id=org_id,
        playbook=playbook.name,
        property_ids=list(said),
        texts=[content["social_proof"] for content in said.values()],
        facts=[
            json.dumps({**content["counts"], "cities": content["cities"], **content["days"]})
            for content in said.values()
        ],
        permits=[content["counts"]["rings"][2]["count"] for content in said.values()],
        contractors=[content["counts"]["contractors"] for content in said.values()],
    )
