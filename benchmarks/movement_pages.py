"""Pages of companies before and after a change of chief executive, written for measuring: no page of a real company.

The changes are real (a list of company, previous and next chief executive); how a site tells of one is chosen by dice
with a fixed seed: team pages in four shapes, news in many phrasings, and as many companies where nothing changes
although the site moves.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import escape
from pathlib import Path
from random import Random
from typing import Literal

FIRST_DAY = date(2026, 6, 1)
READINGS = (0, 31, 62)  # days on which every site is read
CHANGES_ON = 20
NO_NAME = re.compile(r"Q\d+|family name")

_TITLES = (
    "Chief Executive Officer",
    "CEO",
    "President & CEO",
    "President and Chief Executive Officer",
    "Chief Executive",
)
_STAFF = (
    ("Dana Whitfield", "Chief Marketing Officer"), ("Luis Ferrer", "Chief Technology Officer"),
    ("Priya Raman", "General Counsel"), ("Tom Okafor", "VP Sales"), ("Helga Brandt", "Chief Operating Officer"),
)  # fmt: skip
_APPOINTS = (
    "{company} names {new} chief executive officer",
    "{company} appoints {new} as CEO",
    "{company} today announced that its board of directors has appointed {new} as Chief Executive Officer.",
    "{new} has been named chief executive of {company}.",
    "{new} joins {company} as Chief Executive Officer",
    "{new} to succeed {old} as CEO of {company}",
    "{company} promotes {new} to president and CEO",
    "{new} takes over as chief executive officer from {old}, who led {company} for years.",
    "{company} taps {new} to be its next CEO",
    "The board of {company} elected {new} chief executive officer, replacing {old}.",
    "Meet our new CEO: {new}",
    "{new} becomes CEO of {company}",
)
_DEPARTS = (
    "{old} steps down as CEO of {company}",
    "{company} CEO {old} resigns",
    "{old}, chief executive officer of {company}, will retire at the end of the month.",
    "{company} announces departure of chief executive {old}",
    "{old} has left {company}, where he was chief executive officer.",
    "{company} parts ways with CEO {old}",
    "After many years as chief executive, {old} is leaving {company}.",
    "{old} has stepped down from his role as chief executive officer.",
)
_NOISE = (
    "{old}, CEO of {company}, wins industry award",
    "{company} CEO {old} speaks at annual conference",
    "“We are proud of our people,” said {old}, chief executive officer of {company}.",
    "{company} names Dana Whitfield chief marketing officer",
    "{company} appoints Luis Ferrer to its board of directors",
    "Former {company} CEO Walter Quint joins Harbor Foundation as trustee",
    "{company} reports record quarter",
    "{company} opens second office",
    "Helga Brandt, chief operating officer, celebrates ten years with {company}",
    "Analyst Pat Moreno steps down from the advisory council of the Industry Association",
    "Why every CEO should read this book",
    "Rumors that {old} would leave are false, {company} says.",
    "Our customer Harborline Logistics names Rita Sole chief executive officer",
    "{old} became chief executive officer of {company} in 2011.",
    "{old} reappointed as chief executive officer of {company}",
    "{old} named to the list of the best CEOs",
    "{company} does not plan to replace CEO {old}, the chair says.",
    "{company} names Nadia Petrov chief executive officer of its Canadian unit",
    "Luis Ferrer, who left Harborline, becomes chief technology officer of {company}",
)

How = Literal["page", "news", "both", "departure", "nothing"]
TOLD: tuple[How, ...] = ("page", "page", "news", "both", "departure")


@dataclass(frozen=True, slots=True)
class Site:
    """A company and what is true of it. `pages`: for each reading, address path, kind and HTML."""

    name: str
    domain: str
    old: str
    new: str | None
    how: How
    listed: bool  # our own list names the chief executive beforehand
    pages: list[list[tuple[str, str, str]]] = field(default_factory=list)

    @property
    def true_holder(self) -> str | None:
        """Who holds the office in the end; None: nobody known."""
        return self.new if self.how in ("page", "news", "both") else None if self.how == "departure" else self.old

    @property
    def true_changes(self) -> set[tuple[str, str]]:
        left, took = ("left", self.old), ("took", self.new or "")
        return {"nothing": set(), "departure": {left}}.get(self.how, {left, took})


def read_changes(file: Path) -> list[tuple[str, str, str]]:
    """Company, previous and next chief executive; rows without a person's name are left out."""
    with file.open(encoding="utf-8") as lines:
        rows = [(row["company"], row["previous_ceo"], row["next_ceo"]) for row in csv.DictReader(lines)]
    return [row for row in rows if not any(NO_NAME.fullmatch(cell) for cell in row)]


def sites(changes: Sequence[tuple[str, str, str]], seed: int = 3) -> list[Site]:
    """For every change a site that tells of it, and one of a company where everything stays."""
    made: list[Site] = []
    for number, (company, old, new) in enumerate(changes):
        for how in (TOLD[number % len(TOLD)], "nothing"):
            dice = Random(f"{seed}:{number}:{how}")
            tag = "co" if how != "nothing" else "same"
            site = Site(
                company,
                f"{tag}{number}.example",
                old,
                new if how != "nothing" else None,
                how,
                dice.random() < 0.5 or how == "news",
            )
            _write(site, dice)
            made.append(site)
    return made


def _write(site: Site, dice: Random) -> None:
    shape, title = dice.randrange(4), dice.choice(_TITLES)
    noise = dice.sample(_NOISE, 4)
    # Only news tells of it: the site has no page that names the chief executive.
    has_team = site.how not in ("news", "departure") or dice.random() < 0.3
    for reading, day in enumerate(READINGS):
        after = day > CHANGES_ON
        head = site.old if site.how == "nothing" or not after or site.new is None else site.new
        lags = after and site.how in ("news", "departure")  # the page goes on naming who has left
        told = [(CHANGES_ON, _sentence(site, dice))] if after and site.how in ("news", "both", "departure") else []
        quiet = min(day, CHANGES_ON - 10) if site.how != "nothing" else day  # praise of who has left is no news
        stories = [*((quiet - 3 * n - 2, _fill(line, site)) for n, line in enumerate(noise[: reading + 2])), *told]
        pages = [("/", "home", _home(site)), ("/news", "news", _news(site, stories, dice))]
        if has_team:
            if site.how == "nothing" and reading > 0:
                shape, title, head = _moved(site, shape, title, dice)
            named = site.old if lags else head
            pages.append(("/about/team", "people", _team(site, named, title, shape, shrunk=head == "")))
        site.pages.append(pages)


def _moved(site: Site, shape: int, title: str, dice: Random) -> tuple[int, str, str]:
    """Nothing changed, yet the page did: another spelling, title, shape, or for once without the person."""
    what = dice.randrange(5)
    if what == 0:
        return (shape + 1) % 4, title, site.old
    if what == 1:
        return shape, dice.choice(_TITLES), site.old
    if what == 2:
        return shape, title, _spelt(site.old, dice)
    if what == 3 and not any("shrunk" in html for pages in site.pages for _, _, html in pages):
        return shape, title, ""
    return shape, title, site.old


def _spelt(name: str, dice: Random) -> str:
    first, *rest = name.split()
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    kinds = [plain, f"Dr. {name}", name.upper(), f"{first} {dice.choice('ABKM')}. {' '.join(rest)}", f"{name}, MBA"]
    return dice.choice(kinds if rest else [plain])


def _sentence(site: Site, dice: Random) -> str:
    return _fill(Random(f"{site.domain}").choice(_DEPARTS if site.how == "departure" else _APPOINTS), site)


def _fill(sentence: str, site: Site) -> str:
    return sentence.format(company=site.name, old=site.old, new=site.new or site.old)


def _home(site: Site) -> str:
    links = '<a href="/about/team">Our team</a> <a href="/news">News</a>'
    return _page(site, f"<h1>Welcome to {escape(site.name)}</h1><p>We make good things for good people.</p>{links}")


def _news(site: Site, stories: Sequence[tuple[int, str]], dice: Random) -> str:
    def article(day: int, line: str) -> str:
        when = FIRST_DAY + timedelta(days=day)
        stamp = f"<time datetime='{when}'>{when:%B} {when.day}, {when.year}</time>"
        body = "Read more about it in our press room."
        return f"<article>{stamp}<h3><a href='/news/{day}'>{escape(line)}</a></h3><p>{body}</p></article>"

    return _page(site, "<h1>News</h1>" + "".join(article(day, line) for day, line in sorted(stories, reverse=True)))


def _team(site: Site, head: str, title: str, shape: int, *, shrunk: bool) -> str:
    people = [*([] if shrunk else [(head, title)]), *_STAFF]
    if shape == 0:
        body = "".join(f"<div class='card'><h3>{escape(n)}</h3><p>{escape(t)}</p></div>" for n, t in people)
    elif shape == 1:
        rows = "".join(f"<tr><td>{escape(n)}</td><td>{escape(t)}</td></tr>" for n, t in people)
        body = f"<table><tr><th>Name</th><th>Position</th></tr>{rows}</table>"
    elif shape == 2:
        body = "<ul>" + "".join(f"<li>{escape(n)} – {escape(t)}</li>" for n, t in people) + "</ul>"
    else:
        data = [{"@type": "Person", "name": n, "jobTitle": t} for n, t in people]
        ld = json.dumps(
            {"@context": "https://schema.org", "@type": "Organization", "name": site.name, "employee": data}
        )
        body = f"<script type='application/ld+json'>{ld}</script><p>We are a team.</p>"
    return _page(site, f"<h1>Our team</h1>{body}{'<!-- shrunk -->' if shrunk else ''}")


def _page(site: Site, body: str) -> str:
    return (
        f"<!doctype html><html><head><title>{escape(site.name)}</title></head><body><main>{body}</main></body></html>"
    )
