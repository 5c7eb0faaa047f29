"""What kind of website a company has, and the ways in which some of them misbehave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.town.business import odds, words
from penstock.town.business.company import Company
from penstock.town.dice import Dice

ODD: Final = (
    "error_500",  # every page, robots.txt too
    "gone",  # 404 for every page
    "loop",  # redirects that come back to where they began
    "to_loopback",  # a redirect to http://127.0.0.1/
    "to_metadata",  # a redirect to the address where clouds keep their secrets
    "endless",  # HTML that goes on for gigabytes
    "gzip_bomb",  # a little over a megabyte that becomes a gigabyte
    "deep",  # hundreds of thousands of nested elements
    "wrong_type",  # a picture where a page should be
    "slow",  # one byte now and then
)
SHAPES: Final = {"cards": 0.35, "table": 0.15, "jsonld": 0.20, "list": 0.20, "prose": 0.10}
STAFF_AREA: Final = "/intranet/"  # linked from every page, and off limits wherever there is a robots.txt


@dataclass(frozen=True, slots=True)
class Site:
    """The habits of one website. `odd` is empty for a good one; `robots` a key of odds.ROBOTS, or "open"."""

    company: Company
    odd: str
    robots: str
    crawl_delay: int  # seconds, 0 for none
    team_path: str  # empty without such a page
    shape: str
    validators: bool
    www_redirects: bool
    dns_private: bool

    def disallows(self, path: str) -> bool:
        """True if its robots.txt asks everybody to leave that path alone."""
        if self.robots == "none" or path == "/robots.txt":
            return False
        if self.robots == "nothing" or path.startswith(STAFF_AREA):
            return True
        return self.robots == "no_team" and bool(self.team_path) and path.startswith(self.team_path)

    def robots_txt(self) -> str | None:
        """The file, or None where the site has none."""
        if self.robots == "none":
            return None
        lines = ["User-agent: *"]
        if self.robots == "nothing":
            return "\n".join([*lines, "Disallow: /", ""])
        lines.append(f"Disallow: {STAFF_AREA}")
        if self.robots == "no_team" and self.team_path:
            lines.append(f"Disallow: {self.team_path}")
        if self.crawl_delay:
            lines.append(f"Crawl-delay: {self.crawl_delay}")
        return "\n".join([*lines, f"Sitemap: https://{self.company.domain}/sitemap.xml", ""])


def site_of(dice: Dice, company: Company) -> Site:
    """The site of a company."""
    stem = company.stem
    robots = dice.weighted(odds.ROBOTS, "robots", stem, otherwise="open")
    has_team = dice.chance(odds.TEAM_PAGE, "team page", stem)
    return Site(
        company=company,
        odd=dice.pick(ODD, "odd kind", stem) if dice.chance(odds.ODD_SITE, "odd site", stem) else "",
        robots=robots,
        crawl_delay=dice.between(1, 3, "crawl delay", stem) if robots == "slow" else 0,
        team_path=dice.pick(words.TEAM_PATHS, "team path", stem) if has_team else "",
        shape=dice.weighted(SHAPES, "shape", stem, otherwise="cards"),
        validators=dice.chance(odds.VALIDATORS, "validators", stem),
        www_redirects=dice.chance(odds.WWW_REDIRECTS, "www", stem),
        dns_private=dice.chance(odds.PRIVATE_DNS, "private dns", stem),
    )
