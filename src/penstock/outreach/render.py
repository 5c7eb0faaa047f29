"""Liquid templates turned into the subject, text and HTML of one email.

A playbook writes `<step>.subject.liquid`, `<step>.text.liquid` and `<step>.html.liquid`; the layout here wraps every
body with what
the law asks of each message, so that no playbook can forget it: where the address came from (EM-07), the advertisement
sentence,
the postal address and a way out (EM-01). Templates are strict: an unknown variable or filter is an error, never an
empty space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from liquid import DictLoader, Environment, StrictUndefined
from liquid.exceptions import LiquidError
from markupsafe import Markup

from penstock.core.errors import InvalidInput

LAYOUTS = files(__package__).joinpath("templates")

_ENVIRONMENTS: dict[tuple[str, bool], Environment] = {}


@dataclass(frozen=True)
class Rendered:
    """One email's words: a one-line subject and the two bodies."""

    subject: str
    text: str
    html: str


def render(templates: Traversable, step: str, values: Mapping[str, Any]) -> Rendered:
    """The email that `step` (the templates' file stem) of the folder `templates` makes of `values`.

    `values` must hold `provenance`, `persona`, `seller` and `links` for the layout. Raises InvalidInput naming the
    template.
    """
    name = step
    try:
        plain, rich = _environment(templates, escape=False), _environment(templates, escape=True)
        subject = " ".join(plain.get_template(name := f"{step}.subject.liquid").render(**values).split())
        text = plain.get_template(name := f"{step}.text.liquid").render(**values).strip()
        html = rich.get_template(name := f"{step}.html.liquid").render(**values).strip()
        name = "layout"
        body = Markup(html)  # noqa: S704  escaped by its own template
        return Rendered(
            subject=subject,
            text=_layout("text", escape=False).render(**values, body=text).strip() + "\n",
            html=_layout("html", escape=True).render(**values, body=body, subject=subject).strip() + "\n",
        )
    except LiquidError as error:
        raise InvalidInput(f"template {name} in {templates}: {error}") from error


def words(templates: Traversable, step: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """(subject in one line, text) of a step that a person does: no layout around it. Raises InvalidInput."""
    name = step
    try:
        plain = _environment(templates, escape=False)
        subject = " ".join(plain.get_template(name := f"{step}.subject.liquid").render(**values).split())
        return subject, plain.get_template(name := f"{step}.text.liquid").render(**values).strip() + "\n"
    except LiquidError as error:
        raise InvalidInput(f"template {name} in {templates}: {error}") from error


def check(templates: Traversable, step: str, *, parts: Sequence[str] = ("subject", "text", "html")) -> None:
    """Parse the files of a step (a step that a person does has no html); raises InvalidInput naming the file that is
    missing or does not parse."""
    for part in parts:
        try:
            _environment(templates, escape=part == "html").get_template(f"{step}.{part}.liquid")
        except LiquidError as error:
            raise InvalidInput(f"template {step}.{part}.liquid in {templates}: {error}") from error


def _environment(folder: Traversable, *, escape: bool) -> Environment:
    key = (str(folder), escape)
    if key not in _ENVIRONMENTS:
        sources = {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".liquid")}
        _ENVIRONMENTS[key] = Environment(loader=DictLoader(sources), undefined=StrictUndefined, autoescape=escape)
    return _ENVIRONMENTS[key]


@lru_cache(maxsize=2)
def _layout(part: str, *, escape: bool) -> Any:
    return _environment(LAYOUTS, escape=escape).get_template(f"layout.{part}.liquid")
