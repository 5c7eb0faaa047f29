"""What a source of pages is asked and can answer, in our own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.core.errors import ProviderRefused
from penstock.providers import Reply


@dataclass(frozen=True, slots=True)
class PageRequest:
    """An address to read; `etag` and `last_modified` as the last reading gave them, for a conditional request.

    reference: what the caller knows it by; a source that reports later gives it back.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PagePerson:
    """A person whom a structured answer names; `company` is where they say they work now, if it says."""

    name: str
    title: str
    profile_url: str | None = None
    company: str | None = None
    company_url: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What stood there. `url` is the address in the end, after redirects.

    text: the decoded body of a page for people; people: the answer of a source that reads the page itself, else None.
    not_modified: the same as last time; text is empty then.
    """

    url: str
    status: int = 200
    content_type: str = "text/html"
    text: str = ""
    etag: str | None = None
    last_modified: str | None = None
    not_modified: bool = False
    people: tuple[PagePerson, ...] | None = None


class PageRefused(ProviderRefused):
    """This page cannot be read, and asking again soon is no use. `reason` is one of REASONS."""

    code, title = "page_refused", "A page cannot be read"

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or REASONS[reason][0], fix=REASONS[reason][1], reason=reason)
        self.reason = reason


# Why a page is not read, and what a person can do about it. docs/reference/scraping.md lists them.
REASONS: Mapping[str, tuple[str, str]] = {
    "bad_url": ("the address is not one of a public web page", "give the full http(s) address with a host name"),
    "private_address": ("the address leads into a private network", "only public hosts are read"),
    "no_such_host": ("the host does not exist", "correct the company's address"),
    "robots": ("the site's robots.txt does not allow it", "leave the page out, or ask the site's owner"),
    "redirects": ("the page redirects in a circle or too often", "give the address it should lead to"),
    "not_found": ("the page does not exist", "correct the address"),
    "forbidden": ("the site does not let us in", "leave the page out, or read it through a vendor"),
    "refused": ("the site refused the request", "open the address in a browser to see why"),
    "too_large": ("the page is larger than we read", "give the address of a smaller page"),
    "bomb": ("the page is made to exhaust its reader", "leave the page out"),
    "wrong_type": ("what stands there is not a web page", "give the address of an HTML page"),
    "tls": ("the site's certificate is not valid", "the site's owner has to renew it"),
    "no_answer": ("the vendor had nothing about this address", "correct the address"),
}


class PageSource(Protocol):
    """Reads web pages, many at a time."""

    @property
    def batch_size(self) -> int:
        """The most addresses one call may carry."""

    async def fetch(self, wanted: Sequence[PageRequest]) -> list[Reply]:
        """One reply per address, in order. What goes wrong with one page is in its reply; ProviderBusy, ProviderUnclear
        and ProviderRefused are about the whole call. `failed`: not read and not charged, may be asked again.
        """

    def read(self, raw: Mapping[str, Any]) -> Page:
        """What a raw reply says. Raises PageRefused, or ProviderBusy for a passing trouble. Pure."""
