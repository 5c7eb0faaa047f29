"""What a page says of itself for machines: JSON-LD and microdata of schema.org."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urljoin

import lxml.html

from penstock.scrape.found import FoundJob, FoundNews, FoundPerson
from penstock.scrape.people import is_profile
from penstock.scrape.words import as_name, clean

MAX_NODES = 5_000
MAX_DEPTH = 30
ARTICLES = frozenset({"NewsArticle", "Article", "BlogPosting", "PressRelease", "Report"})
# Where the people of an organisation hang; an article's author or a review's is none of them.
STAFF = ("employee", "employees", "founder", "founders", "member", "members")

Node = Mapping[str, Any]


def nodes(tree: lxml.html.HtmlElement) -> list[Node]:
    """The objects of the page's JSON-LD at the top, in lists and in @graph. What is no JSON is passed over."""
    found: list[Node] = []
    for script in tree.iter("script"):
        if (script.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json":
            try:
                data = json.loads(script.text or "", strict=False)
            except (ValueError, RecursionError):
                continue
            found += _top(data)
    return found[:MAX_NODES]


def _top(data: Any) -> Iterator[Node]:
    stack, seen = [data], 0
    while stack and seen < MAX_NODES:
        one = stack.pop(0)
        seen += 1
        if isinstance(one, list):
            stack = one[:MAX_NODES] + stack
        elif isinstance(one, Mapping):
            yield one
            stack = [one.get("@graph"), one.get("mainEntity"), *stack]


def _types(node: Node) -> set[str]:
    kind = node.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return {str(one).rpartition("/")[2] for one in kinds if one}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    """The first text in a value: texts, lists of texts, {"@value": …}, {"name": …}."""
    for one in _many(value):
        if isinstance(one, Mapping):
            one = one.get("@value") or one.get("name")
        if isinstance(one, str) and clean(one):
            return clean(one)[:300]
    return ""


def people(found: Sequence[Node], tree: lxml.html.HtmlElement, url: str) -> list[FoundPerson]:
    """The people with titles: Person at the top, staff of an Organization, roles, and microdata."""
    got = [person for node in found for person in _people_of(node, url, 0)]
    return got + [person for person in _microdata(tree, url) if person]


def _people_of(node: Node, url: str, depth: int) -> Iterator[FoundPerson]:
    if depth > MAX_DEPTH:
        return
    kinds = _types(node)
    if "Person" in kinds:
        if person := _person(node, _text(node.get("jobTitle")) or _occupation(node), url):
            yield person
    elif any(kind.endswith("Role") for kind in kinds):
        title = _text(node.get("roleName")) or _text(node.get("namedPosition"))
        for inner in (*_many(node.get("employee")), *_many(node.get("member")), *_many(node.get("founder"))):
            if isinstance(inner, Mapping) and (person := _person(inner, title or _text(inner.get("jobTitle")), url)):
                yield person
    elif not kinds & ARTICLES and "Review" not in kinds:
        for name in STAFF:
            for inner in _many(node.get(name)):
                if isinstance(inner, Mapping):
                    yield from _people_of(inner, url, depth + 1)


def _occupation(node: Node) -> str:
    return _text(node.get("hasOccupation"))


def _person(node: Node, title: str, url: str) -> FoundPerson | None:
    name = as_name(_text(node.get("name")) or f"{_text(node.get('givenName'))} {_text(node.get('familyName'))}")
    if name is None or not title:
        return None
    links = [link for link in (*_many(node.get("sameAs")), *_many(node.get("url"))) if isinstance(link, str)]
    email = _text(node.get("email")).lower().removeprefix("mailto:")
    return FoundPerson(name, title, next((link for link in links if is_profile(link)), None), email or None)


def _microdata(tree: lxml.html.HtmlElement, url: str) -> Iterator[FoundPerson | None]:
    for item in tree.iter():
        if not isinstance(item.tag, str) or not str(item.get("itemtype", "")).endswith("schema.org/Person"):
            continue
        props = {part.get("itemprop"): part for part in item.iter() if part.get("itemprop")}
        if "name" in props and "jobTitle" in props:
            links = [anchor.get("href") for anchor in item.iter("a") if is_profile(anchor.get("href") or "")]
            name = as_name(_shown(props["name"]))
            title = clean(_shown(props["jobTitle"]))[:300]
            yield FoundPerson(name, title, next(iter(links), None)) if name and title else None


def _shown(element: lxml.html.HtmlElement) -> str:
    return str(element.get("content") or element.text_content())


def news(found: Sequence[Node], url: str) -> list[FoundNews]:
    """The articles that the page names."""
    return [
        FoundNews(headline, _link(node, url), _day(node.get("datePublished")))
        for node in found
        if _types(node) & ARTICLES and (headline := _text(node.get("headline")) or _text(node.get("name")))
    ]


def jobs(found: Sequence[Node], url: str) -> list[FoundJob]:
    """The postings that the page holds or lists."""
    listed = [
        inner.get("item", inner)
        for node in found
        if "ItemList" in _types(node)
        for inner in _many(node.get("itemListElement"))
        if isinstance(inner, Mapping)
    ]
    return [
        FoundJob(title, _link(node, url))
        for node in (*found, *listed)
        if isinstance(node, Mapping) and "JobPosting" in _types(node) and (title := _text(node.get("title")))
    ]


def _link(node: Node, url: str) -> str | None:
    link = _text(node.get("url")) or _text(node.get("@id"))
    try:
        return urljoin(url, link)[:2000] if link else None
    except ValueError:
        return None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(_text(value)[:10])
    except ValueError:
        return None
