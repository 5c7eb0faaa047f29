"""Which pages of a company's own site are worth reading next to its home page."""

import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["home", "people", "news", "jobs"]

MOST = {"people": 2, "news": 1, "jobs": 1}  # pages of a kind that one visit reads
# The words of addresses and links, the surest first.
_WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (
        "people",
        (
            *("leadership", "our team", "our people", "management", "executive", "team", "staff", "people", "officers"),
            *("board", "about", "who we are", "company"),
        ),
    ),
    ("news", ("newsroom", "press", "news", "announcements", "media")),
    ("jobs", ("careers", "career", "jobs", "join us", "openings", "hiring")),
)
_NO_PAGE = re.compile(r"\.(?:pdf|jpe?g|png|gif|svg|zip|docx?|xlsx?|pptx?|mp4|xml|css|js|ics)$", re.IGNORECASE)


def site(url: str) -> str:
    """The host without www: what makes two addresses one site."""
    return (urlsplit(url).hostname or "").lower().removeprefix("www.")


def worth_reading(
    links: Iterable[tuple[str, str]], home: str, *, read: Iterable[str] = (), without: Iterable[Kind] = ()
) -> list[tuple[str, Kind]]:
    """Pages of the same site by kind, the likeliest first, at most MOST of a kind and nothing twice.

    `links`: address and text; `read`: addresses that were read; `without`: kinds that are not wanted.
    """
    seen, found = {_plain(url) for url in (home, *read)}, dict[str, tuple[int, int, str, Kind]]()
    for order, (url, text) in enumerate(links):
        plain = _plain(url)
        if site(url) != site(home) or plain in seen or plain in found or _NO_PAGE.search(urlsplit(url).path):
            continue
        if (guess := _guess(url, text)) and guess[1] not in without:
            found[plain] = (guess[0], order, url, guess[1])
    left, chosen = dict(MOST), list[tuple[str, Kind]]()
    for _, _, url, kind in sorted(found.values()):
        if left[kind]:
            left[kind] -= 1
            chosen.append((url, kind))
    return chosen


def _guess(url: str, text: str) -> tuple[int, Kind] | None:
    """How sure (0 is the surest) and of what kind; a deep address is an article or a person, not their list."""
    path = urlsplit(url).path.lower().strip("/")
    if path.count("/") > 2:
        return None
    said = re.sub(r"[-_/]+", " ", path), text.lower()
    for kind, words in _WORDS:
        for rank, word in enumerate(words):
            plain = re.compile(rf"\b{re.escape(word)}\b")
            if plain.search(said[0]) or (len(said[1]) < 30 and plain.search(said[1])):
                deep = path.count("/") if kind == "people" else path.count("/") * 100
                return (rank + deep, kind)
    return None


def _plain(url: str) -> str:
    parts = urlsplit(url)
    return f"{site(url)}{parts.path.rstrip('/').lower()}?{parts.query}"
