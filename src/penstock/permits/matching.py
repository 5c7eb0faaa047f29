"""Which property is a permit for? By its parcel, else its address, else the nearest house of its street; or none.

Left out, with the reason, is every permit about which there is a doubt: a permit joined to the wrong house gives it a
new roof that it does not have. What is left out still counts for its neighbours by its coordinates.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from penstock.contagion import chord, earth_centred, feet

How = Literal["parcel", "address", "nearest"]

NEAR_FT: Final = 50.0
SAME_BUILDING_FT: Final = 15.0  # nearer than this, two house numbers may be two doors of one building
CLEARLY: Final = 2.0  # the nearest is clear when the next is so many times as far

_NUMBER = re.compile(r"^(\d+)(?:-\d+)?[A-Z]?(?: 1/2)?\s+(.+)$")
_NO_NUMBER = re.compile(r"^(?:0+[A-Z]?\s|UNKNOWN|NO NUMBER)", re.I)


class Place(NamedTuple):
    """What a permit or a property says of where it is.

    parcel: as `parcel_key` gives it; addr_hash: as SQL's api.compute_addr_hash gives it (unit included);
    street: the line as api.normalize_street gives it, number first ("100 N OAK ST"); lat, lng: WGS84 degrees;
    city_hash: of a permit, its address hash without the ZIP, which is that of a property whose list had no ZIPs.
    """

    id: int
    parcel: str | None = None
    addr_hash: str | None = None
    street: str | None = None
    lat: float | None = None
    lng: float | None = None
    city_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The property of a permit and how it was told; or None and why."""

    permit_id: int
    property_id: int | None
    how: How | None
    reason: str
    distance_ft: float | None = None


class Near(NamedTuple):
    """A property near a permit."""

    place: Place
    distance_ft: float


def parcel_key(state: str | None, county: str | None, apn: str | None) -> str | None:
    """A parcel number that is one within the country: "TN/DAVIDSON/10412024600". As identity keys parcels in SQL."""
    cleaned = re.sub("[^A-Z0-9]", "", (apn or "").upper())
    return f"{state}/{county}/{cleaned}" if state and county and cleaned else None


def decide(permit: Place, by_parcel: Sequence[Place], by_address: Sequence[Place], near: Sequence[Near]) -> Match:
    """The property among those of the same parcel, of the same address, and within NEAR_FT (nearest first).

    A surer key decides; where two keys name different properties, none is taken. No property is given twice.
    """
    by_address = [] if _without_number(permit.street) else by_address
    if len(by_parcel) > 1:  # flats on one lot: the address tells which
        on_lot = {place.id for place in by_parcel}
        at_door = [place for place in by_address if place.id in on_lot]
        if len(at_door) == 1:
            return Match(permit.id, at_door[0].id, "parcel", "the parcel, and the address of one unit on it")
        return _left_out(permit, f"its parcel holds {len(by_parcel)} properties, and its address does not say which")
    if len(by_address) > 1:
        return _left_out(permit, f"{len(by_address)} properties have its address")
    if by_parcel:
        if by_address and by_address[0].id != by_parcel[0].id:
            return _left_out(permit, "its parcel and its address are those of two properties")
        return Match(permit.id, by_parcel[0].id, "parcel", "the parcel")
    if by_address:
        if permit.parcel and by_address[0].parcel and permit.parcel != by_address[0].parcel:
            return _left_out(permit, "the property at its address has another parcel")
        return Match(permit.id, by_address[0].id, "address", "the address")
    return _nearest(permit, near)


def _nearest(permit: Place, near: Sequence[Near]) -> Match:
    number, street = street_of(permit.street)
    if street is None:
        return _left_out(permit, "no parcel or address of ours is its own, and it names no street")
    if permit.lat is None or permit.lng is None:
        return _left_out(permit, "no parcel or address of ours is its own, and it has no coordinates")
    beside = [one for one in near if one.distance_ft <= NEAR_FT and street_of(one.place.street)[1] == street]
    if permit.parcel:
        beside = [one for one in beside if one.place.parcel is None]  # known to be another's
    if not beside:
        return _left_out(permit, f"no property of its street within {NEAR_FT:.0f} ft")
    same_number = [one for one in beside if number is not None and street_of(one.place.street)[0] == number]
    chosen = same_number or beside
    first = chosen[0]
    if len(chosen) > 1 and chosen[1].distance_ft < max(first.distance_ft, 1.0) * CLEARLY:
        return _left_out(permit, f"{len(chosen)} properties of its street are about as near")
    other = street_of(first.place.street)[0]
    if not same_number and number is not None and other is not None and first.distance_ft > SAME_BUILDING_FT:
        return _left_out(permit, "the nearest property of its street has another house number")
    reason = f"the nearest of its street, {first.distance_ft:.0f} ft away"
    return Match(permit.id, first.place.id, "nearest", reason, first.distance_ft)


def street_of(line: str | None) -> tuple[int | None, str | None]:
    """House number and street of a normalised line: "100-2 N OAK ST" is (100, "N OAK ST"). 0 is no number."""
    found = _NUMBER.match(line or "")
    if not found:
        return None, line or None
    return int(found[1]) or None, found[2]


def _without_number(line: str | None) -> bool:
    """True for "0 OAK ST" and "UNKNOWN": many places share such an address."""
    return bool(_NO_NUMBER.match(line or ""))


def _left_out(permit: Place, reason: str) -> Match:
    return Match(permit.id, None, None, reason)


class Properties:
    """Properties held in memory, to be asked by parcel, address and nearness.

    One that another was merged into is given once with its own keys and once with those of the other.
    """

    def __init__(self, places: Iterable[Place]) -> None:
        self._places = sorted(places, key=lambda place: place.id)
        self._by_parcel = _grouped((place.parcel, place) for place in self._places)
        self._by_address = _grouped((place.addr_hash, place) for place in self._places)
        self._placed = [place for place in self._places if place.lat is not None and place.lng is not None]
        self._tree = cKDTree(_points(self._placed)) if self._placed else None

    def match(self, permits: Sequence[Place]) -> list[Match]:
        """One match per permit, in order."""
        near = self._near(permits)
        return [
            decide(
                permit,
                self._by_parcel.get(permit.parcel or "", ()),
                self._at_address(permit),
                near.get(position, ()),
            )
            for position, permit in enumerate(permits)
        ]

    def settles(self, permit: Place) -> bool:
        """Whether the permit's parcel or address decides by itself, so that nobody need look around it."""
        by_address = self._at_address(permit) and not _without_number(permit.street)
        return bool(self._by_parcel.get(permit.parcel or "") or by_address)

    def concern(self, permits: Sequence[Place]) -> list[Place]:
        """The permits that have a key of one of these properties, or lie beside one."""
        near = self._near(permits)
        return [
            permit
            for position, permit in enumerate(permits)
            if near.get(position) or self._at_address(permit) or self._by_parcel.get(permit.parcel or "")
        ]

    def _at_address(self, permit: Place) -> Sequence[Place]:
        found = [*self._by_address.get(permit.addr_hash or "", ()), *self._by_address.get(permit.city_hash or "", ())]
        return list({place.id: place for place in found}.values())

    def _near(self, permits: Sequence[Place]) -> Mapping[int, Sequence[Near]]:
        """Properties within NEAR_FT by the permit's position, the nearest first."""
        placed = [n for n, permit in enumerate(permits) if permit.lat is not None and permit.lng is not None]
        if self._tree is None or not placed:
            return {}
        points = _points([permits[n] for n in placed])
        found: dict[int, Sequence[Near]] = {}
        for n, point, hits in zip(placed, points, self._tree.query_ball_point(points, chord(NEAR_FT)), strict=True):
            away = feet(np.sqrt(np.square(self._tree.data[hits] - point).sum(axis=1))) if hits else ()
            pairs = (Near(self._placed[hit], float(ft)) for hit, ft in zip(hits, away, strict=True))
            found[n] = sorted(pairs, key=lambda one: (one.distance_ft, one.place.id))
        return found


def beside(points: Sequence[tuple[int, float, float]], permits: Sequence[Place]) -> list[int]:
    """Ids of the points (id, lat, lng) that lie within NEAR_FT of one of the permits."""
    placed = [permit for permit in permits if permit.lat is not None and permit.lng is not None]
    if not points or not placed:
        return []
    at = np.array([point[1:] for point in points], dtype=np.float64)
    hits = cKDTree(_points(placed)).query(earth_centred(at[:, 0], at[:, 1]), distance_upper_bound=chord(NEAR_FT))[0]
    return [point[0] for point, away in zip(points, np.isfinite(hits).tolist(), strict=True) if away]


def _grouped(pairs: Iterable[tuple[str | None, Place]]) -> Mapping[str, Sequence[Place]]:
    found: dict[str, list[Place]] = defaultdict(list)
    for key, place in pairs:
        if key and all(known.id != place.id for known in found[key]):
            found[key].append(place)
    return found


def _points(places: Sequence[Place]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Earth-centred metres of places that have coordinates."""
    at = np.array([(place.lat, place.lng) for place in places], dtype=np.float64)
    return earth_centred(at[:, 0], at[:, 1])
