"""Trouble on demand: each vendor can be told to fail at a stated rate, the same way in every run of a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from penstock.town.dice import Dice

Blow = Literal["rate_429", "rate_500", "timeout", "reset"]
BLOWS: Final[tuple[Blow, ...]] = ("rate_429", "rate_500", "timeout", "reset")
WEBHOOK_FAULTS: Final = ("duplicate_webhook", "webhook_before_response")
RUN_FAULTS: Final = ("run_failed",)  # Apify: the run ends half-way
CARD_FAULTS: Final = ("card_declined",)  # Stripe: an invoice is not paid at once
PICTURE_FAULTS: Final = ("web_page", "truncated")  # HTML in place of a picture, half a picture; both HTTP 200
VENDORS: Final = (
    "melissa", "batchdata", "vapi", "calcom", "mail", "smtp", "sites", "dns", "apify", "zerobounce", "neverbounce",
    "millionverifier", "socrata", "census", "naip", "mapbox", "google_maps", "nearmap", "openai", "anthropic",
    "stripe",
)  # fmt: skip
HOLD_SECONDS: Final = 60.0  # how long a request that "times out" is held before the connection is dropped


class Faults:
    """Rates per vendor. A fault strikes the n-th request for an item or not: that depends on seed, item and n alone."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._rates: dict[str, dict[str, float]] = {}
        self._requests: Counter[tuple[str, str]] = Counter()

    def configure(self, rates: Mapping[str, Mapping[str, float]]) -> None:
        """Replace all rates. Raises ValueError for an unknown vendor or fault, or a rate outside 0 to 1."""
        known = {*BLOWS, *WEBHOOK_FAULTS, *RUN_FAULTS, *CARD_FAULTS, *PICTURE_FAULTS}
        for vendor, faults in rates.items():
            if vendor not in VENDORS:
                raise ValueError(f"no vendor {vendor}; there are {', '.join(VENDORS)}")
            if unknown := set(faults) - known:
                raise ValueError(f"no fault {min(unknown)}; there are {', '.join(sorted(known))}")
            if any(not 0 <= rate <= 1 for rate in faults.values()):
                raise ValueError(f"rates of {vendor} must lie between 0 and 1")
        self._rates = {vendor: dict(faults) for vendor, faults in rates.items()}

    def strike(self, vendor: str, item: str) -> Blow | None:
        """What goes wrong with this request for `item`, if anything. Each call counts as one request."""
        rates = self._rates.get(vendor)
        if not rates:
            return None
        self._requests[vendor, item] += 1
        wrong = self._dice.weighted(
            {blow: rates.get(blow, 0.0) for blow in BLOWS}, "fault", vendor, item, self._requests[vendor, item]
        )
        return next((blow for blow in BLOWS if blow == wrong), None)

    def doubles(self, vendor: str, item: str) -> bool:
        """True if the webhook about `item` is delivered twice."""
        return self._dice.chance(self._rates.get(vendor, {}).get("duplicate_webhook", 0.0), "double", vendor, item)

    def fails(self, vendor: str, item: str) -> bool:
        """True if the run about `item` ends half-way."""
        return self._dice.chance(self._rates.get(vendor, {}).get("run_failed", 0.0), "run fails", vendor, item)

    def answers_page(self, vendor: str, item: str) -> bool:
        """True if a web page comes where a picture was asked for."""
        return self._dice.chance(self._rates.get(vendor, {}).get("web_page", 0.0), "page", vendor, item)

    def truncates(self, vendor: str, item: str) -> bool:
        """True if only half of the picture comes."""
        return self._dice.chance(self._rates.get(vendor, {}).get("truncated", 0.0), "truncated", vendor, item)

    def declines(self, item: str) -> bool:
        """True if the card is declined for the invoice and try that `item` names."""
        return self._dice.chance(self._rates.get("stripe", {}).get("card_declined", 0.0), "card declined", item)

    def overtakes(self, vendor: str, item: str) -> bool:
        """True if the webhook about `item` arrives before the response that announces it."""
        odds = self._rates.get(vendor, {}).get("webhook_before_response", 0.0)
        return self._dice.chance(odds, "overtake", vendor, item)
