"""The pass over the database: what is written, what is left alone, what wakes whom."""

from __future__ import annotations

from world_contagion import fill, permit, place, scores

from penstock.contagion import score_due
from penstock.core.context import Context


async def test_a_first_pass_scores_every_place_with_coordinates(ctx: Context) -> None:
    book = ctx.playbooks["roofing"]
    await fill(ctx, [place(1, 0, 0), place(2, 0, 2), place(3, 90, 0, city="Elsewhere")], [permit(7, 0, 1, owner=2)])
    done = await score_due(ctx, 1, book)
    assert (done.properties, done.permits, done.changed, done.full) == (3, 1, 3, True)
    found = await scores(ctx)
    assert found[1]["permits_within_100ft"] == 1
    assert found[1]["nearest_permit_id"] == 7
