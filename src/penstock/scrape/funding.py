"""Sentences that tell of money raised: "raises $12M Series B"."""

import re
from collections.abc import Iterable
from datetime import date

from penstock.scrape.found import FoundFunding
from penstock.scrape.news import Told

CURRENCIES = {"$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "c$": "CAD"}
TIMES = {"k": 10**3, "thousand": 10**3, "m": 10**6, "mn": 10**6, "mm": 10**6, "million": 10**6}
TIMES |= {"b": 10**9, "bn": 10**9, "billion": 10**9}
_RAISED = re.compile(
    r"\b(?:rais(?:e|es|ed|ing)|secur(?:e|es|ed|ing)|clos(?:e|es|ed|ing)|land(?:s|ed)|"
    r"complet(?:e|es|ed)|receiv(?:es|ed)|"
    r"announc(?:e|es|ed)|bag(?:s|ged)|nab(?:s|bed)|pull(?:s|ed) in|pick(?:s|ed) up|scor(?:es|ed)|obtain(?:s|ed))\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"(?<![\w$])(us\$|c\$|[$€£])\s?(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)\s?-?(thousand|"
    r"million|billion|mn|mm|bn|[kmb])?(?![\w.]\d|\w)",
    re.IGNORECASE,
)
_SERIES = re.compile(
    r"\b(?:series\s+([a-h])\b|(pre-seed|seed)(?:\s+(?:round|funding|financing|extension))?)", re.IGNORECASE
)
_CAPITAL = re.compile(
    r"\b(?:funding|financing|round|venture|growth (?:equity|capital|investment)|"
    r"equity investment|investment (?:round|from|led)|"
    r"capital (?:raise|from|led)|minority investment|led by)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:charity|charitable|donat\w+|fundrais\w+|non-?profit|scholarships?|"
    r"food bank|relief|awareness|prices?|wages?|"
    r"dividend|lawsuit|settlement|contract|grant|acquir\w+|acquisition|revenue|"
    r"guidance|forecast|may|might|could|plans? to)\b"
)


def funding(told: Iterable[Told]) -> tuple[FoundFunding, ...]:
    """The rounds that the sentences tell of, each once by series and amount."""
    found: dict[tuple[int | None, str | None], FoundFunding] = {}
    for sentence, published in told:
        if (one := of_sentence(sentence, published)) is not None:
            found.setdefault((one.amount, one.series), one)
    return tuple(found.values())


def of_sentence(sentence: str, published: date | None = None) -> FoundFunding | None:
    """The round that a sentence tells of; None where it tells of none."""
    if not _RAISED.search(sentence) or _OTHER.search(sentence):
        return None
    amount, series = _AMOUNT.search(sentence), _SERIES.search(sentence)
    if not series and not (amount and _CAPITAL.search(sentence)):
        return None
    name = (f"Series {series[1].upper()}" if series[1] else series[2].capitalize()) if series else None
    if amount is None:
        return FoundFunding(None, "USD", name, sentence, published) if series and series[1] else None
    units = float(amount[2].replace(",", "")) * TIMES.get((amount[3] or "").lower(), 1)
    return FoundFunding(round(units), CURRENCIES[amount[1].lower()], name, sentence, published)
