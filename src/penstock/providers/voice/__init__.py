"""Voice: start a call by an AI assistant, look calls up, read what the vendor tells us about them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import httpx

from penstock.providers import Account
from penstock.providers.voice import vapi
from penstock.providers.voice.calls import CallOrder, CallState, ServerMessage, ToolAnswer


class VoiceCaller(Protocol):
    """A vendor that places calls and reports on them by webhook."""

    async def place(self, order: CallOrder) -> CallState:
        """Start one call. Raises ProviderBusy (not placed), ProviderUnclear (look it up first), ProviderRefused."""

    async def get(self, call_id: str) -> CallState:
        """One call as the vendor knows it now."""

    async def find(self, reference: str, *, since: datetime) -> CallState | None:
        """The call we placed under `reference` at or after `since`, or None: how an unclear placing is settled."""

    def verify(self, raw: bytes, headers: Mapping[str, str], *, secret: str, at: datetime) -> bool:
        """Whether these raw webhook bytes come from the vendor and are fresh at `at`."""

    def parse(self, raw: bytes) -> ServerMessage:
        """One verified webhook in our words. Raises InvalidInput."""

    def tool_reply(self, answers: Sequence[ToolAnswer]) -> dict[str, object]:
        """The JSON to answer a tool-calls message with; always sent with HTTP 200."""


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], VoiceCaller]] = {"vapi": vapi.Vapi}
