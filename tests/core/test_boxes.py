"""Boxes that cover the same ground, no spot of it twice."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from penstock.core.boxes import disjoint

SIDE = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(sorted)
BOXES = st.lists(
    st.tuples(SIDE, SIDE).map(lambda sides: (sides[0][0], sides[1][0], sides[0][1], sides[1][1])), max_size=6
)


def spots(box: tuple[float, ...]) -> list[tuple[int, int]]:
    south, west, north, east = (int(edge) for edge in box)
    return [(lat, lng) for lat in range(south, north) for lng in range(west, east)]


@given(BOXES)
@example([(0, 0, 2, 2), (1, 1, 3, 3)])
@example([(0, 0, 8, 1), (3, 0, 4, 8), (0, 7, 8, 8)])
def test_the_same_ground_is_covered_once(boxes: list[tuple[int, int, int, int]]) -> None:
    covered = [spot for box in disjoint(boxes) for spot in spots(box)]
    assert len(covered) == len(set(covered))
    assert set(covered) == {spot for box in boxes for spot in spots(box)}


def test_a_box_that_touches_no_other_stays_whole() -> None:
    apart = [(0.0, 0.0, 2.0, 1.0), (1.0, 3.0, 3.0, 4.0), (5.0, 0.0, 6.0, 1.0)]
    assert disjoint([apart[2], apart[1], apart[0], apart[1]]) == apart
    assert disjoint([(1.0, 1.0, 1.0, 2.0)]) == []
