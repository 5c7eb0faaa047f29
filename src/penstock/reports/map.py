"""The map of a report as SVG: the home in the middle, rings of distance, other homes faint, permits by their age.

Needs no tiles and no network. Colours stand as attributes for print; a style sheet may override them by class.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape
from typing import Any

from penstock.reports.content import short

SIZE = 400
RADIUS = SIZE / 2 - 14  # of the outermost ring
FONT = "Libertinus Serif"
COLOURS = {
    "ground": "#f6f3ec",
    "ring": "#c9c1b0",
    "home": "#cfc8b8",
    "new": "#9a3412",
    "mid": "#d97735",
    "old": "#ecb98c",
    "here": "#1f4e5f",
    "edge": "#ffffff",
    "label": "#6b6456",
}
AGES = (("new", 12, "in the last 12 months"), ("mid", 24, "1 to 2 years ago"), ("old", 10_000, "earlier"))


def svg(drawn: Mapping[str, Any], *, on: date, title: str) -> str:
    """The map of a content's `map`, with ages as of a day. `title` is what it shows, for those who cannot see it."""
    scale = RADIUS / drawn["reach_ft"]
    homes, dots = drawn["homes"], sorted(drawn["dots"], key=lambda dot: str(dot["month"]))
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" role="img" class="map">',
        f"<title>{escape(title)}</title>",
        f'<circle cx="{SIZE / 2:g}" cy="{SIZE / 2:g}" r="{RADIUS:g}" fill="{COLOURS["ground"]}" class="ground"/>',
        f'<path d="{_squares(homes, scale)}" fill="{COLOURS["home"]}" class="home"/>' if homes else "",
        *(_ring(feet, scale) for feet in drawn["rings_ft"]),
        _here(),
        *(_dot(dot, scale, on) for dot in dots),  # over the house: next door is within its outline
        *(_label(feet, scale) for feet in drawn["rings_ft"][1:]),
        _north(),
        "</svg>",
    ]
    return "".join(pieces)


def age_class(month: str, on: date) -> str:
    """new, mid or old: how long before a day a month (`2026-10`) was."""
    year, number = map(int, month.split("-"))
    months = (on.year - year) * 12 + on.month - number
    return next(name for name, until, _ in AGES if months < until or name == "old")


def _place(east: float, north: float, scale: float) -> tuple[str, str]:
    return f"{SIZE / 2 + east * scale:.1f}", f"{SIZE / 2 - north * scale:.1f}"


def _squares(homes: list[int], scale: float) -> str:
    """Small squares, one for each pair (east, north)."""
    points = (_place(east - 11, north + 11, scale) for east, north in zip(homes[::2], homes[1::2], strict=True))
    side = f"{22 * scale:.1f}"
    return "".join(f"M{x} {y}h{side}v{side}h-{side}z" for x, y in points)


def _ring(feet: float, scale: float) -> str:
    return (
        f'<circle cx="{SIZE / 2:g}" cy="{SIZE / 2:g}" r="{feet * scale:.1f}" fill="none" '
        f'stroke="{COLOURS["ring"]}" stroke-width="1" class="ring"/>'
    )


def _dot(dot: Mapping[str, Any], scale: float, on: date) -> str:
    x, y = _place(dot["east"], dot["north"], scale)
    name = age_class(dot["month"], on)
    size = 5.5 + min(dot["count"] - 1, 3)
    return (
        f'<circle cx="{x}" cy="{y}" r="{size:g}" fill="{COLOURS[name]}" stroke="{COLOURS["edge"]}" '
        f'stroke-width="1.2" class="dot {name}"/>'
    )


def _here() -> str:
    at = SIZE // 2
    house = f"M{at - 9} {at}L{at} {at - 10}L{at + 9} {at}V{at + 9}H{at - 9}Z"
    return (
        f'<path d="{house}" fill="{COLOURS["here"]}" stroke="{COLOURS["edge"]}" stroke-width="2" '
        'stroke-linejoin="round" class="here"/>'
    )


def _label(feet: float, scale: float) -> str:
    at = SIZE / 2 + feet * scale
    return (
        f'<text x="{SIZE / 2:g}" y="{at - 5:.1f}" text-anchor="middle" font-size="12" font-family="{FONT}" '
        f'fill="{COLOURS["label"]}" stroke="{COLOURS["ground"]}" stroke-width="4" stroke-linejoin="round" '
        f'paint-order="stroke" class="label">{short(feet)}</text>'
    )


def _north() -> str:
    x, y = SIZE - 22, 24
    return (
        f'<path d="M{x} {y - 14}l5 12h-10z" fill="{COLOURS["label"]}" class="north"/>'
        f'<text x="{x}" y="{y + 12}" text-anchor="middle" font-size="12" font-family="{FONT}" '
        f'fill="{COLOURS["label"]}" class="north">N</text>'
    )
