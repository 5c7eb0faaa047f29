"""A report on the web: one HTML document that needs nothing else, in light and dark. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from liquid import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from penstock.reports.view import Image, Links, caption, view

PAGES = files(__package__).joinpath("pages")


def html(
    content: Mapping[str, Any],
    links: Links,
    *,
    logo: Image | None = None,
    picture: Image | None = None,
    with_pdf: bool = True,
) -> str:
    """The page as HTML. Everything from records is escaped; pictures are inside."""
    it = view(content, links)
    it["logo"] = _inline(logo) if logo else None
    if picture is not None and content["pictures"]:
        it["picture"] = {"file": _inline(picture), "caption": caption(content["pictures"][0])}
    it["pdf"] = f"{links.page}.pdf" if with_pdf else None
    return _page(str(it["title"]), "report", it=it, map=Markup(it["map"]))  # noqa: S704  made of numbers by map.svg


def gone(title: str, said: str) -> str:
    """The page for a link that opens nothing."""
    return _page(title, "gone", it={"title": title, "said": said})


@cache
def content_security_policy() -> str:
    """Nothing but our own style sheet, by its hash, and pictures inside the page."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _inline(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.content).decode()}"


def _page(title: str, template: str, **values: Any) -> str:
    body = _environment().get_template(f"{template}.html.liquid").render(**values)
    layout = _environment().get_template("layout.html.liquid")
    return layout.render(title=title, style=Markup(_style()), body=Markup(body))  # noqa: S704  escaped by its template


@cache
def _style() -> str:
    return PAGES.joinpath("style.css").read_text("utf-8").strip()


@cache
def _environment() -> Environment:
    sources = {file.name: file.read_text("utf-8") for file in PAGES.iterdir() if file.name.endswith(".liquid")}
    return Environment(loader=DictLoader(sources), undefined=StrictUndefined, autoescape=True)
