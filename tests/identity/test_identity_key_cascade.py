"""The key cascade of companies and people against an oracle that looks at everything, and against shuffling."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.identity.key_cascade import COMPANY, PERSON, Kind, RowKeys, in_order, place_all

KEY = st.sampled_from("abc")
ONE = st.tuples() | st.tuples(KEY)
TWO = st.lists(KEY, max_size=2, unique=True).map(tuple)
COMPANIES = st.lists(st.tuples(ONE, ONE, ONE, TWO).filter(any), max_size=12)
PEOPLE = st.lists(st.tuples(ONE, TWO, ONE).filter(any), max_size=12)


def oracle(kinds: tuple[Kind, ...], rows: list[tuple[int, RowKeys]], things: list[Any]) -> dict[int, int]:
    """Thing by row: the rules spelled out, without an index. `things` are lists of keys per kind."""
    found = {}
    for number, keys in rows:
        here = next((t for level in range(len(kinds)) for key in keys[level] for t in things
                     if key in t[level] and not any(kinds[i].parts and t[i] and keys[i] and t[i][0] != keys[i][0] for i in range(level))), None)  # fmt: skip # noqa: E501
        if here is None:
            here = [[] for _ in kinds]
            things.append(here)
        for level, kind in enumerate(kinds):
            for key in keys[level]:
                if not any(key in t[level] for t in things) and (kind.most is None or len(here[level]) < kind.most):
                    here[level].append(key)
        found[number] = next(i for i, t in enumerate(things) if t is here)
    return found


def partition(placed: dict[int, int]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for number, thing in placed.items():
        groups.setdefault(thing, set()).add(number)
    return {frozenset(group) for group in groups.values()}


def check(kinds: tuple[Kind, ...], rows: list[RowKeys], known: list[RowKeys], seed: int) -> None:
    things: list[Any] = []
    oracle(kinds, list(enumerate(known)), things)
    before = [(i, tuple(tuple(keys) for keys in thing)) for i, thing in enumerate(things)]
    numbered = list(enumerate(rows, start=1))
    wanted = oracle(kinds, in_order(numbered), things)
    placed, made = place_all(kinds, before, numbered)
    assert {p.row_number: p.place for p in placed} == wanted
    assert [tuple(tuple(k) for k in thing.keys) for thing in made] == [
        tuple(tuple(k) for k in things[i]) for i in sorted(set(wanted.values()))
    ]
    shuffled = random.Random(seed).sample(numbered, len(numbered))
    again, _ = place_all(kinds, before, shuffled)
    assert partition({p.row_number: p.place for p in again}) == partition(wanted)
    for one in placed:
        first = min(number for number, place in wanted.items() if place == one.place)
        expected = (
            "duplicate_in_file" if one.row_number != first else "updated" if one.place < len(before) else "inserted"
        )
        assert (one.first_row, one.outcome) == (first, expected)


@given(COMPANIES, COMPANIES, st.integers(0, 9))
def test_companies_in_bulk_one_by_one_and_shuffled_are_the_same(rows: Any, known: Any, seed: int) -> None:
    check(COMPANY, rows, known, seed)


@given(PEOPLE, PEOPLE, st.integers(0, 9))
def test_people_in_bulk_one_by_one_and_shuffled_are_the_same(rows: Any, known: Any, seed: int) -> None:
    check(PERSON, rows, known, seed)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=1, max_size=15))
def test_rows_that_name_their_company_by_its_surest_key_need_no_order(rows: list[tuple[int, int]]) -> None:
    """Company n has EIN n, shares domain and name with its neighbour; each row also has any of the weaker keys."""
    keyed = [((f"e{n}",), (f"d{n // 2}",) if more & 1 else (), (f"l{n}",) if more & 2 else (), ("n",) if more & 4 else ()) for n, more in rows]  # fmt: skip # noqa: E501
    one_by_one = oracle(COMPANY, list(enumerate(keyed)), [])
    placed, _ = place_all(COMPANY, [], list(enumerate(keyed)))
    by_company: dict[int, int] = dict(enumerate(n for n, _ in rows))
    assert partition({p.row_number: p.place for p in placed}) == partition(one_by_one) == partition(by_company)


def company(ein: str = "", domain: str = "", linkedin: str = "", *names: str) -> RowKeys:
    return (*((key,) if key else () for key in (ein, domain, linkedin)), names)


def groups(*rows: RowKeys) -> list[int]:
    placed, _ = place_all(COMPANY, [], enumerate(rows))
    return [one.first_row for one in placed]


def test_a_surer_key_that_differs_parts_two_rows() -> None:
    assert groups(company("1", "", "", "acme|TX"), company("2", "", "", "acme|TX")) == [0, 1]
    assert groups(company("1", "acme.com"), company("2", "acme.com")) == [0, 1]
    assert groups(company("", "a.com", "", "acme|TX"), company("", "b.com", "", "acme|TX")) == [0, 1]


def test_a_row_with_two_keys_joins_the_rows_with_one_of_them_each() -> None:
    assert groups(company("1"), company("", "acme.com"), company("1", "acme.com")) == [0, 0, 0]


def test_a_domain_that_two_companies_share_stays_with_the_first() -> None:
    _, made = place_all(COMPANY, [], enumerate([company("1", "acme.com"), company("2", "acme.com")]))
    assert [thing.keys[1] for thing in made] == [("acme.com",), ()]
