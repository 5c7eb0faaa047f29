"""Two properties that turn out to be one (a vendor brings the key of another row), and the way back.

The kept place takes the keys and facts it lacks. Of two leads under one playbook the one further on in outreach stays,
the other points to it. Suppressions unite: whatever closed either closes both. Consents intersect: of two people only
what both have given holds. Everything changed is recorded, so that the two can be parted again.
"""

import json
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import Conflict, NotFound
from penstock.core.sqlfile import load

SQL: Final = load(__package__, "merging.sql")

# What nobody may write to any more, the strongest first: the stronger of two leads' states holds for the merged one.
_CLOSED: Final = ("do_not_contact", "unsubscribed", "bounced")


async def merge_properties(db: AsyncConnection, org_id: int, *, keep: int, gone: int, reason: str) -> int:
    """Make `gone` one with `keep`; gives the number of the merge, by which `undo_merge` parts them again.

    Raises NotFound where one of them is not there, Conflict where they are the same or one has been merged already.
    """
    if keep == gone:
        raise Conflict("a property cannot be merged with itself")
    both = {row["id"]: row for row in await rows(db, SQL["both"], keep=keep, gone=gone)}
    if len(both) < 2:
        raise NotFound("one of the two properties is not there")
    if any(row["merged_into"] is not None for row in both.values()):
        raise Conflict("one of the two properties has been merged already")
    ids = {"keep": keep, "gone": gone}
    before: dict[str, Any] = {"keep": dict(both[keep]), "gone": dict(both[gone])}
    await execute(db, SQL["point_to"], **ids)
    before["chained"] = [row["id"] for row in await rows(db, SQL["chains_follow"], **ids)]
    await execute(db, SQL["fill_keep"], **ids)
    await execute(db, SQL["seen_together"], **ids)
    before["vendor_ids"] = [list(row.values()) for row in await rows(db, SQL["move_vendor_ids"], **ids)]
    before |= {"leads": [], "points": [], "consents": []}
    touched = await _merge_leads(db, ids, before)
    text = json.dumps(before, default=str)
    merge_id: int = await scalar(db, SQL["record"], org_id=org_id, reason=reason, before=text, **ids)
    details = {"kept": keep, "gone": gone, "merge": merge_id, "reason": reason}
    await journey.announce(
        db, org_id, [journey.Event("property_merged", lead, "identity", details) for lead in touched]
    )
    return merge_id


async def undo_merge(db: AsyncConnection, org_id: int, merge_id: int) -> None:
    """Part the two again. What either learned since stays with the kept one; suppressions stay in force on both.

    Raises NotFound, and Conflict where it was undone before or a later merge stands on it.
    """
    found = await rows(db, SQL["recorded"], merge_id=merge_id)
    if not found:
        raise NotFound(f"there is no merge {merge_id}")
    keep, gone, before = found[0]["kept_id"], found[0]["gone_id"], found[0]["before"]
    if found[0]["undone_at"] is not None:
        raise Conflict(f"merge {merge_id} has been undone already")
    ids = {"keep": keep, "gone": gone}
    if await scalar(db, SQL["later_merge"], merge_id=merge_id, **ids):
        raise Conflict("a later merge stands on this one", fix="undo the later one first")
    await execute(db, SQL["give_back"], before=json.dumps(before["keep"]), **ids)
    await execute(db, SQL["revive"], gone=gone)
    await execute(db, SQL["chains_return"], ids=before["chained"], **ids)
    for source, vendor_record_id in before["vendor_ids"]:
        await execute(db, SQL["return_vendor_ids"], gone=gone, source=source, vendor_record_id=vendor_record_id)
    await execute(db, SQL["void_points"], ids=before["points"])
    await execute(db, SQL["restore_consents"], ids=before["consents"])
    for lead in sorted(
        before["leads"], key=lambda lead: lead["was_retired"]
    ):  # make room before one returns to its place
        values = {"lead_id": lead["id"], "property_id": lead["property_id"], "consent": lead["consent"]}
        await execute(db, SQL["return_lead"], **values)
    if before["gone"]["times_seen"] is not None and before["keep"]["first_seen_at"] is not None:
        times, first = before["gone"]["times_seen"], before["keep"]["first_seen_at"]
        await execute(db, SQL["return_seen"], keep=keep, times=times, first_seen_at=first)
    await execute(db, SQL["mark_undone"], merge_id=merge_id)
    details = {"kept": keep, "gone": gone, "merge": merge_id, "undone": True}
    leads = [lead["id"] for lead in before["leads"]]
    await journey.announce(db, org_id, [journey.Event("property_merged", lead, "identity", details) for lead in leads])


async def _merge_leads(db: AsyncConnection, ids: dict[str, int], before: dict[str, Any]) -> list[UUID]:
    """Bring the leads of both places to the kept one, playbook by playbook; gives the leads that stay."""
    by_playbook: dict[str, list[RowMapping]] = {}
    for lead in await rows(db, SQL["leads_of_both"], **ids):
        by_playbook.setdefault(lead["playbook"], []).append(lead)
    stay: list[UUID] = []
    for leads in by_playbook.values():
        winner, *losers = sorted(leads, key=lambda lead: _standing(lead, ids["keep"]))
        for lead in leads:
            kept = {"id": lead["id"], "property_id": lead["property_id"], "consent": lead["consent"]}
            before["leads"].append({**kept, "was_retired": lead is not winner})
        if losers:
            await _merge_pair(db, ids, winner, losers[0], before)
        elif winner["property_id"] != ids["keep"]:
            await execute(db, SQL["move_lead"], keep=ids["keep"], winner=winner["id"])
        stay.append(winner["id"])
    return stay


def _standing(lead: RowMapping, keep: int) -> tuple[Any, ...]:
    """The lead further on in outreach stands first; of two alike, the kept place's."""
    return lead["added_to_campaign_at"] is None, lead["campaign_status"] == "new", lead["property_id"] != keep


async def _merge_pair(
    db: AsyncConnection, ids: dict[str, int], winner: RowMapping, loser: RowMapping, before: dict[str, Any]
) -> None:
    same_contact = winner["contact_id"] is None or loser["contact_id"] in (None, winner["contact_id"])
    consent = winner["consent"] and (same_contact or loser["consent"])
    if not same_contact:
        pair = {"winner_contact": winner["contact_id"], "loser_contact": loser["contact_id"]}
        await execute(db, SQL["unite_suppressions"], **pair)
        await execute(db, SQL["unite_marks"], **pair)
        if _same_person(winner, loser):
            before["points"] += [row["id"] for row in await rows(db, SQL["copy_points"], **pair)]
        if winner["consent"] != loser["consent"]:
            leads = [str(winner["id"]), str(loser["id"])]
            before["consents"] += [str(row["id"]) for row in await rows(db, SQL["revoke_consents"], leads=leads)]
    await execute(db, SQL["retire_lead"], winner=winner["id"], loser=loser["id"])
    states = (winner["campaign_status"], loser["campaign_status"])
    status = next((closed for closed in _CLOSED if closed in states), winner["campaign_status"])
    values = {"keep": ids["keep"], "winner": winner["id"], "contact_id": loser["contact_id"], "consent": consent}
    await execute(db, SQL["settle_lead"], campaign_status=status, **values)


def _same_person(one: RowMapping, other: RowMapping) -> bool:
    """Whether two contacts bear the same name; at one place that is one person."""

    def name(lead: RowMapping) -> tuple[str, str]:
        return (lead["first_name"] or "").casefold(), (lead["last_name"] or lead["company"] or "").casefold()

    return name(one) == name(other) and any(name(one))
