"""12 Insight: what everything came to.

In: the diary, the ledger, and the tables of every stage, read only. Out: the funnel, money per stage and appointment,
a lead's diary, alerts, metrics. What must always hold: every figure is a query over facts, none a counter that drifts.
"""

from penstock.insight.funnel import Funnel, funnel, held_back, waiting

__all__ = ["Funnel", "funnel", "held_back", "waiting"]
