"""Vision: what does a model see on a picture? One form for all models; several may look at the same picture."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Protocol

from penstock.core.errors import NotConfigured
from penstock.core.settings import Settings
from penstock.providers import Account, Reply, account
from penstock.providers.vision import anthropic, openai
from penstock.providers.vision.words import RoofView, Sight, Unreadable

LIBRARIES = ("pydantic_ai", "openai", "anthropic")


class VisionModel(Protocol):
    """What every model promises. Raises ProviderBusy, ProviderUnclear or ProviderRefused."""

    async def fetch(self, sight: Sight) -> Reply:
        """What it sees: one request, one reply, charged whenever there is an answer."""

    def read(self, raw: Mapping[str, Any]) -> RoofView | Unreadable:
        """What a stored raw reply says. Pure: the same raw reply always reads the same."""


REGISTRY: Mapping[str, Callable[[Account, str], VisionModel]] = {
    "anthropic": anthropic.Anthropic,
    "openai": openai.OpenAi,
}


def connect(settings: Settings, vendor: str, model: str) -> VisionModel:
    """The model of that name. Raises NotConfigured without a key, or where the libraries are not installed."""
    found = account(settings, vendor)
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        raise NotConfigured(
            f"vision models need {', '.join(missing)}", fix="pip install 'penstock[vision]' in this environment"
        )
    return REGISTRY[vendor](found, model)


__all__ = ["REGISTRY", "RoofView", "Sight", "Unreadable", "VisionModel", "connect"]
