"""Which addresses a page may be read from: public hosts by name, on the web's own ports, and nothing inside a network.

Whoever can type a URL into a list could otherwise make our server call its own neighbours (SSRF): the URL is parsed
once and rebuilt from its parts, so that no second parser can read it differently; the addresses behind the name are
looked up by us, all of them have to be public, and the connection goes to the very address that was checked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urljoin

import httpx

from penstock.providers.pages.words import PageRefused

IpAddress = IPv4Address | IPv6Address

LONGEST_URL = 2048
PORTS = {"http": 80, "https": 443}
# Names that mean something inside a network only (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal).
INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "onion", "invalid")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_STRANGE = re.compile(r"[\x00-\x20\x7f\\]|[^\x00-\x7f]")  # in what is sent; names are punycode by then

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
SIX_TO_FOUR = IPv6Network("2002::/16")
TEREDO = IPv6Network("2001::/32")
SPECIAL = (
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("192.0.0.0/24"),  # protocol assignments
    ip_network("168.63.129.16/32"),  # a cloud's own host agent, on a public number
    ip_network("2001:db8::/32"),
    ip_network("3fff::/20"),  # documentation, RFC 9637
)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address of a page. `host` is lower-case ASCII; `path` starts with a slash and holds the query."""

    scheme: str
    host: str
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def port(self) -> int:
        return PORTS[self.scheme]


def target_of(url: str, *, base: Target | None = None) -> Target:
    """The parts of an address that may be read, `url` relative to `base` where given. Raises PageRefused."""
    url = url.strip()
    if base is not None:
        try:
            url = urljoin(base.url, url)
        except ValueError:
            raise PageRefused("bad_url") from None
    if len(url) > LONGEST_URL or "\\" in url or any(ord(c) < 0x21 or ord(c) == 0x7F for c in url):
        raise PageRefused("bad_url")
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii").lower().rstrip(".")
        path = parsed.raw_path.decode("ascii") or "/"
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise PageRefused("bad_url") from None
    if parsed.scheme not in PORTS or parsed.userinfo or parsed.port not in (None, *PORTS.values()):
        raise PageRefused("bad_url")
    if parsed.port not in (None, PORTS[parsed.scheme]):
        raise PageRefused("bad_url")
    if _STRANGE.search(path):
        raise PageRefused("bad_url")
    check_host(host)
    return Target(parsed.scheme, host, path)


def check_host(host: str) -> None:
    """Raises PageRefused unless `host` (lower-case ASCII) is a name that can be public: no number in any dress."""
    labels = host.split(".")
    if is_number(host) or any(host == name or host.endswith(f".{name}") for name in INSIDE):
        raise PageRefused("private_address")
    if len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise PageRefused("bad_url")


def is_number(host: str) -> bool:
    """Whether some resolver would take `host` for an address: 127.0.0.1, 127.1, 2130706433, 0x7f.1, [::1]."""
    if ":" in host or "[" in host or "%" in host:
        return True
    last = host.rstrip(".").rpartition(".")[2]
    return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last))


def is_public(address: IpAddress) -> bool:
    """Whether the address is out in the public network; an IPv4 address inside an IPv6 one counts as itself."""
    if isinstance(address, IPv6Address):
        if (inner := _inner(address)) is not None:
            return is_public(inner)
        if address not in GLOBAL_UNICAST or address in TEREDO:
            return False
    if any(address in network for network in SPECIAL if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in SIX_TO_FOUR:
        return address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None


def one_of(found: Sequence[str]) -> IpAddress:
    """The address to connect to, IPv4 before IPv6. Raises PageRefused unless every address found is public.

    All have to be: a name with one public and one private address is how a check is slipped past.
    """
    try:
        addresses = [ip_address(text.partition("%")[0]) for text in found]
    except ValueError:
        raise PageRefused("private_address") from None
    if not addresses:
        raise PageRefused("no_such_host")
    if not all(is_public(address) for address in addresses):
        raise PageRefused("private_address")
    return min(addresses, key=lambda address: address.version)
