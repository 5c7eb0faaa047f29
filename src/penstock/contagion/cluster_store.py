"""Clusters as the database keeps them: found anew with every full pass, under ids that last."""

from __future__ import annotations

import asyncio

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.clusters import Status, find, keep_ids
from penstock.contagion.load import SQL, day_number
from penstock.contagion.rules import Rules
from penstock.contagion.store import Stamp
from penstock.core.db import execute, many, rows, scalar

_MEMBER = np.dtype([("permit", "<i8"), ("cluster", "<i8")])


async def renew(db: AsyncConnection, stamp: Stamp, rules: Rules, permits: Rows, own: Ints, properties: Rows) -> Ints:
    """Find the clusters of the day and keep them; gives the id of the cluster of each permit, -1: of none."""
    as_of = day_number(stamp.scored_on)
    found = await asyncio.to_thread(find, permits, own, properties, as_of=as_of, density=rules.density)
    previous = await _members(db, rules.playbook, None)
    clusters = keep_ids(found, permits, previous, int(await scalar(db, SQL["next_cluster"])))
    member = np.append(clusters["id"], -1)[found.member]
    await many(db, SQL["keep_cluster"], [_as_row(each, stamp) for each in clusters])
    await execute(db, SQL["end_clusters"], playbook=rules.playbook, ids=clusters["id"].tolist())
    await _keep_members(db, stamp, permits["id"], member, previous)
    await execute(db, SQL["name_clusters"], playbook=rules.playbook)
    if len(clusters) or len(previous):
        new = int(np.count_nonzero(~np.isin(clusters["id"], previous["cluster"])))
        ended = int(np.count_nonzero(~np.isin(np.unique(previous["cluster"]), clusters["id"])))
        details = {"playbook": rules.playbook, "clusters": len(clusters), "new": new, "ended": ended}
        await journey.announce(db, stamp.org_id, [journey.Event("clusters_found", None, "contagion", details)])
    return member


async def members_of(db: AsyncConnection, playbook: str, permit_ids: Ints) -> Ints:
    """The id of the cluster that each permit was found in; -1: in none."""
    known = await _members(db, playbook, permit_ids.tolist())
    of = dict(zip(known["permit"].tolist(), known["cluster"].tolist(), strict=True))
    return np.array([of.get(permit, -1) for permit in permit_ids.tolist()], dtype=np.int64)


async def count(db: AsyncConnection, playbook: str, lies_in: Ints) -> None:
    """Keep how many places lie in each cluster (`lies_in`: its id, for each place; 0: none) and how many hot leads."""
    ids, places = np.unique(lies_in[lies_in > 0], return_counts=True)
    await execute(db, SQL["count_places"], playbook=playbook, ids=ids.tolist(), places=places.tolist())
    await execute(db, SQL["count_hot_leads"], playbook=playbook)


async def _members(db: AsyncConnection, playbook: str, ids: list[int] | None) -> Rows:
    found = await rows(db, SQL["members"], playbook=playbook, ids=ids)
    return np.array([(row["permit_id"], row["cluster_id"]) for row in found], dtype=_MEMBER)


async def _keep_members(db: AsyncConnection, stamp: Stamp, permits: Ints, member: Ints, previous: Rows) -> None:
    inside = np.flatnonzero(member >= 0)
    now = np.array(list(zip(permits[inside].tolist(), member[inside].tolist(), strict=True)), dtype=_MEMBER)
    left, came = np.setdiff1d(previous, now), np.setdiff1d(now, previous)
    if len(left):
        await execute(db, SQL["drop_members"], playbook=stamp.playbook, permits=left["permit"].tolist())
    if len(came):
        who = {"org_id": stamp.org_id, "playbook": stamp.playbook}
        await execute(
            db, SQL["take_members"], **who, permits=came["permit"].tolist(), clusters=came["cluster"].tolist()
        )


def _as_row(cluster: np.void, stamp: Stamp) -> dict[str, object]:
    year = cluster["year_built"]
    whole = ("id", "permits", "valued", "value_cents", "first_day", "last_day", "score")
    return {
        "org_id": stamp.org_id,
        "playbook": stamp.playbook,
        **{name: int(cluster[name]) for name in whole},
        **{name: float(cluster[name]) for name in ("lat", "lng", "radius_ft")},
        "year_built": None if np.isnan(year) else round(float(year)),
        "status": Status(int(cluster["status"])).name.lower(),
    }
