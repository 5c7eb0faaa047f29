"""Jobs on a page: links and headings that are job titles, where the page offers jobs at all."""

import re
from urllib.parse import urljoin

import lxml.html

from penstock.scrape.found import FoundJob
from penstock.scrape.lines import UNSEEN
from penstock.scrape.words import as_title, clean

MAX_JOBS = 300
OFFERS = re.compile(
    r"careers?|jobs?\b|join (?:our|the) team|open (?:positions|roles)|"
    r"current openings|we(?:'|’)re hiring|vacanc|work (?:with|for) us",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\s*(?:[|•·(–—]|\s-\s|,\s*(?:remote|full|part|hybrid|on-?site)).*$", re.IGNORECASE)
_LEADS_ON = re.compile(r"^(?:apply|view|see|read|learn|meet|contact|our|all|search)\b", re.IGNORECASE)


def on_page(tree: lxml.html.HtmlElement, url: str) -> list[FoundJob]:
    """The jobs that a careers page lists; none from any other page, where titles are those of the staff."""
    heads = [clean(one.text_content()) for one in tree.iter("title", "h1", "h2")]
    if not OFFERS.search(url) and not any(OFFERS.search(head) for head in heads):
        return []
    found: dict[str, FoundJob] = {}
    for element in tree.iter("a", "h2", "h3", "h4", "h5", "li", "td", "dt"):
        if any(above.tag in UNSEEN for above in element.iterancestors()) or len(element.findall(".//li")):
            continue
        whole = clean(element.text_content())
        if len(whole) > 160 or _LEADS_ON.match(whole):
            continue
        title = as_title(_PLACE.sub("", whole))
        if title and title.casefold() not in found:
            found[title.casefold()] = FoundJob(title, _link(element, url))
    return list(found.values())[:MAX_JOBS]


def _link(element: lxml.html.HtmlElement, url: str) -> str | None:
    anchor = element if element.tag == "a" else next(element.iter("a"), None)
    if anchor is None:
        anchor = next((above for above in element.iterancestors("a")), None)
    href = anchor.get("href") if anchor is not None else None
    try:
        return urljoin(url, href)[:2000] if href else None
    except ValueError:
        return None
