"""May we contact this person, on this channel, now? In: facts. Out: a decision with every reason, kept as proof.

What must always hold: nothing leaves the building without an ALLOW from this gate, and what is not known is refused.
"""
