"""The page a homeowner likes to read: what the public record says of the work around a home, and what it may mean.

In come leads of a territory's playbook with a scored place. Out goes one report per lead, stored as data and shown as a
web page and as one page of PDF, with the customer's name, logo and licence on it. What must always hold: nothing on it
names a neighbour or is more certain than the record, nothing synthetic is shown, and opening it changes nothing for
anybody.
"""

from penstock.reports.links import link_of_lead, report_link

__all__ = ["link_of_lead", "report_link"]
