"""Scans: an area becomes leads.

In comes an area that a customer wants leads of: a city, a ZIP code, a drawn polygon. Out go leads of its best places,
each told and charged once, and an account of every place that became none. What must always hold: the price is known
before it starts, nothing is made or bought twice however often it is cut, and the best places of the whole area come
first.
"""

from penstock.scans.areas import Area, read_area
from penstock.scans.estimates import Estimate
from penstock.scans.service import ScanRequest, cancel, estimate, listing, order, refuse_in_vain, retry, show, start

__all__ = [
    "Area",
    "Estimate",
    "ScanRequest",
    "cancel",
    "estimate",
    "listing",
    "order",
    "read_area",
    "refuse_in_vain",
    "retry",
    "show",
    "start",
]
