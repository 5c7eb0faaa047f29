"""Stage 7: contactable leads enter a sequence and get its emails, one step at a time, in their working hours.

In: leads that are contactable and that nobody suppressed. Out: enrollments, one `message_log` row per email, event
`email_sent`. Always holds: no email leaves without a reserved, allowed attempt, and no step is ever sent twice, not
even
after a crash.
"""

from penstock.outreach.message import token_in, tokens_in_ids
from penstock.outreach.post import (
    Draft,
    Fate,
    Outcome,
    Posted,
    authorise,
    hand_over,
    record_not_sent,
    record_sent,
    still_allowed,
)
from penstock.outreach.sequences import address_failed, pause_sequence, stop_sequence

__all__ = [
    "Draft",
    "Fate",
    "Outcome",
    "Posted",
    "address_failed",
    "authorise",
    "hand_over",
    "pause_sequence",
    "record_not_sent",
    "record_sent",
    "still_allowed",
    "stop_sequence",
    "token_in",
    "tokens_in_ids",
]
