"""Companies come out of the seed alone: the same from every side, changing at stated instants, listed with gaps."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.town.business.companies import AT_MOST, Companies
from penstock.town.business.company import OFFICES
from penstock.town.business.lists import HEADER
from penstock.town.business.profiles import profile_slug
from penstock.town.dice import Dice


@lru_cache
def companies() -> Companies:
    return Companies(Dice(7))


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, AT_MOST - 1))
def test_a_company_is_found_again_by_all_its_names(number):
    found = companies().company(number)
    assert companies().at_domain(found.domain) is found
    assert companies().at_page(found.stem) is found
    for person in found.people().values():
        mine = companies().person_at(person.mailboxes[0].email.upper().replace("EXAMPLE", "example"))
        assert mine is person
        assert companies().at_profile(profile_slug(person)) is person
    again = Companies(Dice(7)).company(number)
    assert again == found
    assert Companies(Dice(8)).company(number) != found


@given(text=st.text(max_size=30))
def test_no_other_text_leads_to_a_company(text):
    for found in (companies().at_domain(text), companies().at_page(text), companies().at_profile(text)):
        assert found is None


def test_no_two_companies_share_a_domain_or_an_ein_and_no_two_colleagues_a_mailbox():
    known = [companies().company(number) for number in range(1500)]
    assert len({company.domain for company in known}) == len({company.ein for company in known}) == 1500
    for company in known:
        boxes = [person.mailboxes[0].email for person in company.people().values()]
        assert len(set(boxes)) == len(boxes)


def test_each_office_has_at_most_one_holder_and_mailboxes_live_as_long_as_their_owners_and_a_little_longer():
    changes = 0
    for number in range(400):
        company = companies().company(number)
        for office in OFFICES:
            terms = [term for term in company.terms if term.office == office]
            for earlier, later in pairwise(terms):
                changes += 1
                assert earlier.until and earlier.mailbox_ends and earlier.until <= later.since
                assert earlier.site_until and earlier.site_until <= later.site_since
                box = earlier.person.mailboxes[0].email
                assert earlier.until < earlier.mailbox_ends <= earlier.until + timedelta(days=30)
                if company.takes_mail:
                    assert companies().mailbox(box, earlier.until - timedelta(hours=1)) is not None
                    assert companies().mailbox(box, earlier.until + timedelta(hours=1)) is not None
                assert companies().mailbox(box, earlier.mailbox_ends) is None
    assert 400 < changes < 1600  # 1200 offices over six years at 18 % a year, some of them too soon


def test_some_neighbours_share_an_officer_with_one_mailbox():
    pairs = [companies().shared(number) for number in range(0, 1000, 2)]
    assert 15 <= sum(office is not None for office in pairs) <= 50
    number = 2 * next(pair for pair, office in enumerate(pairs) if office)
    one, other = companies().company(number), companies().company(number + 1)
    (shared,) = set(one.people()) & set(other.people())
    person = one.people()[shared]
    assert person is other.people()[shared]
    assert person.mailboxes[0].email.endswith(one.domain)
    now = one.terms[0].since + timedelta(days=1000)
    assert [company.number for company, _ in companies().posts(person, now)] == [number, number + 1]


async def listed(bench, rows: int) -> list[dict[str, str]]:
    answer = await bench.client.get("/town/companies", params={"rows": rows})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_the_list_is_stable_and_has_the_gaps_of_a_bought_list(bench):
    rows = await listed(bench, 1000)
    assert len(rows) == 1000 and tuple(rows[0]) == HEADER
    assert await listed(bench, 50) == rows[:50]
    filled = {column: sum(bool(row[column]) for row in rows) / 1000 for column in HEADER}
    assert 0.52 < filled["CEO"] < 0.66 and 0.26 < filled["CFO"] < 0.40 and 0.16 < filled["HR"] < 0.30
    emails = sum(bool(row[f"{office} Email"]) for row in rows for office in OFFICES)
    assert 0.26 < emails / sum(bool(row[office]) for row in rows for office in OFFICES) < 0.40
    assert filled["Company Name"] > 0.99 and 0.6 < filled["EIN"] < 0.8


async def test_the_list_has_doubles_written_otherwise_and_a_few_bad_rows(bench):
    rows = await listed(bench, 1500)
    truth = (await bench.client.get("/town/companies/truth", params={"rows": 1500})).json()
    doubles = 1500 - len(truth)
    assert 25 <= doubles <= 65
    names = Counter(row["Company Name"] for row in rows)
    assert sum(count > 1 for name, count in names.items() if name) < doubles / 2  # the others are spelt differently
    shape = [row["EIN"].replace("-", "") for row in rows if row["EIN"]]
    broken = sum(not (ein.isdecimal() and len(ein) == 9) or ein == "000000000" for ein in shape)
    months = sum(row["Renewal Month"] in ("13", "0", "Smarch") for row in rows)
    unnamed = sum(not row["Company Name"] for row in rows)
    assert broken and months and unnamed and 5 <= broken + months + unnamed <= 30


async def test_the_truth_knows_the_officers_of_the_instant_and_the_list_only_those_of_its_day(bench):
    rows = await listed(bench, 300)
    truth = {company["name"]: company for company in await truth_of(bench, 300)}
    stale = current = 0
    for row in rows:
        if company := truth.get(row["Company Name"]):
            for office in OFFICES:
                if row[office]:
                    holder = company["officers"][office]
                    current += bool(holder) and holder["name"] == row[office]
                    stale += not holder or holder["name"] != row[office]
    assert current > 4 * stale > 0
    company = next(one for one in truth.values() if any(change["kind"] == "officer" for change in one["history"]))
    change = next(change for change in company["history"] if change["kind"] == "officer" and change["left"])
    at = bench.state.clock.now().fromisoformat(change["at"])
    for moment, who in ((at - timedelta(hours=1), change["left"]), (at, change["came"])):
        bench.state.clock.put(moment)
        found = next(one for one in await truth_of(bench, 300) if one["domain"] == company["domain"])
        holder = found["officers"][change["office"]]
        assert (holder["name"] if holder else "") == who


async def truth_of(bench, rows: int) -> list[dict]:
    return (await bench.client.get("/town/companies/truth", params={"rows": rows})).json()


async def test_bad_numbers_of_rows_are_refused(bench):
    for path in ("/town/companies", "/town/companies/truth", "/town/records"):
        for rows in ("many", "-1"):
            assert (await bench.client.get(path, params={"rows": rows})).status_code == 400
