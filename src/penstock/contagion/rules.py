"""How a playbook with a territory scores: its data in the words of this room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.contagion.arrays import Reach
from penstock.contagion.clusters import Density
from penstock.contagion.reasons import Words
from penstock.contagion.score import Weights
from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pass needs to know of its playbook."""

    playbook: str
    works: tuple[str, ...]
    reach: Reach
    weights: Weights
    density: Density
    words: Words


def rules_of(playbook: Playbook) -> Rules:
    """The rules of a playbook. Raises InvalidInput if it finds no leads on the map."""
    territory = playbook.territory
    if territory is None:
        raise InvalidInput(f"the playbook {playbook.name} has no territory: its leads are not found on the map")
    words: dict[str, Any] = dict(territory.words)
    return Rules(
        playbook.name,
        tuple(sorted(territory.works)),
        Reach(**territory.reach),
        Weights(**territory.weights),
        Density(**territory.density),
        Words(**words),
    )
