"""The one gate: may this person be contacted on this channel at this instant?

Pure. Every gate of gates.py is tried, none is skipped because another failed, so that the record holds all reasons; a
gate that raises has failed. What is not known is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from penstock.compliance.facts import Decision, Facts, Intent, inputs_hash
from penstock.compliance.gates import GATES, Case, Gate
from penstock.compliance.hours import outside
from penstock.compliance.ruleset import BY_HAND, REACHES, Policy, RuleSet
from penstock.compliance.zones import Place

NOWHERE = Place((), ())


def may_contact(
    facts: Facts, *, at: datetime, intent: Intent, rules: RuleSet, policy: Policy, gates: Sequence[Gate] = GATES
) -> Decision:
    """Whether the contact that `intent` describes may be made at `at`, with every reason against it. Never raises.

    `at` is an aware instant in any zone. The answer depends on the arguments alone.
    """
    if at.tzinfo is None:
        return _refuse(["SYS_CLOCK"], rules, where=NOWHERE, digest=inputs_hash(facts, intent, at))
    if intent.channel not in REACHES:
        return _refuse(["SYS_INPUT"], rules, where=NOWHERE, digest=inputs_hash(facts, intent, at))
    at = at.astimezone(UTC)
    case = Case(facts, intent, rules, policy)
    digest = inputs_hash(facts, _place(case), intent, at, rules.version, policy)
    applying = [gate for gate in gates if _applies(gate, case)]
    failed = [gate for gate in applying if not _passes(gate, case, at)]
    if not failed:
        return _allow(case, at, digest)
    codes = sorted({gate.code for gate in failed}, key=lambda code: rules.reasons[code].number)
    curable = all(rules.reasons[code].kind == "T" for code in codes)
    when = earliest(case, at, applying) if curable else None
    return _refuse(codes, rules, where=_place(case), digest=digest, next_permitted_at=when)


def earliest(case: Case, at: datetime, gates: Sequence[Gate]) -> datetime | None:
    """The first instant after `at` at which every gate passes though nothing but the clock has changed; None within
    the horizon.

    Facts age while the clock runs, so the gates that time closes are asked again at the instant found.
    """
    limit = at + timedelta(days=case.policy.horizon_days)
    t = at
    for _ in range(500):
        blocking = [gate for gate in gates if gate.next_ok and not _passes(gate, case, t)]
        if not blocking:
            return t if all(_passes(gate, case, t) for gate in gates) else None
        moves = [_opens(gate, case, t) for gate in blocking]
        later = [move for move in moves if move is not None and move > t]
        if len(later) < len(moves) or max(later) > limit:
            return None
        t = max(later)
    return None


def _applies(gate: Gate, case: Case) -> bool:
    try:
        return gate.applies(case)
    except Exception:
        return True


def _passes(gate: Gate, case: Case, at: datetime) -> bool:
    try:
        return gate.ok(case, at)
    except Exception:
        # A gate that cannot tell has not let anybody through.
        return False


def _opens(gate: Gate, case: Case, at: datetime) -> datetime | None:
    try:
        return gate.next_ok(case, at) if gate.next_ok else None
    except Exception:
        return None


def _place(case: Case) -> Place:
    try:
        return case.place
    except Exception:
        return NOWHERE


def _refuse(
    codes: list[str], rules: RuleSet, *, where: Place, digest: str, next_permitted_at: datetime | None = None
) -> Decision:
    cures = [rules.reasons[code].cure for code in codes if rules.reasons[code].cure]
    return Decision(
        verdict="DENY",
        reason=codes[0],
        reasons=tuple(codes),
        next_permitted_at=next_permitted_at,
        cure=None if next_permitted_at else next(iter(cures), None),
        valid_until=None,
        obligations=(),
        states=where.states,
        zones=where.zones,
        rules_version=rules.version,
        inputs_hash=digest,
    )


def _allow(case: Case, at: datetime, digest: str) -> Decision:
    closes = _closes(case, at)
    until = at + timedelta(seconds=case.policy.valid_seconds)
    return Decision(
        verdict="ALLOW",
        reason="ALLOWED_REPLY" if case.is_reply else "ALLOWED",
        reasons=(),
        next_permitted_at=None,
        cure=None,
        valid_until=min(until, closes) if closes else until,
        obligations=tuple(_obligations(case, at)),
        states=case.place.states,
        zones=case.place.zones,
        rules_version=case.rules.version,
        inputs_hash=digest,
    )


def _closes(case: Case, at: datetime) -> datetime | None:
    """When the current window ends; a reply inside a live thread has none."""
    if case.is_reply:
        return None
    if case.by_phone:
        return case.doors.closes(at)
    ends = [outside(at, ZoneInfo(zone), case.policy.email_hours[1], 24 * 60) for zone in case.place.zones]
    return min((end for end in ends if end), default=None)


def _obligations(case: Case, at: datetime) -> list[str]:
    """What the message or the call must carry."""
    channel = case.intent.channel
    if channel == "email":
        return ["AD_LABEL", "POSTAL_ADDRESS", "LIST_UNSUB"]
    if channel == "sms":
        return ["STOP_FOOTER"]
    if channel in BY_HAND:
        return ["NAME_SELLER", "SENT_BY_A_PERSON"]
    scripts = [f"STATE_SCRIPT:{state}" for state in case.place.states if case.rules.row(state).script]
    affirmative = not case.place.states or any(
        state in case.rules.limits.all_party_recording for state in case.place.states
    )
    closes = case.doors.closes(at, guarded=False)
    hang_up = [f"HANGUP_BY:{closes.isoformat()}"] if closes else []
    common = [f"RECORDING:{'AFFIRMATIVE' if affirmative else 'ANNOUNCE'}", *scripts, "MAX_RING_SEC:25", *hang_up]
    return ["ANNOUNCE_AI", "OFFER_OPTOUT_DTMF", "VM:NONE", *common] if channel == "voice_ai" else common
