"""What a scan will find and cost at most, before anything is stored or bought."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import billing, intake
from penstock.core.context import Context
from penstock.core.db import one
from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook, Territory
from penstock.scans.areas import Area
from penstock.scans.places import SQL, Places, Why, permits_in, places_of
from penstock.scans.polygons import box_square_miles, wrong

BOXES_TO_AREA: Final = 4  # the boxes of a search may be so many times as large as the largest area


@dataclass(frozen=True, slots=True)
class Cost:
    """A part of the price, US cents: so many of something at most, and as expected."""

    what: str
    at_most: int
    expected: int
    unit_cents: Decimal

    @property
    def at_most_cents(self) -> Decimal:
        return self.at_most * self.unit_cents

    @property
    def expected_cents(self) -> Decimal:
        return self.expected * self.unit_cents


@dataclass(frozen=True)
class Estimate:
    """What is known of an area, and what a scan of it comes to.

    `places` are those we know, `at_vendor` what the search would find (None: it was not asked), `permits` those of the
    playbook's `works`, `leads_already` anybody's. A scan makes at most `leads_at_most` leads and costs at most
    `at_most_cents`, whatever becomes known after it was ordered; `expected` goes by how the scored places of the area
    fare (`leads_expected` None: none is scored yet, and the most is reckoned with), and is never more than the most.
    The parts add up to both. A limit on the cost bounds search and leads, the search at its dearest.
    `no_leads_because` says why the customer can be given none now.
    """

    playbook: str
    area_name: str
    square_miles: float | None
    places: int
    scored: int
    leads_already: int
    permits: int
    works: tuple[str, ...]
    at_vendor: int | None
    leads_expected: int | None
    leads_at_most: int
    trial_leads: int
    costs: tuple[Cost, ...]
    expected_cents: Decimal
    at_most_cents: Decimal
    notes: tuple[str, ...] = field(default_factory=tuple)
    no_leads_because: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, as they are stored and sent."""
        costs = [
            {
                "what": cost.what,
                "at_most": cost.at_most,
                "expected": cost.expected,
                "unit_cents": float(cost.unit_cents),
                "at_most_cents": float(cost.at_most_cents),
            }
            for cost in self.costs
        ]
        cents = {"expected_cents": float(self.expected_cents), "at_most_cents": float(self.at_most_cents)}
        lists = {"works": list(self.works), "notes": list(self.notes), "costs": costs}
        return {**vars(self), **cents, **lists}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a customer pays for a lead: how many are free, what the others cost, how many there may be (None: any)."""

    free: int
    unit_cents: Decimal
    most: int | None
    note: str | None = None


async def terms_of(db: AsyncConnection, org_id: int, playbook: Playbook, broker_id: UUID | None) -> Terms:
    """What a customer may have and pays now; what a new one would, without `broker_id`.

    Holds the subscription until the transaction ends, and begins the trial of who has none.
    """
    assert playbook.territory is not None
    if broker_id is None:
        free = playbook.territory.trial_leads
        return Terms(free, Decimal(0), free)
    allowed = await billing.allowance(db, org_id, broker_id, playbook=playbook)
    agreed = await one(db, SQL["subscription"], org_id=org_id, broker_id=broker_id)
    assert agreed is not None
    free = int(agreed["trial_leads_remaining"]) if allowed.in_trial else 0
    return Terms(free, Decimal(playbook.territory.lead_cents.get(agreed["tier"], 0)), allowed.left, allowed.reason)


async def draw_up(
    ctx: Context,
    org_id: int,
    area: Area,
    playbook: Playbook,
    *,
    broker_id: UUID | None = None,
    search: bool = False,
    permits: bool = False,
    max_leads: int | None = None,
    max_cost_cents: Decimal | None = None,
) -> Estimate:
    """What a scan would come to; nothing is stored or bought. The vendor's own count is asked for with `search`; with
    `permits`, which it reads first, any place may rise to the bar.

    Raises InvalidInput where the playbook has no search or it would take in too much, NotConfigured where its vendor
    is not connected.
    """
    territory = playbook.territory
    assert territory is not None
    at_vendor, ground = None, None
    if search:
        if territory.search is None:
            raise InvalidInput(f"playbook {playbook.name} has no search for places", fix="import a file of them")
        ground = _ground(area, ctx.settings.scans.largest_square_miles)
        at_vendor = await intake.count_places(ctx, org_id, playbook=playbook.name, area=area.spec)
    async with ctx.db.tenant(org_id) as db:
        places = await places_of(db, org_id, area, playbook, broker_id=broker_id)
        on_record = await permits_in(db, org_id, area, playbook)
        async with db.begin_nested() as asking:
            terms = await terms_of(db, org_id, playbook, broker_id)
            await asking.rollback()
    records = _records(territory, at_vendor, max_cost_cents)
    rising = places.count(Why.BELOW) if permits else 0
    # Any record may be of a new place, but those of the places that this very list brought before.
    new = min(records, max(0, at_vendor - places.brought)) if at_vendor is not None else 0
    wanted, expected = _leads(places, territory, new, rising, [max_leads, terms.most])
    at_most = _affordable(territory, terms, records, max_cost_cents, wanted)
    if expected is not None:
        expected = min(expected, at_most)
    costs = _costs(territory, terms, records, at_most, at_most if expected is None else expected)
    in_vain = _in_vain(costs[0], at_most, wanted)
    return Estimate(
        playbook=playbook.name,
        area_name=area.name,
        square_miles=area.square_miles,
        places=len(places),
        scored=places.scored,
        leads_already=places.count(Why.LED, Why.TAKEN),
        permits=on_record,
        works=tuple(sorted(territory.works)),
        at_vendor=at_vendor,
        leads_expected=expected,
        leads_at_most=at_most,
        trial_leads=terms.free,
        costs=costs,
        expected_cents=sum((cost.expected_cents for cost in costs), Decimal(0)),
        at_most_cents=sum((cost.at_most_cents for cost in costs), Decimal(0)),
        notes=(
            *_notes(places, on_record, at_vendor, terms, max_cost_cents if at_most < wanted else None),
            *_beyond(area, ground),
            *([in_vain] if in_vain and terms.most != 0 else []),
        ),
        no_leads_because=terms.note if terms.most == 0 else in_vain,
    )


def _in_vain(search: Cost, leads: int, wanted: int) -> str | None:
    """Why a search that costs money would bring no lead, where it would not. `wanted`: how many without the limit."""
    if leads or not search.at_most_cents:
        return None
    if wanted:
        return "the search may take all of the limit on the cost: raise the limit, or order without the search"
    return "no place here can become a lead, and the search finds no new one: name another area"


def _ground(area: Area, largest_square_miles: float) -> float | None:
    """How many square miles a search of a drawn area takes in: the boxes around its parts. Raises InvalidInput."""
    if area.outline is None:
        return None
    boxes = [part.box for part in intake.areas_of(area.spec) if part.box is not None]
    ground = sum(box_square_miles(box.south, box.west, box.north, box.east) for box in boxes)
    if ground > (most := BOXES_TO_AREA * largest_square_miles):
        what = f"it would take in the boxes around the parts, {ground:,.0f} square miles, more than {most:,.0f}"
        raise wrong("search", what, "draw compact parts, or leave the search out")
    return ground


def _beyond(area: Area, ground: float | None) -> tuple[str, ...]:
    """That a search takes in more than is drawn, where it does."""
    if ground is None or area.square_miles is None or ground < 1.01 * area.square_miles:
        return ()
    return (f"the search buys the boxes around the drawn parts, {ground:,.1f} square miles, what is outside too",)


def _records(territory: Territory, at_vendor: int | None, max_cost_cents: Decimal | None) -> int:
    """How many records a search buys at most."""
    if at_vendor is None or territory.search is None:
        return 0
    price = territory.search.price_cents
    return min(at_vendor, int(max_cost_cents // price)) if max_cost_cents is not None and price else at_vendor


def _affordable(territory: Territory, terms: Terms, records: int, max_cost_cents: Decimal | None, wanted: int) -> int:
    """How many of the leads `wanted` the limit is good for after the search, the free ones first."""
    if max_cost_cents is None or not terms.unit_cents:
        return wanted
    search = records * territory.search.price_cents if territory.search is not None else Decimal(0)
    return min(wanted, terms.free + int((max_cost_cents - search) // terms.unit_cents))


def _leads(
    places: Places, territory: Territory, bought: int, rising: int, most: list[int | None]
) -> tuple[int, int | None]:
    """(at most, expected): who is ready, and of those without a score yet all, or as many as of the scored ones.

    At most also who is below the bar and may be `rising`. `bought`: how many places the search may add.
    """
    ready = places.count(Why.READY)
    new = places.count(Why.UNSCORED, Why.UNLOCATED) + bought
    bounds = [bound for bound in most if bound is not None]
    at_most = min([ready + new + rising, *bounds])
    share = places.share_from(territory.lead_from)
    if share is None:
        return at_most, None if new else 0
    return at_most, min([ready + round(share * new), *bounds])


def _costs(territory: Territory, terms: Terms, records: int, at_most: int, expected: int) -> tuple[Cost, ...]:
    pictures = sum((picture.price_cents for picture in territory.pictures), Decimal(0))
    views = sum((viewer.price_cents for viewer in territory.viewers), Decimal(0))
    search = territory.search.price_cents if territory.search is not None else Decimal(0)
    return (
        Cost("search", records, records, search),
        Cost("leads", max(0, at_most - terms.free), max(0, expected - terms.free), terms.unit_cents),
        Cost("pictures", at_most, expected, pictures + views),
    )


def _notes(
    places: Places, permits: int, at_vendor: int | None, terms: Terms, reached_cents: Decimal | None
) -> tuple[str, ...]:
    """What to know before it is ordered. `reached_cents`: the limit on the cost, where it is what bounds the leads."""
    found = [terms.note] if terms.note else []
    if reached_cents is not None:
        found.append(f"the limit of ${reached_cents / 100:,.2f} on search and leads is what ends it")
    if not len(places) and not at_vendor:
        found.append("no places are known here: import a file of them, or search for them")
    if not permits and not places.feel_permits:
        found.append("no permits are known here: without them no place has neighbours to score it by")
    if len(places) and not places.scored:
        found.append("nothing is scored here yet: how many leads to expect nobody can tell")
    if unlocated := places.count(Why.UNLOCATED):
        found.append(f"{unlocated} places have no coordinates yet")
    return tuple(found)
