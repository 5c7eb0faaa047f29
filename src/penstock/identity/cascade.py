"""Which place each row of a file is: the key cascade as a pure function over keys.

The keys of a place, surest first: MAK, parcel number within state and county, address hash, vendor's record id. A row
is the place that holds its surest known key, unless a surer key of both says otherwise: a row with another parcel
number at the same address (a flat, a split lot) is another place. A place keeps the keys it has and takes over those
it lacks.

Everything is decided in file order with a few dictionary look-ups per row, so that bulk equals one by one by
construction; reading the known keys and writing the result are set-based.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

INSERTED: Final = "inserted"
UPDATED: Final = "updated"
DUPLICATE: Final = "duplicate_in_file"


class Keys(NamedTuple):
    """The keys of a row; `apn` is "STATE/COUNTY/NUMBER", `vendor` the source's id. None where the row has none."""

    row_number: int
    mak: str | None
    apn: str | None
    addr_hash: str | None
    vendor: str | None


class Known(NamedTuple):
    """A place that is in the database, with its keys and its vendor ids of this source."""

    property_id: int
    mak: str | None
    apn: str | None
    addr_hash: str | None
    vendors: tuple[str, ...] = ()


class Placed(NamedTuple):
    """What became of a row: its place (a number within this file), known property if any, outcome, first such row."""

    row_number: int
    place: int
    property_id: int | None
    outcome: str
    first_row: int


class Claim(NamedTuple):
    """The keys that a touched place has once the file is in."""

    place: int
    property_id: int | None
    mak: str | None
    apn: str | None
    addr_hash: str | None


class _Place:
    __slots__ = ("addr_hash", "apn", "first_row", "mak", "number", "property_id")

    def __init__(
        self, number: int, property_id: int | None, mak: str | None, apn: str | None, addr_hash: str | None
    ) -> None:
        self.number, self.property_id = number, property_id
        self.mak, self.apn, self.addr_hash = mak, apn, addr_hash
        self.first_row: int | None = None


class Cascade:
    """Places rows one after the other. Feed it every living property that holds any key of the file."""

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self._places: list[_Place] = []
        self._mak: dict[str, _Place] = {}
        self._apn: dict[str, _Place] = {}
        self._addr: dict[str, _Place] = {}
        self._vendor: dict[str, _Place] = {}
        for one in known:
            place = self._new(one.property_id)
            self._take(place, one.mak, one.apn, one.addr_hash)
            for vendor in one.vendors:
                self._vendor.setdefault(vendor, place)

    def place(self, row: Keys) -> Placed:
        """Where the row belongs; later rows see what it added."""
        found = self._find(row)
        if found is None:
            found, outcome = self._new(None), INSERTED
        else:
            outcome = UPDATED if found.first_row is None else DUPLICATE
        self._take(found, row.mak, row.apn, row.addr_hash)
        if row.vendor is not None:
            self._vendor.setdefault(row.vendor, found)
        if found.first_row is None:
            found.first_row = row.row_number
        return Placed(row.row_number, found.number, found.property_id, outcome, found.first_row)

    def claims(self) -> Iterator[Claim]:
        """The keys of every place that some row touched."""
        for one in self._places:
            if one.first_row is not None:
                yield Claim(one.number, one.property_id, one.mak, one.apn, one.addr_hash)

    def _find(self, row: Keys) -> _Place | None:
        if row.mak is not None and (place := self._mak.get(row.mak)):
            return place
        if row.apn is not None and (place := self._apn.get(row.apn)) and _agree(place.mak, row.mak):
            return place
        for key, index in ((row.addr_hash, self._addr), (row.vendor, self._vendor)):
            place = index.get(key) if key is not None else None
            if place is not None and _agree(place.mak, row.mak) and _agree(place.apn, row.apn):
                return place
        return None

    def _new(self, property_id: int | None) -> _Place:
        place = _Place(len(self._places), property_id, None, None, None)
        self._places.append(place)
        return place

    def _take(self, place: _Place, mak: str | None, apn: str | None, addr_hash: str | None) -> None:
        """Give the place the keys it lacks and nobody else holds."""
        if mak is not None and place.mak is None and mak not in self._mak:
            place.mak = mak
            self._mak[mak] = place
        if apn is not None and place.apn is None and apn not in self._apn:
            place.apn = apn
            self._apn[apn] = place
        if addr_hash is not None and place.addr_hash is None and addr_hash not in self._addr:
            place.addr_hash = addr_hash
            self._addr[addr_hash] = place


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other
