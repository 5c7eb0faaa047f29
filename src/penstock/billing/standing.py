"""What a subscription allows and what a lead costs: decisions over plain values."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook, Territory

TRIAL = "trial"
PAID = ("professional", "enterprise")
TRIAL_LEADS = Territory.trial_leads  # where nobody says for which playbook


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subscription stands. `month_leads`: of this calendar month, org time, those of the trial included."""

    tier: str
    status: str  # active, past_due, paused, cancelled
    trial_left: int
    month_leads: int = 0
    monthly_cap: int | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many leads a customer may be given now: None is no limit, 0 comes with the reason, in words.

    `in_trial`: the next lead is one of those without charge.
    """

    left: int | None
    reason: str | None
    in_trial: bool


WHY_NOT = {
    "past_due": "an invoice is unpaid: update the payment method in the billing portal",
    "paused": "the subscription is paused: resume it in the billing portal",
    "cancelled": "the subscription has ended: subscribe again",
}


def allowance(standing: Standing) -> Allowance:
    """How many leads this subscription may be given now. The trial is used up first, whatever the tier."""
    if standing.status != "active":
        return Allowance(0, WHY_NOT[standing.status], in_trial=False)
    in_trial = standing.trial_left > 0
    limits = [standing.trial_left] if standing.tier == TRIAL else []
    if standing.monthly_cap is not None:
        limits.append(max(standing.monthly_cap - standing.month_leads, 0))
    left = min(limits) if limits else None
    if left:
        return Allowance(left, None, in_trial)
    if left is None:
        return Allowance(None, None, in_trial)
    return Allowance(0, _used_up(standing), in_trial=False)


def _used_up(standing: Standing) -> str:
    if standing.tier == TRIAL and standing.trial_left == 0:
        return "the trial's leads are used up: subscribe"
    return f"the limit of {standing.monthly_cap} leads a month is reached"


def unit_cents(playbook: Playbook, tier: str) -> int:
    """What a lead costs in a tier beyond the trial, US cents; 0 in the trial. Raises InvalidInput without a price."""
    if tier == TRIAL:
        return 0
    prices = playbook.territory.lead_cents if playbook.territory else {}
    if tier not in prices:
        raise InvalidInput(
            f"the playbook {playbook.name} has no price for a lead in the tier {tier}", fix="set territory.lead_cents"
        )
    return prices[tier]


def trial_leads(playbook: Playbook | None) -> int:
    """How many leads without charge a customer begins with."""
    return playbook.territory.trial_leads if playbook and playbook.territory else TRIAL_LEADS
