"""The consent texts people sign (texts/*.html): immutable versions, each with flags for what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import yaml

from penstock.compliance.ruleset import RulesRefused


@dataclass(frozen=True, slots=True)
class TextVersion:
    """One consent text. `template` is HTML with named places; `flags` are what the text promises and permits."""

    id: str
    language: str
    template: str
    flags: frozenset[str]
    esign_disclosure: str

    def render(self, values: Mapping[str, str]) -> str:
        """The exact HTML shown, values escaped. Raises KeyError when a place has no value."""
        return self.template.format_map({name: escape(value) for name, value in values.items()})


@cache
def versions() -> Mapping[str, TextVersion]:
    """Every text version ever offered, by id. Raises RulesRefused when a file is not the one that was recorded."""
    home = files(__package__) / "texts"
    found: dict[str, TextVersion] = {}
    for name, row in _index()["versions"].items():
        template = (home / row["file"]).read_text("utf-8")
        if sha256(template) != row["sha256"]:
            raise RulesRefused(f"consent text {name} was changed; a new wording is a new version")
        found[name] = TextVersion(name, row["language"], template, frozenset(row["flags"]), row["esign_disclosure"])
    return found


@cache
def current() -> TextVersion:
    """The version offered now."""
    return versions()[_index()["current"]]


def sha256(text: str) -> str:
    """The SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _index() -> Mapping[str, Any]:
    index: Mapping[str, Any] = yaml.safe_load((files(__package__) / "texts" / "index.yaml").read_text("utf-8"))
    return index
