"""A report on paper: one page of PDF by typst, out of its own fonts, without a network. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import typst

from penstock.core.errors import InvalidInput
from penstock.reports.content import DAYS
from penstock.reports.view import Image, Links, caption, view

LARGEST = 300_000  # bytes of a PDF
SPARE = 60_000  # of them for what other pages have more than the sample


def pdf(content: Mapping[str, Any], links: Links, *, logo: Image | None = None, picture: Image | None = None) -> bytes:
    """The page as PDF: the same arguments give the same bytes.

    A picture that makes it too large, or cannot be drawn, is left out. Raises InvalidInput for a logo that cannot.
    """
    if picture is not None:
        with suppress(InvalidInput):
            made = _compile(content, links, logo, picture)
            if len(made) <= LARGEST:
                return made
    return _compile(content, links, logo, None)


def _compile(content: Mapping[str, Any], links: Links, logo: Image | None, picture: Image | None) -> bytes:
    it = view(content, links)
    # The wheel takes files of text only, so pictures travel as numbers: 50 ms for 140 kB, once in a report's life.
    if logo is not None:
        it["logo"] = list(logo.content)
    if picture is not None and content["pictures"]:
        it["picture"] = {"file": list(picture.content), "caption": caption(content["pictures"][0])}
    parts = {"main.typ": _template(), "view.json": json.dumps(it).encode()}
    day = datetime.fromisoformat(content[DAYS]["made_on"]).replace(tzinfo=UTC)
    try:
        made = typst.compile(parts, font_paths=_fonts(), format="pdf", timestamp=day)  # type: ignore[call-overload]
    except typst.TypstError as error:
        raise InvalidInput(f"the page cannot be set: {error.message}", fix="use another logo") from error
    assert isinstance(made, bytes)
    return made


@cache
def _template() -> bytes:
    return files(__package__).joinpath("pages", "report.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    """The fonts inside typst alone: what a machine has installed must not change a page."""
    return typst.Fonts(include_system_fonts=False)
