"""What a page says: from HTML to people, news, moves, funding and jobs. Pure; run in the reading room (room.py)."""

from datetime import date
from urllib.parse import urljoin, urlsplit

import lxml.html
from lxml import etree
from trafilatura import bare_extraction
from trafilatura.settings import Document

from penstock.scrape import funding, jobs, moves, news, people, structured
from penstock.scrape.found import FoundJob, FoundNews, FoundPerson, Reading, Unreadable
from penstock.scrape.lines import MAX_ATTRIBUTES, MAX_ELEMENTS, Line, lines_of
from penstock.scrape.words import clean, name_key

LONGEST_TEXT = 200_000


def read_html(html: str, url: str) -> Reading:
    """What the page at `url` says. Raises Unreadable for a page made to exhaust its reader."""
    if not html.strip():
        return Reading()
    tree = _tree(html)
    ld = structured.nodes(tree)
    lines = lines_of(tree)
    text, title, published = _article(html, url, lines)
    headlines = _merge_news(structured.news(ld, url), news.headlines(tree, url))
    sentences = news.sentences(
        [(item.headline, item.published or published) for item in headlines]
        + [(line.text, published) for line in lines if not line.foreign]
        + [(text, published)]
    )
    return Reading(
        text=text,
        title=title,
        published=published,
        people=_merge_people(
            structured.people(ld, tree, url), people.on_page(lines, (urlsplit(url).hostname or "").lower())
        ),
        news=headlines,
        moves=moves.moves(sentences),
        funding=funding.funding(sentences),
        jobs=_merge_jobs(structured.jobs(ld, url), jobs.on_page(tree, url)),
        links=_links(tree, url),
    )


def _tree(html: str) -> lxml.html.HtmlElement:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        tree = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"not to be parsed ({type(error).__name__})") from error
    if any(entry.level_name == "FATAL" for entry in parser.error_log):  # what lies behind it would be missing
        raise Unreadable("it is nested too deeply")
    for count, element in enumerate(tree.iter()):
        if count > MAX_ELEMENTS or len(element.attrib) > MAX_ATTRIBUTES:
            raise Unreadable("too many elements or attributes")
    return tree


def _article(html: str, url: str, lines: list[Line]) -> tuple[str, str, date | None]:
    """The readable text, title and date; where no article is found, all lines of the page."""
    found = bare_extraction(html, url=url, favor_recall=True, include_comments=False, with_metadata=True)
    text = title = ""
    published = None
    if isinstance(found, Document):
        text, title = found.text or "", clean(found.title or "")
        published = _date(found.date)
    return (text or "\n".join(line.text for line in lines))[:LONGEST_TEXT], title[:500], published


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _merge_people(*sources: list[FoundPerson]) -> tuple[FoundPerson, ...]:
    """Each person once; the first source that names a person wins, later ones fill what it left out."""
    merged: dict[str, FoundPerson] = {}
    for person in (one for source in sources for one in source):
        key = name_key(person.name)
        known = merged.get(key)
        merged[key] = person if known is None else known.completed_by(person)
    return tuple(merged.values())


def _merge_news(*sources: list[FoundNews]) -> tuple[FoundNews, ...]:
    merged: dict[str, FoundNews] = {}
    for item in (one for source in sources for one in source):
        merged.setdefault(item.headline.casefold(), item)
    return tuple(merged.values())


def _merge_jobs(*sources: list[FoundJob]) -> tuple[FoundJob, ...]:
    merged: dict[str, FoundJob] = {}
    for job in (one for source in sources for one in source):
        merged.setdefault(job.title.casefold(), job)
    return tuple(merged.values())


def _links(tree: lxml.html.HtmlElement, url: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for anchor in tree.iter("a"):
        href = (anchor.get("href") or "").strip()
        if not href or href.startswith(("#", "mailto:", "tel:", "javascript:")):
            continue
        try:
            full = urljoin(url, href).partition("#")[0]
            if urlsplit(full).scheme in {"http", "https"}:
                found.setdefault(full, clean(anchor.text_content())[:120])
        except ValueError:
            continue
    return tuple(found.items())[:2000]
