"""The figures of two cities that the docs quote can be made again. Skips where the shared data are absent."""

import os
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from penstock import intake, permits
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.permits import Imported
from penstock.permits.tasks import pump

DATA = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared")) / "data"
WHY = text(
    "select coalesce(matched_by, regexp_replace(unmatched_reason, '[0-9]+', 'n')) as why from app.building_permits"
)


async def take(ctx: Context, name: str) -> Imported:
    with (DATA / "permits" / name).open("rb") as file:
        return await permits.import_file(ctx, 1, file, name=name)


@pytest.mark.slow
async def test_two_cities_come_in_whole_and_find_their_places(ctx: Context) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is absent (PENSTOCK_SHARED): the real files are not read")
    seattle = await take(ctx, "seattle_commercial_permits_2005_2015.csv")
    assert (seattle.read, seattle.new, seattle.works) == (10246, 10246, {"other": 10224, "void": 22})
    again = await take(ctx, "seattle_commercial_permits_2005_2015.csv")
    assert (again.new, again.changed, again.unchanged) == (0, 0, 10246)
    nashville = await take(ctx, "nashville_permits_2021_2024.csv.gz")
    assert (nashville.read, nashville.new, nashville.repeated, nashville.refused) == (5996, 5994, 2, 0)
    assert nashville.works == {
        "other": 3106, "new_construction": 2678, "reroof": 193, "roof_repair": 17, "gutters": 2,
    }  # fmt: skip
    playbook = next(name for name, one in ctx.playbooks.items() if one.territory)
    for name in ("nashville_corporate_parcels_a.csv.gz", "nashville_sales_2013_2016.csv.gz"):
        await intake.import_file(ctx, 1, path=DATA / "property" / name, playbook=playbook)
    assert await pump(ctx, 1) == 5994 + 10246
    async with ctx.db.tenant(1) as db:
        told = Counter(row["why"] for row in await rows(db, WHY))
    assert 120 <= told["parcel"] <= 130
    assert 590 <= told["address"] <= 610
    assert 55 <= told["nearest"] <= 70
