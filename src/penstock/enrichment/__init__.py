"""Enrichment: vendors fill gaps, step by step, the cheap ones first.

In come leads that lack a reachable email or phone; out go contact points and property facts, each with its source and
the call that bought it, and in the end a lead whose waterfall is exhausted.
What must always hold: nothing is bought twice within its freshness window, no cap is exceeded, and a lead whose call
went wrong is neither lost nor stuck: it waits, or goes on as if the vendor had nothing.

The ledger lives here; other stages that pay vendors buy through `reserve`, `buy` and `close`; where the price is known
only afterwards, `reserve` its highest and `charge` or `release` it.
"""

from penstock.enrichment.circuits import admit
from penstock.enrichment.ledger import (
    CallRequest,
    Claim,
    Outcome,
    answer,
    charge,
    close,
    doubt_abandoned,
    release,
    reserve,
)
from penstock.enrichment.purchase import PATIENCE_S, Bought, buy

__all__ = [
    "PATIENCE_S",
    "Bought",
    "CallRequest",
    "Claim",
    "Outcome",
    "admit",
    "answer",
    "buy",
    "charge",
    "close",
    "doubt_abandoned",
    "release",
    "reserve",
]
