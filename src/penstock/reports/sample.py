"""A page about a home that does not exist, with a logo to be proven on it. Pure."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from penstock.contagion import Known, Reach, Tier, Weights
from penstock.core.errors import InvalidInput
from penstock.reports import paper
from penstock.reports.content import Dot, Maker, Surroundings, compose
from penstock.reports.view import Image, Links

MADE_ON = date(2026, 11, 20)
MAKER = Maker({"one": "repair", "many": "repairs", "part": "house"}, Reach(), Weights())
HOME: dict[str, Any] = {
    "address_line1": "1 Sample St", "address_line2": None, "city": "Sample", "state": "TX", "postal_code": "78701",
    "contagion_score": 90, "age_match_score": 80, "financial_score": 70, "visual_score": 0, "total_urgency_score": 84,
    "tier": Tier.HOT, "confidence": 2, "known": Known.CONTAGION | Known.AGE | Known.FINANCIAL, "fresh": False,
    "permits_within_100ft": 1, "permits_within_500ft": 4, "permits_within_quarter_mile": 9, "nearest_permit_ft": 90.0,
    "since": date(2025, 3, 1), "contractor_count": 3, "installed_year": 2004, "by_permit": False,
    "roof_age_years": 22, "scored_on": MADE_ON, "nearest_on": date(2026, 10, 2), "contractor": "Sample Builders",
    "license_number": None, "license_state": None, "phone": None, "website": None,
    "legal_name": "Sample LLC", "postal_address": "2 Sample St, Sample, TX 78701",
}  # fmt: skip
AROUND = Surroundings([Dot(80, 40, date(2026, 10, 2)), Dot(-600, 300, date(2025, 5, 1))], (), ("Sample, TX",), MADE_ON)
LINKS = Links("https://example.com/r/x", "https://example.com/r/x/stop", "https://example.com/r/x/consent")


def prove(logo: bytes, media_type: str) -> bytes:
    """The sample page as PDF with a logo on it. Raises InvalidInput for a logo that cannot be drawn, or is too much."""
    why = [SimpleNamespace(code="CLOSE_BY", sentence="4 repairs within 500 ft since March 2025")]
    content = compose(MAKER, HOME, AROUND, why, [], made_on=MADE_ON)
    made = paper.pdf(content, LINKS, logo=Image(logo, media_type))
    if len(made) > paper.LARGEST - paper.SPARE:
        raise InvalidInput("The logo makes the page too large", fix="save it smaller: 600 pixels wide are plenty")
    return made
