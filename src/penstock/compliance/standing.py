"""How a person's consents stand against their opt-outs: which still counts, and what the others lack."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.compliance.facts import Consent, Facts, Intent
from penstock.compliance.ruleset import Policy

# What the text must have said for the consent to reach a channel (47 CFR 64.1200(f)(9)).
CLAUSES = {
    "email": frozenset({"seller_named"}),
    "sms": frozenset({"seller_named", "not_condition", "automated_text"}),
    "voice_ai": frozenset({"seller_named", "not_condition", "artificial_voice"}),
    "voice_live": frozenset({"seller_named", "not_condition"}),
}
# From no consent at all to consent that was good once: the shortfall named is that of the consent which comes nearest.
ORDER = ("CONSENT_MISSING", "CONSENT_SCOPE", "CONSENT_DEFECTIVE", "CONSENT_STALE")


def opted_out(facts: Facts, intent: Intent, *, at: datetime, policy: Policy) -> bool:
    """Whether an opt-out covers the channel and no valid consent is newer than it."""
    newest = _newest_opt_out(facts, intent.channel)
    return newest is not None and shortfall(facts, intent, at=at, policy=policy, written=True) is not None


def shortfall(facts: Facts, intent: Intent, *, at: datetime, policy: Policy, written: bool = False) -> str | None:
    """The CONSENT_ reason of the best consent on file, or None if one is valid for this channel, number and seller at
    `at`.

    A consent given before an opt-out that covers the channel, or revoked itself, never counts again. Marketing, and
    whatever asks for `written`, needs written consent; a reminder of an appointment the person booked needs any that
    can be proven.
    """
    kinds = ("PEWC",) if written or intent.purpose != "REMINDER" else ("PEWC", "PEC")
    opted_out_at = _newest_opt_out(facts, intent.channel)
    counted = [
        consent
        for consent in facts.consents
        if consent.kind in kinds
        and consent.captured_at <= at
        and consent.revoked_at is None
        and (opted_out_at is None or consent.captured_at > opted_out_at)
    ]
    best = "CONSENT_MISSING"
    for consent in counted:
        lacks = _lacks(consent, facts, intent, at=at, policy=policy)
        if lacks is None:
            return None
        best = max(best, lacks, key=ORDER.index)
    return best


def _newest_opt_out(facts: Facts, channel: str) -> datetime | None:
    return max(
        (bar.at for bar in facts.suppressions if bar.code == "SUPP_OPT_OUT" and bar.covers(channel)), default=None
    )


def _lacks(consent: Consent, facts: Facts, intent: Intent, *, at: datetime, policy: Policy) -> str | None:
    if not _in_scope(consent, facts, intent):
        return "CONSENT_SCOPE"
    sound = consent.box_initial == "unchecked" and consent.box_final == "checked"
    if not (sound and consent.evidence_complete and consent.signature_name.strip()):
        return "CONSENT_DEFECTIVE"
    last_heard = max(consent.captured_at, facts.engaged_at or consent.captured_at)
    return "CONSENT_STALE" if at - last_heard > timedelta(days=policy.consent_max_age_days) else None


def _in_scope(consent: Consent, facts: Facts, intent: Intent) -> bool:
    address = consent.email if intent.channel == "email" else consent.phone
    return (
        consent.seller_id == intent.seller_id
        and intent.channel in consent.channels
        and address == facts.identifier
        and CLAUSES[intent.channel] <= consent.text_flags
    )
