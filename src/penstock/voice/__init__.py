"""Voice: the best number calls a person who agreed in writing to be called, and what was said decides what follows.

In come leads with consent whose next call is due, and what the voice vendor reports; out go calls, outcomes, and
bookings made on the line. What must always hold: the row of a call stands before the call is placed, so nobody is
dialled twice for one attempt, and no call is placed that the gate did not allow.

Beside it stand what customers say of how the agent speaks and texts are written for them, and campaigns of calls.
"""
