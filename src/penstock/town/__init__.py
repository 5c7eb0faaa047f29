"""The town: a stand-in for the outside world, for demos, tests and forecasts.

It speaks the wire protocols of the vendors we use (Melissa, BatchData, VAPI, Cal.com, Apify, ZeroBounce, NeverBounce,
MillionVerifier, a Postmark-shaped inbound mail webhook), looks up names, serves the websites of companies and runs a
real SMTP server. Behind them is a world made from one seed number: every US address has a stable household, every
company officers who come and go; they read mail, reply, consent, book, answer calls or opt out in simulated time.
What vendors, lists and pages tell about them is incomplete and sometimes wrong; `GET /truth` knows better and grades
the run.

It imports nothing of the product and keeps its own clock. Everything random is drawn from hashes of the seed and the
thing in question (an address, a person, the n-th mail), so the same seed gives the same world and the same run.
"""
