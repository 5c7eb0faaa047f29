"""Boxes on a map or a grid: south, west, north, east. The edges in the south and the west belong to them."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable

Box = tuple[float, float, float, float]
Span = tuple[float, float]


def disjoint(boxes: Iterable[Box]) -> list[Box]:
    """Boxes that cover the same ground and no spot of it twice, from the south on; empty ones are left out.

    One that touches no other stays whole.
    """
    begin, end = defaultdict[float, list[Span]](list), defaultdict[float, list[Span]](list)
    for south, west, north, east in {box for box in boxes if box[0] < box[2] and box[1] < box[3]}:
        begin[south].append((west, east))
        end[north].append((west, east))
    here: list[Span] = []  # what lies in the strip between two edges, from the west on
    since: dict[Span, float] = {}  # where each span of it began
    found: list[Box] = []
    for edge in sorted({*begin, *end}):
        for span in end[edge]:
            here.remove(span)
        for span in begin[edge]:
            insort(here, span)
        spans = set(_joined(here))
        found += [(since.pop(span), span[0], edge, span[1]) for span in sorted(since.keys() - spans)]
        since |= dict.fromkeys(spans - since.keys(), edge)
    return sorted(found)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans, given from the west on, as ones that do not touch."""
    found: list[Span] = []
    for west, east in spans:
        if found and west <= found[-1][1]:
            found[-1] = (found[-1][0], max(east, found[-1][1]))
        else:
            found.append((west, east))
    return found
