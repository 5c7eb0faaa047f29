"""Verification: are the email and the phone alive, and what kind?

In come sealed contact points nobody has checked; out goes on each point whether it is verified, its colour, line type,
result codes and registry listing, with the paid check behind it in the ledger.
What must always hold: a value is checked once within its freshness window, whoever it belongs to, and every check
leaves a trace on the point, so that no lead waits for a check that will never come.
"""
