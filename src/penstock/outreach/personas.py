"""The voices that sign emails: read from a playbook's `personas.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from penstock.core.errors import InvalidInput


@dataclass(frozen=True)
class Persona:
    """One voice. `slug` is what the enrollment keeps; `tone` says in a few words how it writes."""

    slug: str
    name: str
    role: str
    tone: str
    greeting: str
    closing: str


@lru_cache(maxsize=16)
def load_personas(path: Path) -> dict[str, Persona]:
    """All personas of the file, by slug, in its order. Raises InvalidInput when one is incomplete or named twice."""
    entries = yaml.safe_load(path.read_text("utf-8"))
    try:
        personas = [Persona(**{key: str(value) for key, value in entry.items()}) for entry in entries["personas"]]
    except (TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"{path.name}: each persona needs slug, name, role, tone, greeting, closing ({error})"
        ) from error
    by_slug = {persona.slug: persona for persona in personas}
    if not by_slug or len(by_slug) != len(personas):
        raise InvalidInput(f"{path.name}: at least one persona, and every slug once")
    return by_slug
