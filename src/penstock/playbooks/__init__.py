"""What is special to each business: sources, vendors, prices, scores, words. One folder a playbook."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from penstock.playbook import Playbook


def load_all() -> Mapping[str, Playbook]:
    """Every playbook there is, by name. A folder with a `PLAYBOOK` is one."""
    found: dict[str, Playbook] = {}
    for module in iter_modules(__path__):
        playbook = import_module(f"{__name__}.{module.name}").PLAYBOOK
        found[playbook.name] = playbook
    return found
