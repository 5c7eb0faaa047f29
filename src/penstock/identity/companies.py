"""What tells one company from another: EIN, domain, LinkedIn page, name with state; and a person: profile and name.

Pure functions: text as found in, a key in normal form or None out. Where a value makes no sense they raise ValueError
with the reason, worded to follow the value ("12-34 has 4 digits, an EIN has nine").
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import yaml
from publicsuffixlist import PublicSuffixList


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Prefixes that the IRS has never given to a campus or to the internet; 97 is on no list of its own but in its files.
_NO_PREFIX: Final = _set_of("00 07 08 09 17 18 19 28 29 49 69 70 78 79 89 96")
_FILLERS: Final = frozenset(str(n) * 9 for n in range(10))
_EIN = re.compile(r"^\s*(?:EIN|FEIN|TIN)?\s*:?\s*([\d\s-]+?)(?:\.0)?\s*$", re.I | re.A)
_HOST = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$")
_LINKEDIN_COMPANY = re.compile(r"^/(?:mwlite/)?(company|school|showcase|organization-guest/company)/([^/]+)")
# What most cells hold already: an address in full, a plain LinkedIn page. Everything else is taken apart.
_PLAIN_SITE = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?!(?:local|internal|lan|home|arpa)\b)[a-z]{2,8}(?:/[a-z0-9_./-]*)?",
    re.A,
)
_PLAIN_LINKEDIN = re.compile(r"https?://(?:[a-z]+\.)?linkedin\.com/(company|school|showcase)/([a-z0-9-]+)/?", re.A)
_LINKEDIN_PERSON = re.compile(r"^/(?:mwlite/)?in/([^/]+)")
_ANOTHER_NAME = re.compile(
    r"\s*[,;(]?\s*\b(?:d\s?[./]?\s?b\s?[./]?\s?a\b[./]?|doing business as|trading as|t/a|also known as|a/?k/?a"
    r"|formerly known as|formerly|f/?k/?a)(?![\w])[:.]?\s*",
    re.I,
)
_LEGAL_FORMS: Final = _set_of("""
    inc incorporated corp corporation co company cos companies llc llp lllp lp lc plc pllc pc pa ltd limited na gmbh ag
    kg mbh sa sas sarl srl spa bv nv ab oy as aps pty pvt pte psc chartered chtd
""")
# Forms of several words, written out or foreign. "Company" behind them goes like any other.
_LONG_FORMS: Final = (
    *("limited liability limited partnership", "limited liability partnership", "limited partnership"),
    *("professional limited liability", "limited liability", "public limited", "private limited"),
    *("proprietary limited", "a professional corporation", "professional corporation", "professional association"),
    *("s de rl de cv", "sapi de cv", "sas de cv", "sa de cv", "s de rl", "sp z oo", "sp zoo"),
)
_FORMS_BEHIND = re.compile(rf"(?: (?:{'|'.join((*_LONG_FORMS, *sorted(_LEGAL_FORMS), 'and'))}))+$")
_BEFORE_NAMES: Final = _set_of("mr mrs ms miss dr prof rev hon sir")
_BEHIND_NAMES: Final = _set_of("""
    jr sr ii iii iv esq md phd dds cpa mba jd rn pe shrm shrmcp shrmscp phr sphr cebs edd do dvm
""")
_NOT_A_WORD = re.compile(r"[\W_]+")
_INITIALS = re.compile(r"(?<!\S)(?:\w ){1,}\w(?!\S)")
_MARKS_ARE_ACCENTS: Final = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC")  # elsewhere they are vowels and sounds
_INNER: Final = (".localhost", ".local", ".internal", ".lan", ".home", ".arpa")
MAX_NAME: Final = 200

_suffixes = PublicSuffixList()


class CompanyKeys(NamedTuple):
    """The keys of a company, surest first; `names` holds "name|STATE", the second of "X dba Y" behind the first."""

    ein: str | None
    domain: str | None
    linkedin: str | None
    names: tuple[str, ...]


def company_keys(
    name: str,
    *,
    state: str | None = None,
    ein: str | None = None,
    website: str | None = None,
    linkedin: str | None = None,
    emails: Iterable[str] = (),
) -> CompanyKeys:
    """All keys of a company. What is malformed is no key; the domain is that of the website, else of a work email."""
    domain = own_domain(_or_none(clean_website, website)) or next(filter(None, map(email_domain, emails)), None)
    return CompanyKeys(
        _or_none(clean_ein, ein), domain, _or_none(linkedin_company_key, linkedin), name_keys(name, state)
    )


def clean_ein(value: str) -> str | None:
    """An EIN as nine digits: "12-3456789" -> 123456789. Raises ValueError on what cannot be one."""
    if not value.strip(" -0.") and len(value.strip()) != 9:
        return None
    found = _EIN.match(value)
    if not found:
        raise ValueError("is not an EIN (nine digits, 12-3456789)")
    digits = re.sub(r"\D", "", found[1])
    if len(digits) != 9:
        raise ValueError(f"has {len(digits)} digits, an EIN has nine (12-3456789)")
    if digits in _FILLERS:
        raise ValueError("is a filler, not an EIN")
    if digits[:2] in _NO_PREFIX:
        raise ValueError(f"is not an EIN: none begins with {digits[:2]}")
    return digits


def clean_website(value: str) -> str | None:
    """A web address in full: "WWW.Acme.com/about" -> http://www.acme.com/about.

    Raises ValueError on what is no public web address: another scheme, a bare name, an address in numbers.
    """
    if _PLAIN_SITE.fullmatch(value):
        return value
    value = value.strip().split()[0].rstrip(",;") if value.strip() else ""
    if value.casefold() in {"", "n/a", "na", "none", "-", "http://", "https://", "unknown"}:
        return None
    parts = _split(value)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("is not a web address (http or https)")
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("is not a web address: it holds a sign-in or is an email address")
    host = _host(parts)
    if _is_numeric(host):
        raise ValueError("is an address in numbers, not a public name")
    if not _HOST.match(host) or host.endswith(_INNER):
        raise ValueError("is not the name of a public website")
    return urlunsplit(parts._replace(netloc=host if parts.port in {None, 80, 443} else f"{host}:{parts.port}"))


def own_domain(website: str | None) -> str | None:
    """The registered domain of a clean web address, None where many share it: https://shop.acme.co.uk -> acme.co.uk."""
    return _registered(urlsplit(website).hostname or "", _hosts().pages | _hosts().mail) if website else None


def email_domain(email: str) -> str | None:
    """The registered domain of a work mailbox, None for a mailbox that anybody can have."""
    return _registered(email.rpartition("@")[2].casefold(), _hosts().mail)


def linkedin_company_key(value: str) -> str | None:
    """The LinkedIn page of a company in normal form: "uk.linkedin.com/company/Acme-Corp/about/?x" -> company/acme-corp.

    Raises ValueError on what is no such page.
    """
    if plain := _PLAIN_LINKEDIN.fullmatch(value):
        return f"{plain[1]}/{plain[2]}"
    if not value.strip():
        return None
    parts = _split(value.strip())
    found = _LINKEDIN_COMPANY.match(unquote(parts.path)) if _is_linkedin(parts) else None
    if not found:
        raise ValueError("is not the LinkedIn page of a company (linkedin.com/company/…)")
    return f"{found[1].rpartition('/')[2]}/{found[2].casefold()}"


def profile_key(value: str) -> str | None:
    """A person's page in normal form: "https://www.linkedin.com/in/Jane-Doe-1a/?x" -> linkedin.com/in/jane-doe-1a.

    Raises ValueError on what is no page of a person: no public web address, a company's page, a site's front page.
    """
    if not (address := clean_website(value)):
        return None
    parts = urlsplit(address)
    if _is_linkedin(parts):
        if found := _LINKEDIN_PERSON.match(unquote(parts.path)):
            return f"linkedin.com/in/{found[1].casefold()}"
        if _LINKEDIN_COMPANY.match(parts.path):
            raise ValueError("is the page of a company, not of a person")
    path = parts.path.rstrip("/")
    if not path:
        raise ValueError("is the front page of a site, not the page of a person")
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{path}" + (f"?{parts.query}" if parts.query and not _is_linkedin(parts) else "")


def profile_address(key: str, given: str) -> str | None:
    """The address to read a profile at: LinkedIn's in its one form, another as it was given."""
    return f"https://www.{key}" if key.startswith("linkedin.com/") else clean_website(given)


def name_keys(name: str, state: str | None) -> tuple[str, ...]:
    """At most two: "The Smith & Sons Co., Inc. dba Smith's", TX -> ("smith and sons|TX", "smiths|TX")."""
    parts = [part.strip(" ()") for part in _ANOTHER_NAME.split(name[:MAX_NAME])]
    plain = map(plain_name, parts if parts[0] else [name])  # "AKA Foundation" is no other name of nothing
    return tuple(dict.fromkeys(f"{one}|{(state or '').upper()}" for one in plain if one))[:2]


@lru_cache(maxsize=50_000)
def plain_name(name: str) -> str:
    """A company's name without legal form, "The", accents, case and punctuation; "" where nothing is left."""
    text = name.replace("&", " and ").replace("+", " and ")
    text = _words(_bare(text, ".'’`")).strip()
    text = _INITIALS.sub(lambda run: run[0].replace(" ", ""), text)
    words = text.split()
    while len(words) > 1 and words[-1] == "the":  # "Home Depot, The"
        words.pop()
    bare = words[1:] if words[:1] == ["the"] and len(words) > 1 else words
    return _FORMS_BEHIND.sub("", f" {' '.join(bare)}").lstrip() or " ".join(words)


@lru_cache(maxsize=50_000)
def person_name_key(name: str) -> str:
    """A person's name without title, initials, suffix, accents and case: "Dr. Jane Q. Doe, Jr." -> "jane doe"."""
    text = _bare(name, ".'’`-")
    family, comma, given = text.partition(",")
    if comma and given.strip() and given.split()[0] not in _BEHIND_NAMES:  # "Doe, Jane"
        text = f"{given} {family}"
    words = [word for word in _words(text).split() if word not in _BEFORE_NAMES | _BEHIND_NAMES]
    if len(words) > 2:
        words = [words[0], *(word for word in words[1:-1] if len(word) > 1), words[-1]]
    return " ".join(words)


def _bare(text: str, drop: str) -> str:
    """The text in small letters, without accents and the characters of `drop`."""
    text = unicodedata.normalize("NFKD", text).casefold()
    kept, letter = [], ""
    for c in text:
        if not _is_mark(c):
            letter = c
        elif not letter.isalnum() or unicodedata.name(letter, "").startswith(_MARKS_ARE_ACCENTS):
            continue
        if c not in drop:
            kept.append(c)
    return "".join(kept)


def _words(text: str) -> str:
    """The text with everything between words as blanks; a mark belongs to the word of its letter."""
    if text.isascii():
        return _NOT_A_WORD.sub(" ", text)
    return " ".join("".join(c if c.isalnum() or _is_mark(c) else " " for c in text).split())


def _is_mark(c: str) -> bool:
    return c > "\u02ff" and unicodedata.category(c)[0] == "M"


class _Hosts(NamedTuple):
    mail: frozenset[str]
    pages: frozenset[str]


@lru_cache(maxsize=1)
def _hosts() -> _Hosts:
    read = yaml.safe_load((resources.files(__package__) / "hosts.yaml").read_text("utf-8"))
    return _Hosts(*(frozenset(_flat(read[name])) for name in _Hosts._fields))


def _flat(lists: Iterable[Iterable[str]]) -> Iterator[str]:
    return (entry for names in lists for entry in names)


def _or_none(clean: Callable[[str], str | None], value: str | None) -> str | None:
    try:
        return clean(value) if value else None
    except ValueError:
        return None


def _registered(host: str, shared: frozenset[str]) -> str | None:
    found: str | None = _suffixes.privatesuffix(host.rstrip(".")) if _HOST.match(host.rstrip(".")) else None
    return None if found in shared else found


def _split(value: str) -> SplitResult:
    """The address with its scheme; "//host" and "host" are http."""
    if not re.match(r"^[a-z][a-z0-9+.-]*:", value, re.I) or re.match(r"^[\w.-]+:\d+(?:/|$)", value):
        value = "http://" + value.lstrip("/")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a web address") from None
    return parts._replace(scheme=parts.scheme.lower(), fragment="")


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


def _is_numeric(host: str) -> bool:
    """Literal addresses in any spelling that a resolver would take: 127.0.0.1, [::1], 2130706433, 0x7f.1."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(re.match(r"^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*$", host))
    return True


def _is_linkedin(parts: SplitResult) -> bool:
    host = (parts.hostname or "").casefold()
    return host == "linkedin.com" or host.endswith(".linkedin.com")
