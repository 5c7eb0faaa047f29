"""OpenAI: vision models over chat completions, the answer as a call of a tool with our form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.providers import Account, Reply
from penstock.providers.vision.words import RoofView, Sight, Unreadable, of_raw

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from pydantic_ai.models import Model

VENDOR = "openai"


class OpenAi:
    """One model of the vendor. The library's own retries are off: a second request may be a second bill."""

    def __init__(self, account: Account, model: str) -> None:
        self._account, self._model = account, model

    async def fetch(self, sight: Sight) -> Reply:
        """What the model sees."""
        from openai import AsyncOpenAI

        from penstock.providers.vision import agent

        account = self._account
        http = agent.http_client(account.timeout_s)
        async with AsyncOpenAI(
            base_url=account.base_url, api_key=account.key, timeout=account.timeout_s, max_retries=0, http_client=http
        ) as client:
            return await agent.look(VENDOR, build_model(client, self._model), sight)

    def read(self, raw: Mapping[str, Any]) -> RoofView | Unreadable:
        """What a kept answer says."""
        return of_raw(raw)


def build_model(client: AsyncOpenAI, name: str) -> Model:
    """The model behind that client."""
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))
