"""One visit to a watched address: its page, and of a website the few pages that tell of people, news and jobs."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from penstock.core.errors import ProviderBusy
from penstock.providers import Reply
from penstock.providers.pages.words import Page, PageRefused, PageRequest, PageSource
from penstock.scrape.found import Reading, Unreadable
from penstock.scrape.links import Kind, worth_reading
from penstock.scrape.room import ReadingRoom


@dataclass(frozen=True, slots=True)
class Part:
    """A page of a visit, read."""

    url: str
    kind: Kind
    reading: Reading


@dataclass(slots=True)
class Visit:
    """What a visit brought. `page`: the watched address itself; `left_out`: how many pages could not be read."""

    page: Page
    parts: list[Part] = field(default_factory=list)
    left_out: int = 0

    def content_hash(self) -> str:
        """The same for pages that say the same: over what was read, not over the markup around it."""
        said = [[part.url, {**part.reading.as_json(), "links": None}] for part in self.parts]
        people = [[one.name, one.title, one.company_url, one.company] for one in self.page.people or ()]
        return hashlib.sha256(json.dumps([said, people], default=str, sort_keys=True).encode()).hexdigest()


async def visit(
    source: PageSource, room: ReadingRoom, request: PageRequest, *, whole_site: bool, without: Iterable[Kind] = ()
) -> Visit:
    """Read the address, and with `whole_site` what its home page leads to.

    Raises PageRefused or ProviderBusy where the address itself cannot be read; other pages of the site that cannot be
    are left out.
    """
    made = await open_page(source, room, await _ask(source, request), kind="home" if whole_site else "news")
    if not whole_site or made.page.not_modified:
        return made
    home = made.page.url
    links, without = list(made.parts[0].reading.links), tuple(without)
    for url, kind in worth_reading(links, home, without=without):
        try:
            page = source.read((await _ask(source, PageRequest(url))).raw)
            made.parts.append(Part(page.url, kind, await room.read(page.text, page.url)))
        except (PageRefused, Unreadable):
            made.left_out += 1
        except ProviderBusy:  # the site has had enough of us; so have the pages behind this one
            made.left_out += 1
            break
    return made


async def open_page(source: PageSource, room: ReadingRoom, reply: Reply | Mapping[str, object], *, kind: Kind) -> Visit:
    """The visit that a reply alone makes. Raises what the reply says, and PageRefused for an unreadable page."""
    page = source.read(reply.raw if isinstance(reply, Reply) else reply)
    if page.not_modified or page.people is not None:
        return Visit(page)
    try:
        reading = await room.read(page.text, page.url)
    except Unreadable as error:
        raise PageRefused("bomb", f"the page cannot be read: {error}") from error
    return Visit(page, [Part(page.url, kind, reading)])


async def _ask(source: PageSource, request: PageRequest) -> Reply:
    [reply] = await source.fetch([request])
    return reply
