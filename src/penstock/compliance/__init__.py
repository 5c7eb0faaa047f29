"""May we contact this person, on this channel, now? In: facts. Out: a decision with every reason, kept as proof.

What must always hold: nothing leaves the building without an ALLOW from this gate, what is not known is refused, and
nobody but this stage writes consent.
"""

from penstock.compliance import lint
from penstock.compliance.consent import issue_consent_link, unsubscribe_url
from penstock.compliance.facts import Decision, Facts, Intent
from penstock.compliance.gate import may_contact
from penstock.compliance.proof import verify_chain
from penstock.compliance.service import (
    Reservation,
    Wanted,
    complete,
    decide,
    decide_many,
    last_look,
    lawful_sources,
    reserve,
    reserve_many,
)
from penstock.compliance.snapshot import Request
from penstock.compliance.suppression import Suppressed, suppress

__all__ = [
    "Decision",
    "Facts",
    "Intent",
    "Request",
    "Reservation",
    "Suppressed",
    "Wanted",
    "complete",
    "decide",
    "decide_many",
    "issue_consent_link",
    "last_look",
    "lawful_sources",
    "lint",
    "may_contact",
    "reserve",
    "reserve_many",
    "suppress",
    "unsubscribe_url",
    "verify_chain",
]
