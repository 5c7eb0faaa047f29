"""What is special to each business: sources, vendors, prices, scores, words. One folder a playbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules

from penstock.core.errors import NotConfigured
from penstock.playbook import Playbook


def load_all(others: Iterable[str] = ()) -> Mapping[str, Playbook]:
    """Every playbook there is, by name: the folders here with a `PLAYBOOK`, and importable packages of one's own.

    Raises NotConfigured for a package that cannot be imported or holds no playbook, and for a name that is taken.
    """
    found: dict[str, Playbook] = {}
    for name in (*(f"{__name__}.{module.name}" for module in iter_modules(__path__)), *others):
        playbook = _load(name)
        if playbook.name in found:
            raise NotConfigured(f"two playbooks are called {playbook.name}", fix="give the playbook another name")
        found[playbook.name] = playbook
    return found


def _load(name: str) -> Playbook:
    fix = "PENSTOCK_PLAYBOOKS lists Python packages on PYTHONPATH, each with a PLAYBOOK"
    try:
        found = getattr(import_module(name), "PLAYBOOK", None)
    except ImportError as error:
        raise NotConfigured(f"the playbook package {name} cannot be imported: {error}", fix=fix) from None
    if not isinstance(found, Playbook):
        raise NotConfigured(f"the package {name} holds no PLAYBOOK", fix=fix)
    return found
