"""The pump of promotion: records that came one by one become companies, people and slots, through the merge of files.

What cannot be promoted stays, with field, reason and fix, until somebody mends it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import identity
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import copy_in, execute, rows
from penstock.core.errors import InvalidInput
from penstock.core.sqlfile import load
from penstock.intake.company_load import clean_load
from penstock.intake.company_staging import company_values
from penstock.intake.loads import STAGE, UNSTORABLE, UNSTORABLE_FIX, opened, unstorable
from penstock.intake.reader import Rejection
from penstock.intake.records import Record
from penstock.intake.service import company_playbook

SQL: Final = load(__package__, "loads.sql")
BATCH: Final = 1000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that could not be promoted: what is wrong with it and what to do."""

    id: int
    field: str | None
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Before:
    """A record that was promoted before, or by another worker meanwhile."""

    id: int
    outcome: str | None
    company_id: int | None
    contact_id: int | None


@dataclass(slots=True)
class Promoted:
    """What became of the records of a run, by id; each that was named stands in one of the lists."""

    inserted: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    duplicate: list[int] = field(default_factory=list)
    rejected: list[Refused] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)  # our fault: they wait in the DLQ
    promoted: list[Before] = field(default_factory=list)  # not by this run
    dropped: list[int] = field(default_factory=list)
    in_progress: list[int] = field(default_factory=list)  # another worker has them
    unknown: list[int] = field(default_factory=list)  # named, but there is no such record

    def add(self, other: "Promoted") -> None:
        """Take over what another run came to."""
        for mine, theirs in ((getattr(self, n), getattr(other, n)) for n in self.__slots__):
            mine.extend(theirs)

    @property
    def count(self) -> int:
        """How many records the run dealt with."""
        return sum(len(getattr(self, name)) for name in ("inserted", "updated", "duplicate", "rejected", "failed"))

    def tells_of(self) -> set[int]:
        """The records that stand in one of the lists."""
        ids = {one for name in ("inserted", "updated", "duplicate", "failed", "unknown") for one in getattr(self, name)}
        return ids | {one.id for one in self.rejected}


class _DryRun(Exception):
    """Rolls back what a rehearsal did."""


async def pump(ctx: Context, org_id: int) -> int:
    """Promote what waits until nothing does; gives how many records were dealt with."""
    done = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            ids = [row["raw_load_id"] for row in await rows(db, SQL["due"], limit=BATCH)]
        if not ids:
            return done
        promoted = await promote(ctx, org_id, ids)
        done += promoted.count
        if not promoted.count:
            return done  # another worker has them


async def execute_pipeline(ctx: Context, org_id: int, ids: Sequence[int] | None, *, dry_run: bool = False) -> Promoted:
    """Promote now the records named (refused ones are tried again), or all that wait; a dry run only tells.

    Of those that were past promotion, or in another worker's hands, it is told how they stand in the end.
    """
    total = Promoted()
    async with ctx.db.tenant(org_id) as db:
        if ids:
            known = {row["id"] for row in await rows(db, SQL["known_ids"], ids=list(ids))}
            total.unknown = [one for one in dict.fromkeys(ids) if one not in known]
        if ids and not dry_run:
            await execute(db, SQL["wait_again"], ids=list(ids))
        waiting = [row["id"] for row in await rows(db, SQL["waiting"], ids=list(ids) if ids else None, limit=1_000_000)]
    for start in range(0, len(waiting), BATCH):
        total.add(await promote(ctx, org_id, waiting[start : start + BATCH], dry_run=dry_run))
    others = {*(ids or waiting)} - total.tells_of()
    if others:
        async with ctx.db.tenant(org_id) as db:
            for row in await rows(db, SQL["listing"], ids=sorted(others), status=None, after=0, limit=len(others)):
                _tell_state(total, row)
    return total


def _tell_state(total: Promoted, row: RowMapping) -> None:
    match row["status"]:
        case "promoted":
            total.promoted.append(Before(row["id"], row["outcome"], row["company_id"], row["contact_id"]))
        case "rejected":
            total.rejected.append(Refused(row["id"], row["field"], row["reason"], row["fix"]))
        case "dropped":
            total.dropped.append(row["id"])
        case _:
            total.in_progress.append(row["id"])


async def promote(ctx: Context, org_id: int, ids: Sequence[int], *, dry_run: bool = False) -> Promoted:
    """Promote these records in one transaction; where that breaks, in halves, so that one bad record holds no other."""
    found = Promoted()

    async def work(db: AsyncConnection) -> None:
        nonlocal found
        found = await _promote(ctx, db, org_id, ids)
        if dry_run:
            raise _DryRun

    try:
        await ctx.db.again(org_id, work)
    except _DryRun:
        pass
    except Exception as error:
        if len(ids) == 1:
            log.exception("promotion failed", raw_load_id=ids[0])
            if not dry_run:
                async with ctx.db.tenant(org_id) as db:
                    await dlq.put(db, org_id, stage=STAGE, item=str(ids[0]), payload={}, error=type(error).__name__)
            return Promoted(failed=list(ids))
        half, both = len(ids) // 2, Promoted()
        for part in (ids[:half], ids[half:]):
            both.add(await promote(ctx, org_id, part, dry_run=dry_run))
        return both
    return found


async def _promote(ctx: Context, db: AsyncConnection, org_id: int, ids: Sequence[int]) -> Promoted:
    claimed = await rows(db, SQL["claim"], ids=list(ids))
    found = Promoted()
    good: list[tuple[str, str, RowMapping, Record]] = []
    refused: list[tuple[RowMapping, Rejection]] = []
    for row in claimed:
        made = _read(ctx, org_id, row)
        if isinstance(made, Rejection):
            refused.append((row, made))
        else:
            good.append((row["source"], *made))
    if refused:
        found.rejected = [Refused(row["id"], why.field, why.reason, why.fix) for row, why in refused]
        await execute(
            db, SQL["refuse"], **_columns(found.rejected), payloads=_sealed(ctx, org_id, [row for row, _ in refused])
        )
    for (source, playbook), group in groupby(sorted(good, key=lambda one: one[:2]), key=lambda one: one[:2]):
        await _merge(ctx, db, org_id, source, playbook, [(row, record) for _, _, row, record in group], found)
    await dlq.clear(db, org_id, stage=STAGE, items=[str(row["id"]) for row in claimed])
    return found


def _read(ctx: Context, org_id: int, row: RowMapping) -> tuple[str, RowMapping, Record] | Rejection:
    load = opened(ctx.sealer, org_id, row["payload"])
    if load is None:
        return Rejection(row["id"], None, "the content is not a JSON object", "send the fields of one record", "")
    if bad := unstorable(load):
        return Rejection(row["id"], bad, UNSTORABLE, UNSTORABLE_FIX, "")
    try:
        playbook = company_playbook(ctx.playbooks, row["playbook"])
    except InvalidInput as error:
        return Rejection(row["id"], "playbook", error.detail, error.fix or "", "")
    made = clean_load(row["id"], load, clock.now().date())
    return made if isinstance(made, Rejection) else (playbook, row, made)


async def _merge(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    source: str,
    playbook: str,
    lines: list[tuple[RowMapping, Record]],
    found: Promoted,
) -> None:
    """Merge the records of one source and playbook; their place in `lines` is their row number."""
    await identity.open_companies(db)
    numbered = (Record(n, record.values) for n, (_, record) in enumerate(lines))
    staged = (company_values(record, ctx.sealer, org_id) for record in numbered)
    await copy_in(db, "companies_in", identity.STAGED_COMPANY, staged)
    await identity.merge_companies(db, org_id, upload_id=None, source=source, playbook=playbook)
    told = await identity.outcomes(db)
    outcomes = [told[n][0].removesuffix("_in_file") for n in range(len(lines))]
    ids = [row["id"] for row, _ in lines]
    await execute(
        db,
        SQL["promote"],
        playbook=playbook,
        ids=ids,
        outcomes=outcomes,
        companies=[told[n][1] for n in range(len(lines))],
        contacts=[told[n][2] for n in range(len(lines))],
        payloads=_sealed(ctx, org_id, [row for row, _ in lines]),
    )
    for load_id, outcome in zip(ids, outcomes, strict=True):
        getattr(found, outcome).append(load_id)


def _columns(refused: Iterable[Refused]) -> dict[str, list[Any]]:
    fields = {"ids": "id", "fields": "field", "reasons": "reason", "fixes": "fix"}
    return {plural: [getattr(one, name) for one in refused] for plural, name in fields.items()}


def _sealed(ctx: Context, org_id: int, found: list[RowMapping]) -> list[str]:
    """Payloads under the current key: what was written by hand is sealed here."""
    return [ctx.sealer.seal(org_id, ctx.sealer.open(org_id, row["payload"])) for row in found]
