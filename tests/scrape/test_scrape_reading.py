"""What is read from pages: people in every shape, moves, funding, jobs; and what must not be taken for them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random

import page_maker as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground import shared_data
from penstock.identity import slot_of_title
from penstock.providers.pages.words import REASONS
from penstock.scrape import Score, name_key, score
from penstock.scrape.found import FoundJob, FoundPerson, Reading, Unreadable
from penstock.scrape.funding import of_sentence as funding_of
from penstock.scrape.moves import of_sentence
from penstock.scrape.news import day_in, sentences
from penstock.scrape.reading import read_html
from penstock.scrape.words import as_name, as_title

AT = "https://heron.example/team"
FIRST = [
    "Ada",
    "Grace",
    "José",
    "Mei-Ling",
    "Łukasz",
    "Anne-Marie",
    "O.",
    "Priya",
    "Zoë",
    "Mehmet",
    "Søren",
    "Juan",
    "Carla",
    "Tom",
]
LAST = [
    "Lovelace",
    "Hopper",
    "Muñoz",
    "Chen",
    "Nowak",
    "Dupont-Moreau",
    "O'Brien",
    "Raman",
    "Read",
    "Yılmaz",
    "Kierkegaard",
    "Ibáñez",
    "Page",
    "McAllister",
]


def people_of(count: int, random: Random) -> list[str]:
    return [f"{random.choice(FIRST[:6] + FIRST[7:])} {last}" for last in random.sample(LAST, count)]


@pytest.mark.parametrize("shape", pm.SHAPES)
def test_a_team_is_read_in_every_shape_and_nobody_else(shape: Callable[[Sequence[pm.Person]], str]) -> None:
    random = Random(shape.__name__)
    names = people_of(4, random)
    team = list(zip(names, ("President & CEO", "VP Finance", "Head of HR", "Software Engineer"), strict=True))
    found = read_html(pm.page(shape(team), random), AT).people
    assert {(one.name, one.title) for one in found} == set(team)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dr. Ada Lovelace, PhD", "Ada Lovelace"),
        ("LARS VON BÜLOW", "Lars Von Bülow"),
        ("Juan de la Cruz III", "Juan de la Cruz III"),
        ('Chirantan "CJ" Desai', "Chirantan Desai"),
        ("Jean-Luc O'Neil", "Jean-Luc O'Neil"),
        ("J. R. Hartley Jr.", "J. R. Hartley Jr."),
        ("山田 太郎", "山田 太郎"),
    ],
)
def test_a_name_is_known_by_its_shape(text: str, name: str) -> None:
    assert as_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["Human Resources", "Chief Executive", "Our Team", "Privacy Policy", "New York", "Ada", "ada lovelace",
         "Read More", "A. B.",
     "Heron Dental LLC", "Ada Lovelace said hello", "Q123 Ada", "Heron's Ada", "Ada Lovelace Vice President",
     "", "Contact Us"],
)  # fmt: skip
def test_what_only_looks_like_a_name_is_none(text: str) -> None:
    assert as_name(text) is None


@pytest.mark.parametrize(
    "text", ["CFO", "VP, People & Culture", "Head of HR", "Owner", "Chief of Staff", "Managing Partner"]
)
def test_a_title_is_known_by_a_word_for_a_role(text: str) -> None:
    assert as_title(text) == text


@pytest.mark.parametrize(
    "text", ["Denver, CO", "She has been our CFO for ten years.", "Are you a manager?", "x" * 200, "Hiking"]
)
def test_what_only_looks_like_a_title_is_none(text: str) -> None:
    assert as_title(text) is None


def test_profile_and_mailbox_in_a_card_belong_to_its_person() -> None:
    card = (
        '<div><a href="https://www.linkedin.com/in/{0}"><img></a><h3>{1} Lovelace</h3><p>{2}</p>'
        '<a href="mailto:{1}@heron.example?subject=x">Mail</a></div>'
    )
    html = card.format("ada-1", "Ada", "CEO") + card.format("grace-2", "Grace", "CFO")
    assert read_html(f"<body><main>{html}</main></body>", AT).people == (
        FoundPerson("Ada Lovelace", "CEO", "https://www.linkedin.com/in/ada-1", "ada@heron.example"),
        FoundPerson("Grace Lovelace", "CFO", "https://www.linkedin.com/in/grace-2", "grace@heron.example"),
    )


MOVES = """
Heron names Jane Doe chief financial officer > +Jane Doe/chief financial officer
Heron Inc. appoints Lars Bacher as its new CEO, succeeding Jon von Bülow > +Lars Bacher/CEO -Jon von Bülow/CEO
Heron announces the appointment of Dr. Jane Doe, CPA as Head of HR, effective June 1 > +Jane Doe/Head of HR
The company named Jane Doe, 52, chief executive officer. > +Jane Doe/chief executive officer
Jane Doe joins Eclipsed Sounds, LLC as CFO > +Jane Doe/CFO
Jane Doe has been promoted to Chief Financial Officer > +Jane Doe/Chief Financial Officer
Jane Doe Appointed Chief People Officer > +Jane Doe/Chief People Officer
Heron names Jane Doe as CEO and John Roe as CFO > +Jane Doe/CEO +John Roe/CFO
Heron names former Acme CFO Jane Doe as CEO > +Jane Doe/CEO
Heron welcomes new CFO Jane Doe > +Jane Doe/CFO
Heron has a new CFO: Jane Doe > +Jane Doe/CFO
Kevin A. Lobo succeeds Stephen P. MacMillan as CEO > +Kevin A. Lobo/CEO -Stephen P. MacMillan/CEO
CEO Jane Doe steps down after ten years > -Jane Doe/CEO
Jane Doe, chief executive officer, will retire in June > -Jane Doe/chief executive officer
John Roe, who served as CFO since 2009, has left the company > -John Roe/CFO
Heron parts ways with CFO Jane Doe > -Jane Doe/CFO
Heron announces the departure of Chief Financial Officer Larry Page > -Larry Page/Chief Financial Officer
Heron may name Jane Doe chief financial officer >
Jane Doe denies that she steps down as CEO >
Will Jane Doe step down as CEO? >
Jane Doe named Top Lawyer >
Heron elects Jane Doe to its board of directors >
Jane Doe left the stage to applause >
Our CFO Jane Doe spoke at the conference >
""".strip().splitlines()


@pytest.mark.parametrize("line", MOVES)
def test_a_sentence_tells_who_came_and_who_went(line: str) -> None:
    sentence, _, told = line.partition(" >")
    found = [f"{'+' if one.kind == 'appointment' else '-'}{one.name}/{one.title}" for one in of_sentence(sentence)]
    assert " ".join(found) == told.strip()


def test_moves_carry_the_date_of_their_headline() -> None:
    html = pm.articles(["Heron names Jane Doe chief financial officer", "Heron opens a new office in San Francisco"])
    [move] = read_html(f"<body><main>{html}</main></body>", AT).moves
    assert (move.name, move.published) == ("Jane Doe", date(2026, 11, 1))


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("Heron raises $12M Series B", (12_000_000, "USD", "Series B")),
        ("Heron closes €4.5 million seed round led by Elsewhere", (4_500_000, "EUR", "Seed")),
        ("Heron secures $1,250,000 in funding", (1_250_000, "USD", None)),
        ("Heron announces Series C", (None, "USD", "Series C")),
    ],
)
def test_money_raised_is_read(sentence: str, found: tuple[int | None, str, str | None]) -> None:
    one = funding_of(sentence)
    assert one is not None
    assert (one.amount, one.currency, one.series) == found


@pytest.mark.parametrize(
    "sentence",
    ["Heron raises $5,000 for charity in a fundraiser", "Heron raises prices by $2",
         "Heron may raise a $12M Series B", "Heron wins $2M contract",
     "Seed catalog 2026 announced", "Heron secures $3M settlement funding"],
)  # fmt: skip
def test_other_money_is_not_funding(sentence: str) -> None:
    assert funding_of(sentence) is None


def test_jobs_are_read_from_a_careers_page_and_from_no_other() -> None:
    offers = "<li><a href='/j/1'>Benefits Manager – Denver</a></li><li>Free lunch</li>"
    html = "<body><main><h1>{}</h1><ul>" + offers + "</ul></main></body>"
    job = FoundJob("Benefits Manager", "https://heron.example/j/1")
    assert read_html(html.format("Careers"), "https://heron.example/join").jobs == (job,)
    assert read_html(html.format("Our people"), AT).jobs == ()
    graph = '{"@graph":[{"@type":"JobPosting","title":"HR Manager","url":"/j/2"}]}'
    ld = f'<script type="application/ld+json">{graph}</script>'
    assert read_html(f"<body>{ld}</body>", AT).jobs == (FoundJob("HR Manager", "https://heron.example/j/2"),)


@pytest.mark.parametrize(
    ("text", "day"),
    [("posted 2026-11-20 by", date(2026, 11, 20)), ("Nov 2, 2026", date(2026, 11, 2)), ("2 November 2026",
         date(2026, 11, 2)),
     ("11/02/2026", date(2026, 11, 2)), ("2026-99-99", None), ("call 555-0100", None)],
)  # fmt: skip
def test_dates_are_read_where_they_are_dates(text: str, day: date | None) -> None:
    assert day_in(text) == day


def test_every_reason_for_not_reading_stands_in_the_reference() -> None:
    reference = (Path(__file__).parents[2] / "docs/reference/scraping.md").read_text("utf-8")
    assert [reason for reason in REASONS if f"`{reason}`" not in reference] == []


def test_sentences_are_not_cut_at_abbreviations() -> None:
    told = [("Heron Inc. names J. R. Doe CEO. She starts in May.\nNothing else here today", None)]
    assert [one for one, _ in sentences(told)] == [
        "Heron Inc. names J. R. Doe CEO.", "She starts in May.", "Nothing else here today"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "html",
    ["<div>" * 5000, "<p>x</p>" * 100_000, "<p " + " ".join(f"a{n}=1" for n in range(2000)) + ">x</p>"],
)
def test_a_page_made_to_exhaust_its_reader_is_refused_not_half_read(html: str) -> None:
    with pytest.raises(Unreadable):
        read_html(html, AT)


def test_broken_markup_is_read_as_far_as_it_goes() -> None:
    html = '<script type="application/ld+json">{"@type": "Person", </script><li>Ada Lovelace, CFO<li><b>x</p></i>'
    assert [one.name for one in read_html(html, AT).people] == ["Ada Lovelace"]
    assert read_html("", AT) == Reading()


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>/abh13 p\"'=&;,–:\nAéCFO", max_size=400))
def test_any_text_is_read_or_refused(html: str) -> None:
    try:
        found = read_html(html, AT)
    except Unreadable:
        return
    assert all(as_name(one.name) for one in found.people)


def rounds(names: Sequence[str], companies: Sequence[str], random: Random, count: int) -> Iterator[tuple[Score, Score]]:
    """Scores of a team page and of a news page, for each of `count` companies."""
    for company in companies[:count]:
        chief, money, hr, other, former = random.sample(names, 5)
        team = [(chief, random.choice(pm.TITLES["CEO"])), (money, random.choice(pm.TITLES["CFO"]))]
        team += [(hr, random.choice(pm.TITLES["HR"])), (other, random.choice(pm.OTHERS))]
        found = read_html(pm.page(random.choice(pm.SHAPES)(team), random), AT).people
        held = {(slot_of_title(one.title), name_key(one.name)) for one in found if slot_of_title(one.title)}
        yield_people = score(held, {(slot_of_title(title), name_key(name)) for name, title in team[:3]})
        said = {"company": company, "name": chief, "former": former, "title": random.choice(pm.TITLES["CEO"][:3])}
        told = random.choice([*pm.APPOINTED, *pm.BOTH])
        lines = [told.format(**said)]
        lines += [] if told in pm.BOTH else [random.choice(pm.LEFT).format(**said | {"name": former})]
        lines += [line.format(**said) for line in random.sample(pm.OTHER_NEWS, 3)]
        random.shuffle(lines)
        moves = read_html(pm.page(pm.articles(lines), random, title="News"), AT).moves
        want = {("appointment", name_key(chief)), ("departure", name_key(former))}
        yield yield_people, score({(one.kind, name_key(one.name)) for one in moves}, want)


def test_people_and_moves_of_made_companies_are_found() -> None:
    random = Random(3)
    names = [f"{first} {last}" for first in FIRST if first != "O." for last in LAST]
    people, moved = Score(0, 0, 0), Score(0, 0, 0)
    for on_team, in_news in rounds(names, [f"Company {n} Inc." for n in range(40)], random, 40):
        people, moved = people + on_team, moved + in_news
    print(f"\npeople: {people}; moves: {moved}")
    assert people.precision >= 0.97 and people.recall >= 0.95
    assert moved.precision >= 0.97 and moved.recall >= 0.95


def test_people_and_moves_of_real_names_are_found() -> None:
    file = shared_data() / "data/companies/wikidata_ceo_changes_a.csv"
    with file.open(encoding="utf-8") as lines:
        known = list(csv.DictReader(lines))
    names = sorted({row[side] for row in known for side in ("previous_ceo", "next_ceo") if as_name(row[side])})
    people, moved = Score(0, 0, 0), Score(0, 0, 0)
    for on_team, in_news in rounds(names, [row["company"] for row in known], Random(5), 150):
        people, moved = people + on_team, moved + in_news
    print(f"\npeople: {people}; moves: {moved}")
    assert people.precision >= 0.97 and people.recall >= 0.95
    assert moved.precision >= 0.97 and moved.recall >= 0.95
