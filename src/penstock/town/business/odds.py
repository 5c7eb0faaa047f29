"""Every probability, price and delay of the business side, in one table; chosen to be plausible, not measured."""

from __future__ import annotations

from typing import Final

# --- Companies and their officers -------------------------------------------------------------------------------------
PATTERNS: Final = {"first.last": 0.45, "flast": 0.25, "first": 0.12, "first_last": 0.10, "firstl": 0.08}
ODD_ADDRESS: Final = 0.05  # the officer's mailbox does not follow the company's pattern
MAILBOX_STATE: Final = {"dead": 0.05, "late": 0.02, "full": 0.01}  # rest: live
CATCH_ALL: Final = 0.12  # the domain takes every name
GREYLISTS: Final = 0.05
REFUSES_PROBES: Final = 0.03
DOMAIN_STATE: Final = {"no_mx": 0.015, "nxdomain": 0.008, "null_mx": 0.008, "servfail": 0.004}  # rest: it has an MX
SHARED_OFFICER: Final = 0.06  # of two neighbouring companies: one person holds the same office in both
VACANT: Final = {"CEO": 0.01, "CFO": 0.08, "HR": 0.12}  # when the world begins
LEAVES_A_YEAR: Final = 0.18  # each office, each year
REPLACED_AT_ONCE: Final = 0.6
VACANT_DAYS: Final = (14, 120)
MAILBOX_STAYS_DAYS: Final = (5, 30)  # after its officer has left
LEFT_ANSWERS: Final = 0.6  # such a mailbox answers "no longer with the company"; the others bounce later
SITE_LAG: Final = {"soon": (0.7, 0, 48), "late": (0.3, 72, 240)}  # hours until the website shows a change
PROFILE_LAG_HOURS: Final = (0, 600)  # until the person's own profile does
ON_LINKEDIN: Final = 0.85
RENEWAL_MONTHS: Final = {
    1: 0.36, 2: 0.05, 3: 0.05, 4: 0.06, 5: 0.05, 6: 0.06, 7: 0.14, 8: 0.04, 9: 0.05, 10: 0.06, 11: 0.03, 12: 0.05,
}  # fmt: skip

# --- What a list of companies knows -----------------------------------------------------------------------------------
LIST_KNOWS: Final = {
    "ein": 0.70, "website": 0.87, "linkedin": 0.55, "news": 0.40, "address": 0.92, "phone": 0.75, "employees": 0.70,
    "renewal": 0.82, "CEO": 0.60, "CFO": 0.35, "HR": 0.25, "title": 0.85, "email": 0.33,
}  # fmt: skip
LIST_AGAIN: Final = 0.03
LIST_BAD: Final = 0.01

# --- Websites ---------------------------------------------------------------------------------------------------------
ODD_SITE: Final = 0.04  # the site misbehaves in one of the ways of sites.ODD, each as likely as the others
PRIVATE_DNS: Final = 0.004  # the name of the site leads to an address that is nobody's business
WWW_REDIRECTS: Final = 0.3
TEAM_PAGE: Final = 0.86
VALIDATORS: Final = 0.8  # the site sends ETag and Last-Modified
ROBOTS: Final = {"none": 0.18, "no_team": 0.06, "slow": 0.05, "nothing": 0.02}  # rest: all allowed but the staff's area
NEWS_A_MONTH: Final = 0.35
FUNDING_A_MONTH: Final = 0.012
CHANGE_IN_NEWS: Final = {"appointment": 0.5, "departure": 0.3}
JOBS_A_MONTH: Final = 0.30
BENEFITS_JOB: Final = 0.12  # of the postings
EMAIL_ON_PAGE: Final = 0.10
PROFILE_ON_PAGE: Final = 0.30

# --- Vendors ----------------------------------------------------------------------------------------------------------
PRICES: Final = {  # tenths of a cent for each item that is billed
    ("apify", "profile-scraper"): 5,
    ("apify", "company-scraper"): 5,
    ("apify", "website-scraper"): 2,
    ("zerobounce", "validate"): 8,
    ("neverbounce", "check"): 8,
    ("millionverifier", "verify"): 1,
}
CHECK_UNKNOWN: Final = {"live": 0.03, "dead": 0.03, "late": 0.12, "full": 0.15, "catch_all": 0.03}  # asked on a day
CHECK_SAYS: Final = {  # once it is not "unknown"
    "live": {"valid": 0.985, "invalid": 0.015},
    "dead": {"invalid": 0.975, "valid": 0.025},
    "late": {"valid": 0.55, "invalid": 0.45},
    "full": {"full": 0.8, "valid": 0.2},
    "catch_all": {"catch_all": 1.0},
}

# --- Mail -------------------------------------------------------------------------------------------------------------
COLD: Final = {
    "positive": 0.060,
    "question": 0.040,
    "book": 0.020,
    "referral": 0.030,
    "not_now": 0.055,
    "negative": 0.050,
    "unsubscribe": 0.016,
    "one_click": 0.022,
    "unsubscribe_page": 0.006,
    "consent": 0.010,  # only where the mail has a form to consent in
}
WARM: Final = {"book": 0.35, "positive": 0.10, "consent": 0.10, "one_click": 0.02}
CONSENTED: Final = {"book": 0.20, "positive": 0.05, "one_click": 0.01}
INTEREST: Final = {"CEO": 0.8, "CFO": 1.2, "HR": 1.3}  # factor on consent, positive, question and book
RENEWAL_NEAR: Final = 1.4  # the same, from 120 days before the renewal month
