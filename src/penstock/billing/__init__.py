"""Billing: fees in steps on monthly invoices, and leads by subscription, told to a payment service.

In come facts that other stages tell (`record_event`, `credit_event`, `record_leads`) and milestones that brokers
report; out go invoices whose lines name their events, and usage that the payment service repeats. What must always
hold: an event is billed at most once, an invoice is the sum of its lines, and a lead is taken out of a trial or charged
once, ever.
"""

from penstock.billing.charges import Credited, credit, record_leads
from penstock.billing.checkout import start_checkout
from penstock.billing.service import Closed, close_period, credit_event, record_event
from penstock.billing.standing import Allowance
from penstock.billing.subscriptions import allowance, open_trial

__all__ = [
    "Allowance",
    "Closed",
    "Credited",
    "allowance",
    "close_period",
    "credit",
    "credit_event",
    "open_trial",
    "record_event",
    "record_leads",
    "start_checkout",
]
