"""Signed webhooks by the Standard Webhooks scheme (webhook-id, webhook-timestamp, webhook-signature).

A receiver that cannot check signatures may be given a static header instead or besides (a shared secret it compares).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from penstock.core.http import Request, ask

VENDOR = "webhook"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deliver. `secret` is the base64 signing secret (whsec_… or bare); `headers` are sent as they are."""

    url: str
    secret: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 15.0


def build_request(target: Target, *, message_id: str, at: datetime, payload: Mapping[str, Any]) -> Request:
    """The signed POST. `message_id` is the same on every retry, so that the receiver can tell a copy from news."""
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False, default=str)
    stamp = at.astimezone(UTC)
    headers = {
        **target.headers,
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(stamp.timestamp())),
    }
    if target.secret:
        headers["webhook-signature"] = Webhook(target.secret).sign(message_id, stamp, body)
    return Request(
        vendor=VENDOR,
        method="POST",
        url=target.url,
        headers=headers,
        content=body.encode(),
        timeout_s=target.timeout_s,
        repeatable=True,
    )


async def deliver(
    client: httpx.AsyncClient, target: Target, *, message_id: str, at: datetime, payload: Mapping[str, Any]
) -> None:
    """Deliver one message, short retries included. Raises ProviderBusy (later) or ProviderRefused (a lasting no)."""
    await ask(client, build_request(target, message_id=message_id, at=at, payload=payload))
