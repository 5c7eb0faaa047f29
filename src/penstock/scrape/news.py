"""News on a page: headlines with their dates."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from urllib.parse import urljoin

import lxml.html
from dateutil import parser as dates

from penstock.scrape.found import FoundNews
from penstock.scrape.lines import FOREIGN_TAGS, UNSEEN
from penstock.scrape.words import clean

MAX_HEADLINES = 200
MAX_SENTENCES = 3_000
LONGEST_SENTENCE = 400
WORDS_IN_HEADLINE = range(4, 40)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5")
_DATE = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4}|(?:jan|feb|mar|apr|may|jun|jul|aug|"
    r"sep|oct|nov|dec)[a-z]*\.? \d{1,2}, \d{4}"
    r"|\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,? \d{4})\b",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]?[^\W\d_a-z])|\n+")
_ABBREVIATED = re.compile(
    r"\b(?:inc|corp|co|ltd|llc|bros|mr|mrs|ms|dr|prof|st|jr|sr|no|vs|gov|sen|rep|[a-z]|u\.s|u\.k|ph\.d)\.$",
    re.IGNORECASE,
)

Told = tuple[str, date | None]
"""A sentence and the day it was published, where known."""


def headlines(tree: lxml.html.HtmlElement, url: str) -> list[FoundNews]:
    """Headings and linked lines of four words and more, each with the date that stands next to it."""
    found: list[FoundNews] = []
    for element in tree.iter(*_HEADINGS, "a"):
        text = clean(element.text_content())
        if len(text.split()) not in WORDS_IN_HEADLINE or len(text) > LONGEST_SENTENCE or _aside(element):
            continue
        anchor = element if element.tag == "a" else next(element.iter("a"), None)
        found.append(FoundNews(text, _link(anchor, url), _date_near(element)))
        if len(found) == MAX_HEADLINES:
            break
    return found


def _aside(element: lxml.html.HtmlElement) -> bool:
    return any(above.tag in FOREIGN_TAGS or above.tag in UNSEEN for above in element.iterancestors())


def _link(anchor: lxml.html.HtmlElement | None, url: str) -> str | None:
    href = anchor.get("href") if anchor is not None else None
    try:
        return urljoin(url, href)[:2000] if href else None
    except ValueError:
        return None


def _date_near(element: lxml.html.HtmlElement) -> date | None:
    """The date in the heading's own box: up to three elements above it, as long as they hold no other heading."""
    for above, _ in zip(element.iterancestors(), range(3), strict=False):
        if above.tag in {"body", "main", "html"} or sum(1 for _ in above.iter(*_HEADINGS)) > 1:
            return None
        for time in above.iter("time"):
            if found := day_in(f"{time.get('datetime') or ''} {time.text_content()}"):
                return found
        if found := day_in(clean(above.text_content())[:1000]):
            return found
    return None


def day_in(text: str) -> date | None:
    """The first date written in `text`; US order where the order is open."""
    for match in _DATE.finditer(text):
        try:
            return dates.parse(match[0]).date()
        except (ValueError, OverflowError):
            continue
    return None


def sentences(texts: Iterable[Told]) -> list[Told]:
    """The sentences of several texts, each once; the first text that holds a sentence gives its date."""
    kept: dict[str, date | None] = {}
    for text, published in texts:
        for sentence in _split(text):
            if len(sentence.split()) >= 3 and len(sentence) <= LONGEST_SENTENCE:
                kept.setdefault(sentence, published)
        if len(kept) >= MAX_SENTENCES:
            break
    return list(kept.items())[:MAX_SENTENCES]


def _split(text: str) -> Iterator[str]:
    held = ""
    for part in _END.split(text):
        held = f"{held} {part}".strip() if held else part.strip()
        if not _ABBREVIATED.search(held) or len(held) > LONGEST_SENTENCE:
            yield clean(held)
            held = ""
    if held:
        yield clean(held)
