"""Scrape: the pages of companies and people that are watched are read, and what they say is kept.

In come addresses that nobody has read for thirty days; out go facts, each with its source and time: who holds which
title, who came and who went, money raised, jobs offered. What follows from a fact is decided elsewhere.
What must always hold: a page is read, and paid for, at most once in its period, a site's own rules are honoured, and a
page that breaks its reader breaks nothing else.
"""

from penstock.scrape.found import (
    FoundFunding,
    FoundJob,
    FoundMove,
    FoundNews,
    FoundPerson,
    Reading,
    Unreadable,
)
from penstock.scrape.measure import Score, score
from penstock.scrape.words import name_key

__all__ = [
    "FoundFunding",
    "FoundJob",
    "FoundMove",
    "FoundNews",
    "FoundPerson",
    "Reading",
    "Score",
    "Unreadable",
    "name_key",
    "score",
]
