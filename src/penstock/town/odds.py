"""Every probability, price and delay of the town, in one table. All are per draw; shares of one table sum to at most 1.

They are chosen to be plausible for mail and calls to home owners of 50 to 85, not measured from any real campaign.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# --- Households -------------------------------------------------------------------------------------------------------
OWNER_MOVED: Final = 0.06  # the name on the county record sold and left; somebody else owns the place now
SPOUSE: Final = 0.55  # the owner has a co-owner of the same last name
OWNER_OCCUPIED: Final = 0.84  # otherwise a renter lives there
SECOND_MAILBOX: Final = 0.35
MAILBOX_STATE: Final = {
    "live": 0.84,
    "dead": 0.105,
    "late": 0.04,
    "full": 0.005,
}  # rest: live; "late" accepts, then bounces
CATCH_ALL_DOMAIN: Final = 0.06  # the mailbox is at a domain whose server accepts every name
PHONE_OWNED: Final = {"Mobile": 0.86, "Land Line": 0.48, "Voip": 0.09}
PHONE_ALIVE: Final = {"Mobile": 0.88, "Land Line": 0.70, "Voip": 0.75}
ON_DNC: Final = 0.28
TCPA_LITIGATOR: Final = 0.008
DECEASED: Final = 0.01  # known to BatchData; nobody reads the mail or answers the phone
AGES: Final = {"50-57": 0.18, "58-64": 0.27, "65-71": 0.28, "72-78": 0.18, "79-85": 0.09}

# --- What each vendor knows ------------------------------------------------------------------------------------------
MELISSA_ADDRESS: Final = 0.97  # verified to the delivery point
MELISSA_OWNER: Final = 0.90  # can confirm that the right name lives or owns there
MELISSA_SEES_MOVE: Final = 0.55  # knows that the name on record has left
MELISSA_EMAIL: Final = 0.45
MELISSA_PHONE: Final = 0.40
MELISSA_WRONG: Final = {"previous": 0.03, "stranger": 0.02}  # an appended fact belongs to somebody else

BATCHDATA_MATCH: Final = 0.80
BATCHDATA_PHONES: Final = 0.70  # of all addresses, so it implies a match
BATCHDATA_EMAILS: Final = 0.55
BATCHDATA_EACH_POINT: Final = 0.80  # each of the person's numbers and mailboxes, once the vendor has any
BATCHDATA_WRONG: Final = {"previous": 0.05, "stranger": 0.02, "renter": 0.02}  # names that person openly
BATCHDATA_MIXED_UP: Final = 0.03  # the right name with a stranger's number or mailbox
BATCHDATA_SEES_SALE: Final = 0.60  # returns the new owner of a sold home, not the name on record

EMAIL_CHECK: Final = {  # Global Email: what it says of a mailbox in a given state
    "live": {"ES01": 0.96, "ES03": 0.04},
    "dead": {"EE04": 0.94, "ES03": 0.03, "ES01": 0.03},
    "late": {"ES01": 0.55, "EE04": 0.30, "ES03": 0.15},
    "full": {"ES01": 0.70, "ES03": 0.30},
}
PHONE_CHECK_RIGHT: Final = 0.96  # "reachable" tells the truth
DNC_ANSWERED: Final = 0.98  # otherwise meta.matched is false: no answer

# Prices in tenths of a cent for each item that is answered and billed.
PRICES: Final = {
    ("melissa", "contact_verify"): 50,
    ("melissa", "global_email"): 10,
    ("batchdata", "skip_trace"): 150,
    ("batchdata", "property_search"): 100,
    ("batchdata", "phone_verification"): 10,
    ("batchdata", "phone_dnc"): 2,
    ("batchdata", "phone_tcpa"): 2,
    ("mapbox", "image"): 5,
    ("google_maps", "image"): 20,
    ("openai", "assess"): 20,
    ("anthropic", "assess"): 20,
}
VAPI_MINUTE: Final = 120  # tenths of a cent for one talked minute, platform and providers together
VAPI_LINES: Final = 10  # calls that may be live at once

# --- Mail ------------------------------------------------------------------------------------------------------------
SCANNED: Final = 0.15  # the mailbox sits behind a filter that opens every link before the person does
OUT_OF_OFFICE: Final = 0.05  # on holiday when the mail comes
READS: Final = (0.62, 0.56, 0.50, 0.46)  # the first, second, third and every later mail of one sender
READ_DELAY: Final = {  # minutes after arrival
    "soon": (0.35, 10, 120),
    "today": (0.40, 120, 720),
    "days": (0.25, 1440, 4320),
}
WAKING: Final = (7, 22)  # local hours in which people read mail

# What a person does with a mail that was read; the rest does nothing.
COLD: Final = {
    "consent": 0.055,
    "positive": 0.032,
    "question": 0.026,
    "book": 0.012,
    "negative": 0.045,
    "unsubscribe": 0.016,
    "one_click": 0.022,
    "unsubscribe_page": 0.008,
}
WARM: Final = {"consent": 0.45, "book": 0.20, "positive": 0.05, "one_click": 0.02}  # after a reply of their own
CONSENTED: Final = {"book": 0.15, "positive": 0.05, "one_click": 0.01}
WRONG_PARTY: Final = {"wrong_person": 0.05, "unsubscribe": 0.02, "one_click": 0.03, "negative": 0.01}
# The share of equity in the home and an age of 62 or more make the offer more interesting: factors on consent,
# positive, question and book.
APPEAL_BASE: Final = 0.55
APPEAL_EQUITY: Final = 0.75
APPEAL_SENIOR: Final = 1.25

QUOTES_ORIGINAL: Final = 0.55  # the reply carries the mail it answers
SIGNS: Final = 0.45

# --- Calls -----------------------------------------------------------------------------------------------------------
CALL: Final = {"answered": 0.48, "voicemail": 0.30, "customer-did-not-answer": 0.17, "customer-busy": 0.05}
TALK: Final = {"booked": 0.46, "callback": 0.16, "no_interest_now": 0.16, "not_interested": 0.14, "do_not_call": 0.08}
TALK_WRONG: Final = {"do_not_call": 0.60, "not_interested": 0.40}
CALL_MINUTES: Final = (1, 7)

# --- Appointments ----------------------------------------------------------------------------------------------------
CANCELS: Final = 0.06
RESCHEDULES: Final = 0.05

GRID: Final = timedelta(minutes=15)  # everything happens on this grid of simulated time
