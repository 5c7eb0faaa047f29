"""Places without coordinates are looked up by their address: the Census geocoder, which is free, a batch at a time.

Every answer is kept, also that there is none, so that nothing is asked twice. A point outside of the place's state is
not used. While the geocoder is in trouble everything waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog
from sqlalchemy import RowMapping

from penstock import journey
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import NotConfigured, ProviderBusy, ProviderError
from penstock.core.sqlfile import load
from penstock.intake import coordinates
from penstock.providers import account
from penstock.providers.geocoding import REGISTRY, Located, Place

SQL: Final = load(__package__, "locating.sql")
log = structlog.get_logger(__name__)
STAGE: Final = "intake.locating"
VENDOR: Final = "census"
EVERYTHING: Final = "geocoder"  # the item in the DLQ that stands for all places
BATCH: Final = 1000


class Found(NamedTuple):
    """What became of one place: match, no_match, tie, outside, or unanswered, which may be asked again."""

    property_id: int
    outcome: str
    lat: float | None = None
    lng: float | None = None


async def pump(ctx: Context, org_id: int) -> int:
    """Look up places until none is due; gives how many got an answer: none where nobody outside may be asked."""
    if ctx.settings.net.closed or all(playbook.territory is None for playbook in ctx.playbooks.values()):
        return 0
    async with ctx.db.autocommit() as lock:
        if not await scalar(lock, SQL["try_lock"], org_id=org_id):
            return 0  # another worker is at it
        try:
            return await _locate_all(ctx, org_id)
        finally:
            await scalar(lock, SQL["unlock"], org_id=org_id)


async def _locate_all(ctx: Context, org_id: int) -> int:
    answered = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            due = await rows(db, SQL["due"], limit=BATCH)
        if not due:
            return answered
        try:
            geocoder = REGISTRY[VENDOR](ctx.http, account(ctx.settings, VENDOR))
            located = await geocoder.locate([_asked(row) for row in due])
        except (ProviderError, NotConfigured) as error:
            await _hold(ctx, org_id, error)
            return answered
        answered += await _keep(ctx, org_id, [judge(row, one) for row, one in zip(due, located, strict=True)])


def _asked(row: RowMapping) -> Place:
    return Place(row["address_line1"], row["city"] or "", row["state"] or "", row["postal_code"] or "")


def judge(row: RowMapping, located: Located) -> Found:
    """What an answer is worth: a point that cannot be in the place's state is outside."""
    if located.outcome != "match":
        return Found(row["id"], located.outcome)
    point = coordinates.read(str(located.lat), str(located.lng), row["state"])
    if point.refusal is not None:
        return Found(row["id"], "outside")
    return Found(row["id"], "match", point.lat, point.lng)


async def _hold(ctx: Context, org_id: int, error: ProviderError | NotConfigured) -> None:
    wait_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
    async with ctx.db.tenant(org_id) as db:
        await dlq.put(db, org_id, stage=STAGE, item=EVERYTHING, payload={}, error=str(error), retry_in_s=wait_s)
    log.warning("geocoder_in_trouble", vendor=VENDOR, error=str(error))


async def _keep(ctx: Context, org_id: int, found: Sequence[Found]) -> int:
    """Write the answers of a batch down; gives how many there are."""
    told = [one for one in found if one.outcome != "unanswered"]
    matched = [one for one in told if one.outcome == "match"]
    async with ctx.db.tenant(org_id) as db:
        await execute(
            db,
            SQL["locate"],
            vendor=VENDOR,
            ids=[one.property_id for one in matched],
            lats=[one.lat for one in matched],
            lngs=[one.lng for one in matched],
        )
        ids, outcomes = [one.property_id for one in told], [one.outcome for one in told]
        await execute(db, SQL["note"], org_id=org_id, ids=ids, outcomes=outcomes)
        await dlq.clear(db, org_id, stage=STAGE, items=[EVERYTHING, *map(str, ids)])
        for one in found:
            if one.outcome == "unanswered":
                item, error = str(one.property_id), f"{VENDOR} left this place out of its answer"
                await dlq.put(db, org_id, stage=STAGE, item=item, payload={}, error=error)
        if told:
            await journey.announce(
                db, org_id, [journey.Event("places_located", None, "intake", dict(Counter(outcomes)))]
            )
    return len(told)
