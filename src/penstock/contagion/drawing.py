"""SVG pictures that stand alone: one style sheet, light and dark, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
text{font:13px system-ui,sans-serif;fill:#1f2933}.title{font-size:17px;font-weight:600}.quiet{fill:#5b6875}
.ground{fill:#fff}.line{stroke:#c4ccd4;stroke-width:1}.even{stroke:#5b6875;stroke-width:1.5;stroke-dasharray:5 4}
.bar{fill:#2f6f8f}.whisker{stroke:#10242f;stroke-width:1.5;fill:none}
.m1{fill:#c2551e}.m2{fill:#6b4fa0}.m3{fill:#54802a}
.d0{fill:#9a3412}.d1{fill:#d97735}.d2{fill:#ecb98c}.ring{fill:#2f6f8f;fill-opacity:.09;stroke:#2f6f8f;stroke-width:1.5}
@media(prefers-color-scheme:dark){text{fill:#e6ebf0}.quiet{fill:#9fb0be}.ground{fill:#14191e}.line{stroke:#3b4650}
.even{stroke:#9fb0be}.bar{fill:#5aa3c7}.whisker{stroke:#e6ebf0}.m1{fill:#f08c54}.m2{fill:#b39be0}.m3{fill:#98c76a}
.d0{fill:#ffb185}.d1{fill:#d97735}.d2{fill:#7d4a29}.ring{fill:#5aa3c7;stroke:#5aa3c7}}
""".replace("\n", "")


def document(width: float, height: float, title: str, pieces: Iterable[str]) -> str:
    """A whole SVG file. `title` is what it shows, for those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="ground" width="{width:g}" height="{height:g}"/>\n' + "\n".join(pieces) + "\n</svg>\n"
    )


def words(x: float, y: float, said: str, *, kind: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(said)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "line") -> str:
    return f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def dot(x: float, y: float, radius: float, kind: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{kind}"/>'


def mark(x: float, y: float, number: int) -> str:
    """A small mark of one of three shapes, told apart without colour too."""
    shapes = ("M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0", "M-4-4h8v8h-8z", "M0-5l5 9h-10z")
    return f'<path class="m{number + 1}" transform="translate({x:.1f} {y:.1f})" d="{shapes[number % 3]}"/>'
