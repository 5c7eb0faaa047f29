"""The pages of a company's website at an instant: home, team, news, careers, and what hangs on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final

from penstock.town import names
from penstock.town.business import odds, words
from penstock.town.business.chronicle import Article, Opening, articles, openings
from penstock.town.business.company import BEGINNING, Term
from penstock.town.business.profiles import profile_url
from penstock.town.business.sites import STAFF_AREA, Site
from penstock.town.dice import Dice

NEWS_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is now, and since when it is so. `kind` is what the grade calls it."""

    body: str
    changed_at: datetime
    kind: str
    media_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Shown:
    """One person as a page shows them."""

    name: str
    title: str
    profile: str
    email: str


def page_at(dice: Dice, site: Site, path: str, now: datetime) -> Page | None:
    """The page of a path, or None (404)."""
    return Writer(dice, site, now).page(path.rstrip("/") or "/")


class Writer:
    """Writes the pages of one site at one instant."""

    def __init__(self, dice: Dice, site: Site, now: datetime) -> None:
        self._dice = dice
        self._site = site
        self._company = site.company
        self._now = now

    def page(self, path: str) -> Page | None:
        """The page of a path without its final slash."""
        fixed: dict[str, Callable[[], Page | None]] = {
            "/": self._home,
            "/robots.txt": self._robots,
            "/about": self._about,
            "/contact": self._contact,
            "/news": self._news,
            "/careers": self._careers,
        }
        if path in fixed:
            return fixed[path]()
        if path == self._site.team_path:
            return self._team()
        for article in self._published():
            if article.path == path:
                text = f"<p class=date>{article.at:%B %-d, %Y}</p><p>{escape(article.body)}</p>"
                return self._html("inner", article.headline, f"<article>{text}</article>", article.at)
        for opening in self._open():
            if opening.path == path:
                text = f"<p>{escape(self._company.short)} is hiring: {escape(opening.title)}. Write to us.</p>"
                return self._html("inner", opening.title, text, opening.posted_at)
        return None

    # --- fixed pages --------------------------------------------------------------------------------------------------
    def _robots(self) -> Page | None:
        text = self._site.robots_txt()
        return None if text is None else Page(text, BEGINNING, "robots", "text/plain; charset=utf-8")

    def _home(self) -> Page:
        company, home = self._company, self._company.zip_code
        about = {
            "@context": "https://schema.org",
            "@type": "Organization",
            "name": company.short,
            "legalName": company.name,
            "url": f"https://{company.domain}/",
            "telephone": f"+1{company.phone}",
            "address": {
                "@type": "PostalAddress",
                "streetAddress": f"{company.street} {company.unit}".strip(),
                "addressLocality": home.city.title(),
                "addressRegion": home.state,
                "postalCode": home.code,
            },
            "sameAs": [company.linkedin_url],
            "foundingDate": str(company.founded),
        }
        latest = self._published()[-1:]
        teaser = "".join(f'<p>News: <a href="{item.path}">{escape(item.headline)}</a></p>' for item in latest)
        body = f"<p>{escape(company.short)} has served {escape(home.city.title())} since {company.founded}.</p>{teaser}"
        changed = latest[0].at if latest else BEGINNING
        return self._html("website", company.short, _json_ld(about) + body, changed)

    def _about(self) -> Page:
        company = self._company
        text = f"<p>Founded in {company.founded}, {escape(company.short)} has {company.employees} employees.</p>"
        return self._html("inner", f"About {company.short}", text, BEGINNING)

    def _contact(self) -> Page:
        company, home = self._company, self._company.zip_code
        text = (
            f"<address>{escape(company.street)} {company.unit}<br>{escape(home.city.title())}, {home.state} {home.code}"
            f'</address><p><a href="mailto:info@{company.domain}">info@{company.domain}</a></p>'
        )
        return self._html("inner", "Contact", text, BEGINNING)

    # --- news and careers ---------------------------------------------------------------------------------------------
    def _published(self) -> list[Article]:
        return [article for article in articles(self._dice, self._company) if article.at <= self._now]

    def _open(self) -> list[Opening]:
        return [job for job in openings(self._dice, self._company) if job.posted_at <= self._now < job.closed_at]

    def _news(self) -> Page:
        published = self._published()
        items = "".join(
            f'<article><h2><a href="{item.path}">{escape(item.headline)}</a></h2>'
            f'<time datetime="{item.at:%Y-%m-%d}">{item.at:%B %-d, %Y}</time><p>{escape(item.body)}</p></article>'
            for item in reversed(published[-NEWS_SHOWN:])
        )
        changed = published[-1].at if published else BEGINNING
        return self._html("news", "News", items or "<p>Nothing new yet.</p>", changed)

    def _careers(self) -> Page:
        ever = openings(self._dice, self._company)
        changes = [at for job in ever for at in (job.posted_at, job.closed_at) if at <= self._now]
        now_open = self._open()
        items = "".join(f'<li><a href="{job.path}">{escape(job.title)}</a></li>' for job in now_open)
        listing = f"<ul class=jobs>{items}</ul>" if items else "<p>There are no open positions at the moment.</p>"
        if self._dice.chance(0.4, "job postings", self._company.stem):
            listing += "".join(_json_ld(self._posting(job)) for job in now_open)
        return self._html("inner", "Careers", listing, max(changes, default=BEGINNING))

    def _posting(self, job: Opening) -> dict[str, Any]:
        return {
            "@context": "https://schema.org",
            "@type": "JobPosting",
            "title": job.title,
            "datePosted": f"{job.posted_at:%Y-%m-%d}",
            "validThrough": f"{job.closed_at:%Y-%m-%d}",
            "hiringOrganization": {"@type": "Organization", "name": self._company.short},
        }

    # --- people -------------------------------------------------------------------------------------------------------
    def _team(self) -> Page:
        terms = self._company.terms
        moments = [at for term in terms for at in (term.site_since, term.site_until) if at and at <= self._now]
        shape = {
            "cards": _cards,
            "table": _table,
            "jsonld": _markup_and_data,
            "list": self._bullets,
            "prose": _prose,
        }[self._site.shape]
        title = words.TEAM_LABELS[self._site.team_path]
        return self._html("inner", title, shape(list(self._people())), max(moments, default=BEGINNING))

    def _people(self) -> Iterator[Shown]:
        """Officers as the site has them, among colleagues whom nobody asks for."""
        officers = [term for term in self._company.terms if term.on_site(self._now)]
        for term in officers:
            yield self._officer(term)
        taken = {term.person.name for term in self._company.terms}
        for nth in range(self._dice.between(1, 5, "colleagues", self._company.stem)):
            key = ("colleague", self._company.stem, nth)
            name = f"{self._dice.pick(names.FIRST, 'first', *key)} {self._dice.pick(names.LAST, 'last', *key)}"
            if name not in taken:
                yield Shown(name, self._dice.pick(words.OTHER_TITLES, "title", *key), "", "")

    def _officer(self, term: Term) -> Shown:
        dice, key = self._dice, (self._company.stem, term.person.id)
        style = dice.weighted({"initial": 0.06, "credentials": 0.04}, "name on page", *key)
        name = term.person.name
        if style == "initial":
            name = f"{term.person.first} {dice.pick('ABCDEFGJKLMPRST', 'initial', *key)}. {term.person.last}"
        elif style == "credentials":
            name = f"{name}, {words.CREDENTIALS[term.office]}"
        return Shown(
            name,
            term.title,
            profile_url(term.person) if dice.chance(odds.PROFILE_ON_PAGE, "profile on page", *key) else "",
            term.person.mailboxes[0].email if dice.chance(odds.EMAIL_ON_PAGE, "email on page", *key) else "",
        )

    def _bullets(self, people: list[Shown]) -> str:
        style = self._dice.pick(("{n} – {t}", "{n} - {t}", "{n}, {t}", "{n} | {t}", "{t}: {n}"), self._company.stem)
        return (
            "<ul>"
            + "".join(f"<li>{escape(style.format(n=p.name, t=p.title))}{_links(p)}</li>" for p in people)
            + "</ul>"
        )

    # --- around every page --------------------------------------------------------------------------------------------
    def _html(self, kind: str, title: str, content: str, changed_at: datetime) -> Page:
        company = self._company
        menu = [("/", "Home"), ("/about", "About")]
        if self._site.team_path:
            menu.append((self._site.team_path, words.TEAM_LABELS[self._site.team_path]))
        menu += [("/news", "News"), ("/careers", "Careers"), ("/contact", "Contact")]
        links = "".join(f'<li><a href="{path}">{label}</a></li>' for path, label in menu)
        body = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} | '
            f"{escape(company.short)}</title></head><body><header><nav><ul>{links}</ul></nav></header>"
            f"<main><h1>{escape(title)}</h1>{content}</main><footer><p>{escape(company.name)}, {company.phone}</p>"
            f'<a href="{company.linkedin_url}">LinkedIn</a> <a href="{STAFF_AREA}login">Staff login</a></footer>'
            "</body></html>"
        )
        return Page(body, changed_at, kind)


def _links(person: Shown) -> str:
    profile = f' <a href="{person.profile}">LinkedIn</a>' if person.profile else ""
    return profile + (f' <a href="mailto:{person.email}">{person.email}</a>' if person.email else "")


def _cards(people: list[Shown]) -> str:
    cards = (
        f'<div class="team-member"><img src="/img/{nth}.jpg" alt=""><h3>{escape(p.name)}</h3>'
        f'<p class="role">{escape(p.title)}</p>{_links(p)}</div>'
        for nth, p in enumerate(people)
    )
    return f'<section class="team">{"".join(cards)}</section>'


def _table(people: list[Shown]) -> str:
    rows = "".join(f"<tr><td>{escape(p.name)}{_links(p)}</td><td>{escape(p.title)}</td></tr>" for p in people)
    return f"<table><thead><tr><th>Name</th><th>Position</th></tr></thead><tbody>{rows}</tbody></table>"


def _markup_and_data(people: list[Shown]) -> str:
    """The names in plain paragraphs, the facts in JSON-LD."""
    graph = []
    for person in people:
        item: dict[str, Any] = {"@type": "Person", "name": person.name, "jobTitle": person.title}
        item |= {"sameAs": [person.profile]} if person.profile else {}
        graph.append(item | ({"email": f"mailto:{person.email}"} if person.email else {}))
    names_only = "".join(f"<p>{escape(person.name)}</p>" for person in people)
    return _json_ld({"@context": "https://schema.org", "@graph": graph}) + names_only


def _prose(people: list[Shown]) -> str:
    return "".join(
        f"<p><strong>{escape(p.name)}</strong>, {escape(p.title)}, can be found in the office most days.{_links(p)}</p>"
        for p in people
    )


def _json_ld(data: dict[str, Any]) -> str:
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'
