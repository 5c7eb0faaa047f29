"""Stripe's webhooks: what happened to an object, signed over time and raw body, at least once, in no order."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any, Final

from penstock.town.state import TownState
from penstock.town.timetable import Event

VERSION: Final = "2026-10-28.endive"


class StripeNews(Event):
    """One webhook. The body is fixed when the thing happens and the same on every try; the signature is of the try."""

    def __init__(self, town: TownState, kind: str, subject: dict[str, Any]) -> None:
        town.truth.usage["webhooks"] += 1
        number = f"evt_{town.dice.token('stripe event', kind, subject['id'], town.truth.usage['webhooks'])[:14]}"
        super().__init__(actor=f"stripe {number}", key=f"stripe {number}")
        self._town = town
        body = {
            "id": number,
            "object": "event",
            "api_version": VERSION,
            "created": int(town.clock.now().timestamp()),
            "type": kind,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "data": {"object": subject},
        }
        self._body = json.dumps(body, separators=(",", ":")).encode()
        self._tellings = 1 + town.faults.doubles("stripe", self.key)

    async def perform(self) -> None:
        """Tell the subscriber, twice if that fault is on."""
        if not (url := self._town.webhooks.stripe_url):
            return
        while self._tellings:
            answer = await self._town.post.send("POST", url, body=self._body, headers=self._headers())
            self._tellings -= 1
            if answer.is_error:
                self._town.truth.refusals["stripe"] += 1

    def _headers(self) -> dict[str, str]:
        stamp = str(int(self._town.clock.now().timestamp()))
        secret = self._town.webhooks.stripe_secret.encode()
        signature = hmac.new(secret, stamp.encode() + b"." + self._body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={stamp},v1={signature}"}


def announce(town: TownState, kind: str, subject: dict[str, Any]) -> None:
    """Send the news as soon as time moves on."""
    town.timetable.add(town.clock.after(timedelta(minutes=1)), StripeNews(town, kind, subject))
