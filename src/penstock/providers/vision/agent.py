"""One question to one vision model through pydantic-ai: one request, never a second one by itself.

Imported only when something is asked: pydantic-ai and the vendors' libraries come with the extra `vision`.
"""

import logging
from functools import cache
from ssl import SSLContext
from typing import Any, Final

import httpx2
import structlog
from pydantic_ai import Agent, BinaryContent, capture_run_messages
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from penstock.core import clock
from penstock.core.errors import ProviderBusy, ProviderError, ProviderRefused
from penstock.core.http import DEFAULT_RETRY_S, LONGEST_RETRY_S, ProviderUnclear
from penstock.providers import Reply
from penstock.providers.vision.words import RoofView, Sight

MAX_TOKENS: Final = 1000
log = structlog.get_logger(__name__)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs whole URLs; we log a call ourselves


def http_client(timeout_s: float) -> httpx2.AsyncClient:
    """A client for one request. The trusted certificates are read once: reading them takes longer than asking."""
    return httpx2.AsyncClient(verify=_certificates(), timeout=timeout_s)


@cache
def _certificates() -> SSLContext:
    return httpx2.create_ssl_context()


async def look(vendor: str, model: Model, sight: Sight) -> Reply:
    """What the model sees, as a reply. An answer that does not fit the form is an answer too: it was paid for.

    Raises ProviderBusy, ProviderUnclear or ProviderRefused.
    """
    agent = Agent(model, output_type=RoofView, instructions=sight.question, retries=0, name="viewer")
    settings = ModelSettings(max_tokens=MAX_TOKENS, thinking=False)
    picture = BinaryContent(sight.content, media_type=sight.media_type)
    began, outcome = clock.stopwatch(), "answered"
    with capture_run_messages() as messages:
        try:
            result = await agent.run([picture], model_settings=settings)
            return Reply(raw=_raw(result.output.model_dump(), messages), billable=True)
        except AgentRunError as error:
            outcome = type(error).__name__
            if any(isinstance(message, ModelResponse) for message in messages):
                return Reply(raw=_unreadable(messages), billable=True)
            raise trouble(vendor, error) from error
        finally:
            took = round((clock.stopwatch() - began) * 1000)
            log.info("vendor_call", vendor=vendor, model=model.model_name, outcome=outcome, duration_ms=took)


def trouble(vendor: str, error: AgentRunError) -> ProviderError:
    """The error as one of our own kinds. The text of a vendor is left out: it may quote what was sent."""
    if not isinstance(error, ModelAPIError):
        return ProviderUnclear(f"{vendor} answered with something that is no answer of a model")
    status = f" {error.status_code}" if isinstance(error, ModelHTTPError) else ""
    said = f"{vendor} answered{status} ({error.provider_error_type or type(error).__name__})"
    if isinstance(error, ModelConnectionError):
        if error.phase in ("pool", "connect"):
            return ProviderBusy(f"{vendor} cannot be reached", retry_after_s=0.5, reached=False)
        return ProviderUnclear(f"{vendor} did not answer ({type(error).__name__})")
    if isinstance(error, ModelQuotaExceededError):
        return ProviderRefused(f"{vendor} refuses: the account's credit is used up")
    if isinstance(error, ModelRateLimitError | ModelUnavailableError) and not error.in_stream:
        wait = DEFAULT_RETRY_S if error.retry_after is None else error.retry_after
        return ProviderBusy(said, retry_after_s=min(wait, LONGEST_RETRY_S), reached=False)
    if isinstance(error, ModelHTTPError) and 400 <= error.status_code < 500 and not error.in_stream:
        return ProviderRefused(said)
    return ProviderUnclear(said)


def _raw(view: dict[str, Any], messages: list[ModelMessage]) -> dict[str, Any]:
    answer = _answer(messages)
    used = {"input_tokens": answer.usage.input_tokens, "output_tokens": answer.usage.output_tokens}
    return {"view": view, "model": answer.model_name, "usage": used}


def _unreadable(messages: list[ModelMessage]) -> dict[str, Any]:
    reason = _answer(messages).finish_reason
    said = {"length": "the answer was cut off", "content_filter": "the model declined to answer"}
    return {"unreadable": said.get(reason or "", "the answer does not fit the form")}


def _answer(messages: list[ModelMessage]) -> ModelResponse:
    return next(message for message in reversed(messages) if isinstance(message, ModelResponse))
