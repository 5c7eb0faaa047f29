"""A page as a list of lines in reading order, each with where it stands in the tree."""

import re
from dataclasses import dataclass

import lxml.html

from penstock.scrape.words import clean

MAX_ATTRIBUTES = 1_000
MAX_ELEMENTS = 60_000
MAX_LINES = 6_000
LONGEST_LINE = 2_000

INLINE = frozenset(
    {
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "em", "font", "i",
        "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time",
        "tt", "u", "var", "wbr",
    }
)  # fmt: skip
UNSEEN = frozenset(
    {
        "script", "style", "noscript", "template", "head", "svg", "iframe", "object", "select", "option",
        "textarea", "button", "nav",
    }
)  # fmt: skip
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "th"})


FOREIGN_TAGS = frozenset({"blockquote", "aside", "figcaption"})
# Who speaks or writes there need not work here.
FOREIGN = re.compile(
    r"testimonial|quote|review|client|customer|partner|author|byline|comment|case-stud|related", re.IGNORECASE
)
# A link that says no more than where it leads: its words are no part of the line.
LINK_WORDS = re.compile(
    r"linked ?in|twitter|x|facebook|instagram|e-?mail(?: me)?|mail|contact|profile|bio|full bio|v-?card|\S+@\S+",
    re.IGNORECASE,
)
SET_OFF = re.compile(r"name|title|role|position|job", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, or of links alone. `path`: numbers of the elements around it, from the root.

    marked: set off as a heading, bold or link; foreign: inside a quotation, a testimonial or the like.
    """

    text: str
    path: tuple[int, ...]
    tag: str
    marked: bool = False
    foreign: bool = False
    links: tuple[str, ...] = ()

    def shared(self, other: "Line") -> int:
        """How deep the smallest element lies that holds both lines."""
        depth = 0
        for mine, its in zip(self.path, other.path, strict=False):
            if mine != its:
                break
            depth += 1
        return depth


@dataclass(slots=True)
class _Open:
    """An element we are inside of."""

    number: int
    tag: str
    inline: bool
    foreign: bool


class _Writer:
    """Collects text until a block begins or ends."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.inside: list[_Open] = []
        self._text: list[str] = []
        self._links: list[str] = []
        self._marked = False

    def add(self, text: str | None) -> None:
        if text:
            self._text.append(text)

    def inline(self, tag: str, href: str | None) -> None:
        self._marked = self._marked or tag in {"strong", "b", "a"}
        if href:
            self._links.append(href.strip())

    def end(self) -> None:
        text = clean("".join(self._text))[:LONGEST_LINE]
        if (text or self._links) and len(self.lines) < MAX_LINES:
            blocks = [one for one in self.inside if not one.inline]
            self.lines.append(
                Line(
                    text,
                    tuple(one.number for one in blocks),
                    blocks[-1].tag if blocks else "",
                    self._marked or any(one.tag in HEADINGS for one in blocks),
                    any(one.foreign for one in self.inside),
                    tuple(self._links),
                )
            )
        self._text, self._links, self._marked = [], [], False


def lines_of(tree: lxml.html.HtmlElement) -> list[Line]:
    """The lines a reader sees. Walks without recursion: a page may be nested deeper than Python's stack."""
    writer = _Writer()
    stack: list[tuple[lxml.html.HtmlElement, bool]] = [(tree, False)]
    number = 0
    while stack:
        element, leaving = stack.pop()
        if leaving:
            if not writer.inside[-1].inline:
                writer.end()
            writer.inside.pop()
            writer.add(element.tail)
            continue
        tag = element.tag if isinstance(element.tag, str) else ""
        if not tag or tag in UNSEEN or element.get("hidden") is not None:
            writer.add(element.tail)
            continue
        if tag == "a" and LINK_WORDS.fullmatch(clean(element.text_content())):
            writer.inline(tag, element.get("href"))
            writer.add(element.tail)
            continue
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        # A style sheet may show a span on a line of its own: its class tells.
        inline = tag in INLINE and not (tag == "span" and SET_OFF.search(name))
        if not inline:
            writer.end()
        number += 1
        foreign = tag in FOREIGN_TAGS or (tag not in {"html", "body", "main"} and bool(FOREIGN.search(name)))
        writer.inside.append(_Open(number, tag, inline, foreign))
        if inline:
            writer.inline(tag, element.get("href") if tag == "a" else None)
        writer.add(element.text)
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))
    writer.end()
    return writer.lines
