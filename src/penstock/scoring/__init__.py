"""5 How good a lead is and where it goes.

In: leads whose facts are newer than their score. Out: quality score, lead score, route. What always holds: a lead is
ruled out only when the waterfall has nothing more to buy for it, and comes back if a later purchase lifts it.
"""
