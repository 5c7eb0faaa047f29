"""Pages of a company with the people whom they show, in the shapes that sites have."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from random import Random

Person = tuple[str, str]  # name and title

TITLES = {
    "CEO": ("Chief Executive Officer", "CEO", "President & CEO", "Owner", "Managing Partner", "Founder and CEO"),
    "CFO": ("Chief Financial Officer", "CFO", "VP Finance", "Finance Director", "Treasurer"),
    "HR": ("Head of HR", "VP People", "Chief People Officer", "Director of Human Resources", "HR Manager"),
}
OTHERS = ("Marketing Manager", "Software Engineer", "Office Administrator", "VP of Sales", "Staff Accountant")


def cards(people: Sequence[Person]) -> str:
    return "".join(
        f'<div class="card"><img src="/p{n}.jpg" alt=""><h3>{e(name)}</h3><p>{e(title)}</p><p>Joined us in {2000 + n}. '
        f"Likes hiking, and has two dogs.</p></div>"
        for n, (name, title) in enumerate(people)
    )


def table(people: Sequence[Person]) -> str:
    rows = "".join(f"<tr><td>{e(name)}</td><td>{e(title)}</td><td>Denver</td></tr>" for name, title in people)
    return f"<table><tr><th>Name</th><th>Title</th><th>Office</th></tr>{rows}</table>"


def title_first(people: Sequence[Person]) -> str:
    return "<dl>" + "".join(f"<dt>{e(title)}</dt><dd>{e(name)}</dd>" for name, title in people) + "</dl>"


def dashed(people: Sequence[Person]) -> str:
    return "<ul>" + "".join(f"<li>{e(name)} – {e(title)}</li>" for name, title in people) + "</ul>"


def commas(people: Sequence[Person]) -> str:
    return "".join(f"<p><strong>{e(name)}</strong>, {e(title)}</p>" for name, title in people)


def spans(people: Sequence[Person]) -> str:
    return "".join(
        f'<div class="member"><span class="member-name">{e(name)}</span>'
        f'<span class="member-role">{e(title)}</span></div>'
        for name, title in people
    )


def flat(people: Sequence[Person]) -> str:
    return "".join(f"<h4>{e(name)}</h4><p>{e(title)}</p>" for name, title in people)


def breaks(people: Sequence[Person]) -> str:
    return "".join(
        f"<p><b>{e(name)}</b><br>{e(title)}<br>+1 (303) 555-01{n:02d}</p>" for n, (name, title) in enumerate(people)
    )


def colons(people: Sequence[Person]) -> str:
    return "".join(f"<p>{e(title)}: {e(name)}</p>" for name, title in people)


def json_ld(people: Sequence[Person]) -> str:
    nodes = [{"@type": "Person", "name": name, "jobTitle": title} for name, title in people]
    data = {"@context": "https://schema.org", "@type": "Organization", "name": "Heron", "employee": nodes}
    return f'<script type="application/ld+json">{json.dumps(data)}</script><p>Our team loves what it does.</p>'


def microdata(people: Sequence[Person]) -> str:
    return "".join(
        f'<div itemscope itemtype="https://schema.org/Person"><a itemprop="name">{e(name)}</a> '
        f'<i itemprop="jobTitle">{e(title)}</i></div>'
        for name, title in people
    )


SHAPES: tuple[Callable[[Sequence[Person]], str], ...] = (
    cards, table, title_first, dashed, commas, spans, flat, breaks, colons, json_ld, microdata,
)  # fmt: skip

NOISE = (
    "<h2>Our Leadership Team</h2><p>We are a team of experienced managers who care about every customer.</p>",
    '<div class="testimonial"><p>Great people to work with!</p><p>Zoe Quillfeather</p><p>CEO, Other Corp</p></div>',
    "<h3>San Francisco</h3><p>100 Main Street</p><h3>New York</h3><p>5 Heron Square</p>",
    "<footer><a href='/privacy'>Privacy Policy</a> <a href='/terms'>Terms of Use</a>"
    "<p>© Heron Dental Group LLC</p></footer>",
    "<blockquote>They saved us a lot.<p>Ann Nother, Chief Financial Officer, Elsewhere Ltd</p></blockquote>",
    "<h2>Case Studies</h2><p>How a Human Resources team saved two days a week.</p>",
)


def page(body: str, random: Random, *, title: str = "Our team") -> str:
    before, after = random.sample(NOISE, 2)
    nav = "<nav><a href='/'>Home</a><a href='/team'>Team</a><a href='/news'>News</a></nav>"
    return (
        f"<!doctype html><html><head><title>{e(title)}</title></head><body>{nav}<main><h1>{e(title)}</h1>"
        f"{before}{body}{after}</main></body></html>"
    )


APPOINTED = (
    "{company} names {name} {title}",
    "{company} appoints {name} as its new {title}",
    "{name} has been named {title} of {company}",
    "{name} joins {company} as {title}",
    "{company} today announced the appointment of {name} as {title}, effective immediately",
    "{company} welcomes new {title} {name}",
    "{name} becomes {title} of {company}",
    "{name} promoted to {title} at {company}",
)
LEFT = (
    "{name} steps down as {title} of {company}",
    "{title} {name} leaves {company}",
    "{company} parts ways with {title} {name}",
    "{name}, {title}, will retire at the end of the year",
    "{company} announces the departure of {title} {name}",
    "{name} resigned as {title} on Monday",
)
BOTH = (
    "{name} succeeds {former} as {title} of {company}",
    "{company} appoints {name} as {title}, replacing {former}",
)
OTHER_NEWS = (
    "{company} opens a new office in San Francisco",
    "{company} wins the Best Place to Work award for the third time",
    "Five ways to save on health benefits this year",
    "{company} may name a new chief financial officer next year, analysts say",
    "Meet the winners of our scholarship program",
    "{company} partners with Elsewhere Ltd to train nurses",
)


def articles(headlines: Sequence[str]) -> str:
    return "".join(
        f'<article><h2><a href="/news/{n}">{e(line)}</a></h2><time datetime="2026-11-{n % 28 + 1:02d}">x</time>'
        f"<p>Read what happened in our latest announcement.</p></article>"
        for n, line in enumerate(headlines)
    )


def e(text: str) -> str:
    return html.escape(text)
