"""Signals: facts and days on the calendar become signs that now is the time to talk, and each is acted on once.

In come facts of companies (what pages and news say) and windows (whom a date concerns); out go slots that follow who
holds the office, rows of `app.signals`, and what each calls for: a sequence that stops, people scored anew.
What must always hold: a cause raises one signal however often it is seen, an older fact never overrides a newer one,
and facts that come late, twice or out of order end where they would have ended in time.
"""
