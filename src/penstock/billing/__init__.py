"""Billing: fees in steps, at waterfall prices, on a monthly invoice.

In come facts that other stages tell (`record_event`, `credit_event`) and milestones that brokers report; out go
invoices whose lines name their events. What must always hold: an event is billed at most once, and an invoice is the
sum of its lines.
"""

from penstock.billing.service import Closed, close_period, credit_event, record_event

__all__ = ["Closed", "close_period", "credit_event", "record_event"]
