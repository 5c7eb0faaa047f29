"""Our own reader against a real server that behaves as badly as the web does."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penstock.core import clock
from penstock.core.clock import stopwatch
from penstock.core.errors import ProviderBusy
from penstock.providers.pages import manners
from penstock.providers.pages.addresses import target_of
from penstock.providers.pages.body import decode
from penstock.providers.pages.own import Limits, Own
from penstock.providers.pages.words import Page, PageRefused, PageRequest
from website import HTML, Site, open_site

PUBLIC = "93.184.216.34"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as made:
        yield made


@pytest.fixture
async def reader(site: Any) -> AsyncIterator[Own]:
    own = make_reader(site)
    yield own
    await own.aclose()


def make_reader(site: Any, answers: dict[str, list[str]] | None = None, **how: Any) -> Own:
    async def resolve(host: str) -> list[str]:
        if host == "gone.example":
            raise PageRefused("no_such_host")
        return (answers or {}).get(host, [PUBLIC])

    how.setdefault("limits", Limits(timeout_s=10.0, max_bytes=100_000))
    return Own(resolve, connect_to=f"127.0.0.1:{site.port}", **{"delay_s": 0.0} | how)


async def get(own: Own, url: str, **validators: str) -> Page:
    [reply] = await own.fetch([PageRequest(url, **validators)])
    assert not reply.billable
    return own.read(reply.raw)


async def refusal(own: Own, url: str) -> str:
    with pytest.raises(PageRefused) as caught:
        await get(own, url)
    return caught.value.reason


async def test_a_page_is_read_from_the_site_that_its_name_says(site: Site, reader: Own) -> None:
    site.put("/team?x=1", "<p>Ada Sample, CFO</p>", head=HTML + 'ETag: "e1"\r\nLast-Modified: yesterday\r\n')
    page = await get(reader, "https://heron.example/team?x=1")
    assert (page.status, page.text, page.etag, page.last_modified) == (
        200,
        "<p>Ada Sample, CFO</p>",
        '"e1"',
        "yesterday",
    )
    host, path, headers = site.asked[-1]
    assert (host, path) == ("heron.example", "/team?x=1")
    assert headers["user-agent"].startswith("penstock")


async def test_an_unchanged_page_costs_an_empty_answer(site: Site, reader: Own) -> None:
    site.put("/", status="304 Not Modified", head="")
    page = await get(reader, "http://heron.example/", etag='"e1"', last_modified="yesterday")
    assert page.not_modified
    assert (site.asked[-1][2]["if-none-match"], site.asked[-1][2]["if-modified-since"]) == ('"e1"', "yesterday")
    assert await refusal(reader, "http://heron.example/") == "refused"  # 304 to a question that set no condition


async def test_a_redirect_within_reach_is_followed(site: Site, reader: Own) -> None:
    site.put("/", status="301 Moved", to="https://www.heron.example/home")
    site.put("/home", "<p>hello</p>")
    assert (await get(reader, "http://heron.example/")).url == "https://www.heron.example/home"


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://127.0.0.1/", "private_address"),
        ("http://169.254.169.254/latest/", "private_address"),
        ("http://intranet.heron.example/", "private_address"),
        ("ftp://heron.example/", "bad_url"),
        ("https://heron.example:8443/", "bad_url"),
        ("http://gone.example/", "no_such_host"),
        ("/", "redirects"),
    ],
)
async def test_every_hop_is_checked_again(site: Site, to: str, reason: str) -> None:
    own = make_reader(site, {"intranet.heron.example": ["10.0.0.5"]})
    site.put("/", status="302 Found", to=to)
    assert await refusal(own, "http://heron.example/") == reason
    assert {host for host, _, _ in site.asked} == {"heron.example"}
    await own.aclose()


async def test_a_chain_of_redirects_ends_after_five(site: Site, reader: Own) -> None:
    for n in range(9):
        site.put(f"/{n}", status="302 Found", to=f"/{n + 1}")
    site.put("/5", "<p>there</p>")
    assert (await get(reader, "http://heron.example/0")).url.endswith("/5")
    site.put("/5", status="302 Found", to="/6")
    assert await refusal(reader, "http://heron.example/0") == "redirects"


@pytest.mark.parametrize("addresses", [["10.0.0.5"], ["::1"], ["::ffff:127.0.0.1"], [PUBLIC, "192.168.1.1"]])
async def test_a_name_with_a_private_address_is_never_connected_to(site: Site, addresses: list[str]) -> None:
    own = make_reader(site, {"heron.example": addresses})
    assert await refusal(own, "http://heron.example/") == "private_address"
    assert site.asked == []
    await own.aclose()


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked() -> None:
    """A name that turns private after the check (rebinding) is not asked again: the request goes to the number."""
    answers = [["2606:2800:220:1::1", PUBLIC], ["127.0.0.1"]]

    async def resolve(host: str) -> list[str]:
        return answers.pop(0)

    own = Own(resolve)
    request = await own._request(target_of("https://heron.example/a?b"), {})
    assert str(request.url) == f"https://{PUBLIC}/a?b"
    assert (request.headers["host"], request.extensions["sni_hostname"]) == ("heron.example", "heron.example")
    assert len(answers) == 1
    await own.aclose()


async def test_an_endless_page_is_left_at_the_limit(site: Site, reader: Own) -> None:
    async def endless(writer: asyncio.StreamWriter, headers: object) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            writer.write(b"<p>more</p>" * 1000)
            await writer.drain()

    site.pages["/"] = endless
    assert await refusal(reader, "http://heron.example/") == "too_large"


async def test_a_two_gigabyte_page_is_refused_by_its_header_alone(site: Site, reader: Own) -> None:
    site.pages["/"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2000000000\r\n\r\n<p>"
    assert await refusal(reader, "http://heron.example/") == "too_large"


async def test_a_gzip_bomb_is_not_unpacked(site: Site, reader: Own) -> None:
    site.put(
        "/", gzip.compress(b"<b>" * 20_000_000, compresslevel=1)[:90_000], head=HTML + "Content-Encoding: gzip\r\n"
    )
    assert await refusal(reader, "http://heron.example/") == "bomb"


async def test_an_honest_packed_page_is_unpacked(site: Site, reader: Own) -> None:
    site.put("/", gzip.compress(b"<p>packed</p>"), head=HTML + "Content-Encoding: gzip\r\n")
    assert (await get(reader, "http://heron.example/")).text == "<p>packed</p>"
    site.put("/", b"not packed", head=HTML + "Content-Encoding: gzip\r\n")
    assert await refusal(reader, "http://heron.example/") == "wrong_type"


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_slow_site_is_left_after_the_seconds_in_all(site: Site, part: str) -> None:
    reader = make_reader(site, limits=Limits(timeout_s=1.0))

    async def slow(writer: asyncio.StreamWriter, headers: object) -> None:
        if part == "body":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    site.pages["/"] = slow
    began = stopwatch()
    with pytest.raises(ProviderBusy):
        await get(reader, "http://heron.example/")
    assert stopwatch() - began > 0.9  # no answer of its own took longer than a tenth
    await reader.aclose()


@pytest.mark.parametrize(
    ("status", "head", "reason"),
    [
        ("404 Not Found", HTML, "not_found"),
        ("410 Gone", HTML, "not_found"),
        ("403 Forbidden", HTML, "forbidden"),
        ("999 Request denied", HTML, "forbidden"),
        ("418 Teapot", HTML, "refused"),
        ("302 Found", "", "refused"),
        ("200 OK", "Content-Type: application/pdf\r\n", "wrong_type"),
        ("200 OK", HTML + "Content-Encoding: br\r\n", "wrong_type"),
    ],
)
async def test_what_cannot_be_read_says_why(site: Site, reader: Own, status: str, head: str, reason: str) -> None:
    site.put("/", "x", status=status, head=head)
    assert await refusal(reader, "http://heron.example/") == reason


async def test_a_site_in_trouble_is_asked_later(site: Site, reader: Own) -> None:
    site.put("/", status="503 Busy", head="Retry-After: 77\r\n")
    with pytest.raises(ProviderBusy) as caught:
        await get(reader, "http://heron.example/")
    assert caught.value.retry_after_s == 77
    [reply] = await reader.fetch([PageRequest("http://heron.example/")])
    assert reply.failed


async def test_robots_txt_is_asked_once_a_day_and_honoured(site: Site, reader: Own, held_clock: Any) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /team\nAllow: /team/public", head="Content-Type: text/plain\r\n")
    site.put("/news", "<p>news</p>")
    site.put("/team/public", "<p>public</p>")
    assert await refusal(reader, "http://heron.example/team") == "robots"
    await get(reader, "http://heron.example/news")
    await get(reader, "http://heron.example/team/public")
    assert site.paths() == ["/robots.txt", "/news", "/team/public"]
    with clock.held_at(held_clock + timedelta(hours=25)):
        await get(reader, "http://heron.example/news")
    assert site.paths().count("/robots.txt") == 2


async def test_a_rule_for_us_by_name_counts_before_the_one_for_all(site: Site, reader: Own) -> None:
    site.put("/robots.txt", "User-agent: *\nAllow: /\n\nUser-agent: penstock\nDisallow: /")
    assert await refusal(reader, "http://heron.example/") == "robots"


async def test_a_redirect_into_what_robots_forbids_is_not_followed(site: Site, reader: Own) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /staff")
    site.put("/team", status="302 Found", to="/staff")
    assert await refusal(reader, "http://heron.example/team") == "robots"
    assert "/staff" not in site.paths()


async def test_a_host_that_cannot_tell_its_rules_is_not_visited_now(site: Site, reader: Own) -> None:
    site.put("/robots.txt", status="500 Oops")
    site.put("/", "<p>x</p>")
    with pytest.raises(ProviderBusy):
        await get(reader, "http://heron.example/")
    assert site.paths() == ["/robots.txt"]


async def test_a_crawl_delay_keeps_requests_apart(site: Site, reader: Own) -> None:
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 0.3")
    for path in "ab":
        site.put(f"/{path}", "<p>x</p>")
    began = stopwatch()
    await asyncio.gather(get(reader, "http://heron.example/a"), get(reader, "http://heron.example/b"))
    assert stopwatch() - began >= 0.3


async def test_a_long_crawl_delay_is_left_to_the_queue(
    site: Site, reader: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manners, "LONGEST_WAIT_S", 0.2)
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 60")
    site.put("/", "<p>x</p>")
    await get(reader, "http://heron.example/")
    with pytest.raises(ProviderBusy) as caught:
        await get(reader, "http://heron.example/")
    assert 50 < caught.value.retry_after_s <= 60


async def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Any) -> None:
    """A real TLS server with a certificate nobody signed, at the address that the name leads to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other.example")])
    day = datetime(2020, 1, 1, tzinfo=UTC)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(day).not_valid_after(day.replace(year=2090)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "cert.pem"
    pem.write_bytes(
        cert.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def nobody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(nobody, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    class Local(Own):
        async def _request(self, target: Any, headers: Any) -> Any:
            request = await super()._request(target, headers)
            request.url = request.url.copy_with(host="127.0.0.1", port=port)
            return request

    async def resolve(host: str) -> list[str]:
        return [PUBLIC]

    own = Local(resolve, delay_s=0.0, limits=Limits(timeout_s=30.0))
    assert await refusal(own, "https://heron.example/") == "tls"
    await own.aclose()
    server.close()


@pytest.mark.parametrize(
    ("data", "head", "text"),
    [
        (b"\xef\xbb\xbfJos\xc3\xa9", "text/html; charset=iso-8859-1", "José"),
        (b"Jos\xe9 \x96", "text/html; charset=ISO-8859-1", "José –"),
        (b"<meta charset='windows-1250'>\xe8", "text/html", "<meta charset='windows-1250'>č"),
        ("José".encode(), "text/html", "José"),
        (b"Jos\xe9", "text/html", "José"),
        (b"a\x00b", "text/html; charset=utf-8", "ab"),
        (b"x", "text/html; charset=zip", "x"),
        (b"+ADw-", "text/html; charset=utf-7", "+ADw-"),
        ("é".encode("utf-16"), "text/plain", "é"),
    ],
)
def test_letters_are_read_by_the_rules_of_the_web(data: bytes, head: str, text: str) -> None:
    assert decode(data, head) == text
