"""What is known of a place from above, for people, pages and reports. Stand-ins are always named as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import one, rows
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load

SQL = load(__package__)
APART: Final = 30  # points of condition from which on two models disagree


@dataclass(frozen=True, slots=True)
class Photo:
    """A live picture, with what has to be said beside it."""

    content: bytes
    media_type: str
    license: str
    taken_on: date | None
    source: str


async def live_photo(db: AsyncConnection, org_id: int, property_id: int) -> Photo | None:
    """The newest live picture of a place; None where there is none: a stand-in's picture is not shown."""
    found = await one(db, SQL["live_photo"], org_id=org_id, property_id=property_id)
    return Photo(**{**found, "content": bytes(found["content"])}) if found else None


async def of_property(db: AsyncConnection, property_id: int) -> dict[str, Any]:
    """Pictures with each model's words beside them, what the live ones come to, and when they are looked at again.

    Raises NotFound, also where the transaction may not see the place.
    """
    place = await one(db, SQL["property"], property_id=property_id)
    if place is None:
        raise NotFound("There is no such property.")
    views = await rows(db, SQL["assessments"], property_id=property_id)
    images = await rows(db, SQL["images"], property_id=property_id)
    return {
        "property_id": property_id,
        "address": place["address"],
        "images": [_image(property_id, image, views) for image in images],
        "live": _facts(images, views),
        "looks": [dict(look) for look in await rows(db, SQL["looks"], property_id=property_id)],
    }


def _image(property_id: int, image: RowMapping, views: Sequence[RowMapping]) -> dict[str, Any]:
    url = f"/v1/properties/{property_id}/imagery/{image['id']}/content" if image["bytes"] else None
    own = [
        {name: view[name] for name in view if name != "image_id"} for view in views if view["image_id"] == image["id"]
    ]
    return {**image, "content_url": url, "assessments": own}


def _facts(images: Sequence[RowMapping], views: Sequence[RowMapping]) -> dict[str, Any] | None:
    """What counts: live words about live pictures; None where there are none."""
    live = {image["id"] for image in images if image["status"] == "live"}
    counted = [view for view in views if view["status"] == "live" and view["image_id"] in live]
    if not counted:
        return None
    scores = [view["condition_score"] for view in counted]
    apart = max(scores) - min(scores)
    return {
        "models": len(counted),
        "condition_score": round(sum(scores) / len(scores)),
        "apart": apart,
        "models_disagree": apart >= APART,
    }


async def status(db: AsyncConnection, terms: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """How far the looking is. `terms`: (vendor, operation) whose costs are told."""
    told = ("count_due", "count_looks", "count_images", "count_assessments")
    counts = {name.removeprefix("count_"): [dict(row) for row in await rows(db, SQL[name])] for name in told}
    vendors, operations = [vendor for vendor, _ in terms], [operation for _, operation in terms]
    apart = await one(db, SQL["count_apart"], apart=APART)
    spent = [dict(row) for row in await rows(db, SQL["spent"], vendors=vendors, operations=operations)]
    return {**counts, "disagreement": dict(apart or {}), "spent": spent}
