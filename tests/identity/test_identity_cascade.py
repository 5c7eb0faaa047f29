"""The key cascade against an oracle that looks at every place, one row after the other, with no index at all."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.identity.cascade import DUPLICATE, INSERTED, UPDATED, Cascade, Keys, Known

KEY = st.none() | st.integers(0, 3).map(str)
ROWS = st.lists(st.tuples(KEY, KEY, KEY, KEY).filter(any), max_size=14)


@dataclass(eq=False)
class Place:
    mak: str | None = None
    apn: str | None = None
    addr: str | None = None
    vendors: set[str] = field(default_factory=set)
    touched: bool = False


def holds(place: Place, row: tuple[str | None, ...], level: int) -> bool:
    """Whether the place holds the row's key of that level (0 MAK … 3 vendor id) and no surer key parts them."""
    key = row[level]
    if key is None:
        return False
    if not (key in place.vendors if level == 3 else key == (place.mak, place.apn, place.addr)[level]):
        return False
    surer = [(place.mak, row[0]), (place.apn, row[1])][:level]
    return not any(theirs and mine and theirs != mine for theirs, mine in surer)


def oracle(rows: list[tuple[str | None, ...]], places: list[Place]) -> list[tuple[int, str]]:
    """(place, outcome) of each row: the rules of the cascade, spelled out."""
    answers = []
    for row in rows:
        mak, apn, addr, vendor = row
        found = next((p for level in range(4) for p in places if holds(p, row, level)), None)
        outcome = INSERTED if found is None else DUPLICATE if found.touched else UPDATED
        if found is None:
            found = Place()
            places.append(found)
        if mak and not found.mak and mak not in [p.mak for p in places]:
            found.mak = mak
        if apn and not found.apn and apn not in [p.apn for p in places]:
            found.apn = apn
        if addr and not found.addr and addr not in [p.addr for p in places]:
            found.addr = addr
        if vendor and not any(vendor in p.vendors for p in places):
            found.vendors.add(vendor)
        found.touched = True
        answers.append((places.index(found), outcome))
    return answers


def in_bulk(rows: list[tuple[str | None, ...]], known: list[Place]) -> tuple[Cascade, list[tuple[int, str]]]:
    cascade = Cascade(Known(i, p.mak, p.apn, p.addr, tuple(p.vendors)) for i, p in enumerate(known))
    placed = [cascade.place(Keys(number, *row)) for number, row in enumerate(rows)]
    return cascade, [(one.place, one.outcome) for one in placed]


@given(ROWS, ROWS)
@settings(max_examples=400)
def test_rows_end_where_a_row_by_row_replay_puts_them(
    before: list[tuple[str, ...]], rows: list[tuple[str, ...]]
) -> None:
    known: list[Place] = []
    oracle(before, known)
    for place in known:
        place.touched = False
    cascade, found = in_bulk(rows, known)
    assert found == oracle(rows, known)
    keys = [(claim.mak, claim.apn, claim.addr_hash) for claim in cascade.claims()]
    assert keys == [(p.mak, p.apn, p.addr) for p in known if p.touched]


@given(ROWS, st.randoms())
@settings(max_examples=400)
def test_the_same_rows_again_in_any_order_insert_nothing(rows: list[tuple[str, ...]], random: object) -> None:
    known: list[Place] = []
    oracle(rows, known)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    _, found = in_bulk(shuffled, known)
    assert all(outcome != INSERTED for _, outcome in found)


def test_two_parcels_at_one_address_stay_two() -> None:
    _, found = in_bulk([(None, "A1", "home", None), (None, "A2", "home", None), (None, None, "home", None)], [])
    assert found == [(0, INSERTED), (1, INSERTED), (0, DUPLICATE)]


def test_a_row_without_parcel_joins_by_address_and_brings_its_key() -> None:
    _, found = in_bulk([(None, None, "home", None), ("M1", None, "home", None), ("M1", "A1", "elsewhere", None)], [])
    assert [place for place, _ in found] == [0, 0, 0]


def test_a_surer_key_wins_over_a_shared_parcel() -> None:
    _, found = in_bulk([("M1", "A1", None, None), ("M2", "A1", None, None), ("M2", None, None, None)], [])
    assert [place for place, _ in found] == [0, 1, 1]
