"""Booking: slots in a real calendar, appointments, and telling the broker.

In come signed webhooks of the calendar and wishes spoken on a call; out go appointments, converted leads, one billing
event each, and notifications. A lead that somebody goes on with is handed off, once per
cause. What must always hold: one row per appointment, however often and in whatever order the
calendar tells of it.
"""

from penstock.booking.calls import Spoken, book_for_call, offer_slots
from penstock.booking.handoffs import Handoff, hand_off
from penstock.booking.links import link_for, links_for
from penstock.booking.notifications import Notice, queue, tell_broker

__all__ = [
    "Handoff",
    "Notice",
    "Spoken",
    "book_for_call",
    "hand_off",
    "link_for",
    "links_for",
    "offer_slots",
    "queue",
    "tell_broker",
]
