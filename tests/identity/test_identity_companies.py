"""What tells companies and people apart: each key in its normal form, and the reason where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.identity.companies import (
    clean_ein,
    clean_website,
    company_keys,
    email_domain,
    linkedin_company_key,
    name_keys,
    own_domain,
    person_name_key,
    plain_name,
    profile_key,
)

SAME_NAME = [
    ["Smith & Sons, Inc.", "The Smith and Sons Company", "SMITH + SONS CO., INC", "smith & sons L L C"],
    ["Home Depot, The", "The Home Depot", "HOME DEPOT INC"],
    ["Café Müller GmbH & Co. KG", "Cafe Muller GmbH", "CAFÉ MÜLLER"],
    ["A.B.C. Plumbing", "ABC Plumbing LLC", "A B C Plumbing, P.L.L.C."],
    ["Macy's", "MACYS INC", "Macy’s, Inc."],
    ["Dinse P C", "Dinse, P.C.", "DINSE PC"],
    ["Acme LLC", "Acme Limited Liability Company", "ACME, Limited Liability Co."],
    ["Acme PLLC", "Acme Professional Limited Liability Company"],
    ["Acme LP", "Acme Limited Partnership", "Acme LLLP", "Acme Limited Liability Limited Partnership", "Acme L.L.P."],
    ["Dinse PC", "Dinse, A Professional Corporation", "Dinse Professional Association"],
    ["Tata Pvt. Ltd.", "Tata Private Limited", "Tata Public Limited Company"],
    ["Budimex", "Budimex Sp. z o.o.", "BUDIMEX SP Z O. O."],
    ["Cemex", "Cemex, S.A. de C.V.", "CEMEX S. A. de C. V.", "Cemex S. de R.L. de C.V."],
    ["हिन्दी काम", "हिन्दी  काम LLC"],
    ["Ёлка", "Елка"],
    ["Ελληνικά", "ΕΛΛΗΝΙΚΑ"],
]  # fmt: skip


@pytest.mark.parametrize("names", SAME_NAME)
def test_spellings_of_a_name_are_one_key(names: list[str]) -> None:
    assert len({plain_name(name) for name in names}) == 1


def test_different_names_stay_apart_and_a_name_of_legal_forms_only_is_kept() -> None:
    assert len({plain_name(n) for n in ("काम", "कम", "काम का", "カ", "ガ", "ไทย", "ไทยา")}) == 7
    assert (
        len({plain_name(n) for n in ("Limited Partnership", "Limited Liability Company", "LLC", "Professional")}) == 4
    )
    assert len({plain_name(n) for n in ("Acme East", "Acme West", "Acme", "Company", "The Company", "The")}) == 6


def test_a_company_with_two_names_has_two_keys_with_its_state() -> None:
    assert name_keys("X Holdings LLC d/b/a The Corner Store", "vt") == ("x holdings|VT", "corner store|VT")
    assert name_keys("Acme (formerly Beta Corp.)", None) == ("acme|", "beta|")
    assert name_keys("Acme dba ACME Inc", "TX") == ("acme|TX",)
    assert name_keys("AKA Foundation", "DC") == ("aka foundation|DC",)
    assert name_keys("Debate Club", "DC") == ("debate club|DC",)


@pytest.mark.parametrize(
    ("given", "ein"),
    [("12-3456789", "123456789"), ("46 1234567", "461234567"), ("EIN: 010564885", "010564885"), (" ", None)],
)
def test_an_ein_is_nine_digits(given: str, ein: str | None) -> None:
    assert clean_ein(given) == ein


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("12-345678", "has 8 digits"),
        ("1234567890", "has 10 digits"),
        ("abc", "not an EIN"),
        ("111111111", "filler"),
        ("07-1234567", "begins with 07"),
    ],
)
def test_a_malformed_ein_is_told_why(given: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        clean_ein(given)


@pytest.mark.parametrize(
    ("given", "address", "domain"),
    [
        ("WWW.Acme.com/about", "http://www.acme.com/about", "acme.com"),
        ("https://shop.acme.co.uk", "https://shop.acme.co.uk", "acme.co.uk"),
        ("http://acme.github.io/", "http://acme.github.io/", "acme.github.io"),
        ("https://www.facebook.com/acme", "https://www.facebook.com/acme", None),
        ("sites.google.com/acme", "http://sites.google.com/acme", None),
        ("https://stone-mill.example", "https://stone-mill.example", "stone-mill.example"),
        ("n/a", None, None),
    ],
)
def test_a_website_gives_an_address_and_the_domain_that_is_its_own(
    given: str, address: str | None, domain: str | None
) -> None:
    assert clean_website(given) == address
    assert own_domain(address) == domain


@pytest.mark.parametrize(
    "given",
    [
        *("http://127.0.0.1/", "http://[::1]/", "2130706433", "0x7f.1", "http://localhost", "http://printer.local"),
        *("ftp://acme.com", "javascript:alert(1)", "http://me:secret@acme.com", "jane@acme.com", "Acme"),
        "http://acme.com:99999/",
    ],
)
def test_what_is_no_public_website_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|holds) "):
        clean_website(given)


def test_a_mailbox_that_anybody_can_have_names_no_company() -> None:
    assert email_domain("jane@mail.acme.com") == "acme.com"
    assert email_domain("jane@gmail.com") is None
    assert email_domain("jane@comcast.net") is None


def test_linkedin_pages_have_one_form() -> None:
    assert linkedin_company_key("https://uk.linkedin.com/company/Acme-Corp/about/?trk=x") == "company/acme-corp"
    assert linkedin_company_key("linkedin.com/school/mit/") == "school/mit"
    assert profile_key("http://www.linkedin.com/in/Jane-Doe-1a/?x=1") == "linkedin.com/in/jane-doe-1a"
    assert profile_key("https://www.acme.com/team/jane/#bio") == "acme.com/team/jane"
    for wrong in ("https://linkedin.com/in/jane", "https://acme.com/company/x"):
        with pytest.raises(ValueError, match="LinkedIn page of a company"):
            linkedin_company_key(wrong)
    for wrong in ("linkedin.com/company/acme", "acme.com"):
        with pytest.raises(ValueError, match=r"not .*of a person"):
            profile_key(wrong)


def test_a_persons_name_is_one_key_however_it_is_written() -> None:
    spellings = ("Jane Doe", "DOE, JANE", "Dr. Jane Q. Doe, Jr.", "Jane Doe, SHRM-CP", "jane q doe")
    assert {person_name_key(name) for name in spellings} == {"jane doe"}
    assert person_name_key("José Núñez") == "jose nunez"
    assert person_name_key("राम कुमार") != person_name_key("रम कमर")
    assert person_name_key("J. Doe") != person_name_key("Jane Doe")


def test_all_keys_of_a_company_leave_out_what_is_malformed() -> None:
    keys = company_keys(
        "Acme LLC", state="TX", ein="12-34", website="http://127.0.0.1", emails=["a@gmail.com", "b@acme.com"]
    )
    assert keys == (None, "acme.com", None, ("acme|TX",))


@given(st.text(max_size=80))
def test_any_text_is_a_key_none_or_a_reason(text: str) -> None:
    for clean in (clean_ein, clean_website, linkedin_company_key, profile_key):
        try:
            found = clean(text)
        except ValueError as reason:
            assert str(reason)
        else:
            assert found is None or found.strip()
    assert len(name_keys(text, "TX")) <= 2
    assert plain_name(plain_name(text)) == plain_name(plain_name(plain_name(text)))
    person_name_key(text)
