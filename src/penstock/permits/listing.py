"""Permits as people look at them: a list, one permit, the sources there are."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import execute, one, rows
from penstock.core.errors import InvalidInput, NotFound
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.permits.classify import standard
from penstock.permits.sources import named_sources

SQL: Final = load(__package__)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which permits. `unmatched`: only those that belong to no place we know; `since`: from that day on."""

    city: str | None = None
    work: str | None = None
    source: str | None = None
    unmatched: bool = False
    since: date | None = None


async def listed(
    db: AsyncConnection, wanted: Filters, *, before: int | None = None, limit: int = 100
) -> list[RowMapping]:
    """Permits, newest first, from behind the permit `before` on.

    Raises NotFound where that is none, InvalidInput for a kind of work that is none.
    """
    if wanted.work is not None and wanted.work not in (kinds := standard().kinds):
        raise InvalidInput(f"work: there is no kind {wanted.work[:80]!r}", fix=f"use {', '.join(kinds)}")
    if before is not None:
        await shown(db, before)
    return await rows(
        db,
        SQL["listed"],
        city=wanted.city,
        work=wanted.work,
        source=wanted.source,
        unmatched=wanted.unmatched,
        since=wanted.since,
        before=before,
        limit=limit,
    )


async def shown(db: AsyncConnection, permit_id: int) -> RowMapping:
    """One permit, without personal data. Raises NotFound."""
    if (found := await one(db, SQL["shown"], id=permit_id)) is None:
        raise NotFound(f"there is no permit {permit_id}", fix="penstock permits list shows them")
    return found


async def opened(db: AsyncConnection, sealer: Sealer, org_id: int, permit_id: int, *, actor: str) -> dict[str, Any]:
    """One permit with the row as it came, in clear; the audit log keeps who looked. Raises NotFound."""
    found: dict[str, Any] = dict(await shown(db, permit_id))
    sealed = await one(db, SQL["sealed_of"], id=permit_id)
    assert sealed is not None
    await execute(db, SQL["audit"], org_id=org_id, actor=actor, id=permit_id)
    for name, value in sealed.items():
        found[name.removesuffix("_sealed")] = None if value is None else sealer.open(org_id, value)
    return found


async def rejections(db: AsyncConnection, upload_id: UUID, *, limit: int = 20) -> list[dict[str, Any]]:
    """The first refused rows of a file: row, field, reason and fix of each."""
    return [dict(row) for row in await rows(db, SQL["rejections"], upload_id=upload_id, limit=limit)]


async def sources(db: AsyncConnection) -> list[dict[str, Any]]:
    """Every named source, with how far the org has read it; those that are files cannot be followed."""
    known = {row["source"]: row for row in await rows(db, SQL["sources"])}
    return [
        {
            "source": one_source.name,
            "about": one_source.about,
            "portal": one_source.socrata.domain if one_source.socrata else None,
            "followed": one_source.name in known and known[one_source.name]["is_active"],
            **{name: known[one_source.name][name] if one_source.name in known else None for name in _STATE},
        }
        for one_source in named_sources().values()
    ]


_STATE: Final = ("since", "read_up_to", "last_pulled_at", "last_outcome", "rows_read")
