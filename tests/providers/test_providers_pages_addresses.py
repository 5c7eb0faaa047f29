"""Which addresses may be read: the public web by name, and nothing else however it is written."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.pages.addresses import GLOBAL_UNICAST, NAT64, is_number, is_public, one_of, target_of
from penstock.providers.pages.words import PageRefused

REFUSED = {"bad_url", "private_address"}
V4 = st.integers(0, 2**32 - 1).map(IPv4Address)


def reason(url: str) -> str:
    with pytest.raises(PageRefused) as caught:
        target_of(url)
    return caught.value.reason


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://Heron-Dental.example", ("https", "heron-dental.example", "/")),
        ("http://www.heron.example:80/team?x=1#top", ("http", "www.heron.example", "/team?x=1")),
        ("https://heron.example./über uns/".replace(" ", "%20"), ("https", "heron.example", "/%C3%BCber%20uns/")),
        ("https://bücher.example/", ("https", "xn--bcher-kva.example", "/")),
    ],
)
def test_a_public_page_is_taken_apart(url: str, parts: tuple[str, str, str]) -> None:
    found = target_of(url)
    assert (found.scheme, found.host, found.path) == parts


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0x7f000001/",
        "http://0177.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/latest/meta-data/",
        "http://8.8.8.8/", "http://localhost/", "http://localhost./", "http://x.localhost/", "http://printer.local/",
        "http://db.internal/", "http://192.168.0.1./",
    ],
)  # fmt: skip
def test_numbers_and_names_of_inside_lead_nowhere(url: str) -> None:
    assert reason(url) in REFUSED


@pytest.mark.parametrize(
    "url",
    [
        "", "heron.example", "ftp://heron.example/", "file:///etc/passwd", "gopher://heron.example/", "http://",
        "http://heron.example:8080/", "https://heron.example:80/", "http://heron.example:99999/", "http://heron/",
        "http://me@heron.example/", "http://heron.example@127.0.0.1/", "http://heron.example\\@127.0.0.1/",
        "http://heron.example/\r\nHost: x", "http://１２７.０.０.１/", "http://127。0。0。1/", "http://-x-.example/",
        "http://heron..example/", "http://" + "a" * 3000 + ".example/", "http://ex%61mple.example%00/", "javascript:1",
        "http://[::1", "http://[fe80::1%25eth0]/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_page_is_refused(url: str) -> None:
    assert reason(url) in REFUSED


def test_a_redirect_is_read_from_where_it_stood_and_checked_the_same() -> None:
    at = target_of("https://heron.example/a/b")
    assert target_of("../team", base=at).url == "https://heron.example/team"
    assert target_of("//www.heron.example", base=at).host == "www.heron.example"
    with pytest.raises(PageRefused):
        target_of("//127.0.0.1/x", base=at)


@given(V4)
def test_an_ipv4_address_is_judged_the_same_in_every_dress(address: IPv4Address) -> None:
    public, number = is_public(address), int(address)
    for dressed in (
        IPv6Address(0xFFFF << 32 | number),  # mapped
        IPv6Address(0x2002 << 112 | number << 80 | 1),  # 6to4
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),  # NAT64
    ):
        assert is_public(dressed) is public
    assert not is_public(IPv6Address(number))  # the old "compatible" form
    assert public <= (address.is_global and not address.is_multicast)


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_only_global_unicast_or_an_embedded_public_address_is_public(address: IPv6Address) -> None:
    if is_public(address):
        assert address in GLOBAL_UNICAST or address.ipv4_mapped or address in NAT64


@given(V4)
def test_every_way_to_write_a_number_is_seen_as_one(address: IPv4Address) -> None:
    number = int(address)
    a, b, c, d = address.packed
    forms = [str(address), str(number), hex(number), f"{a}.{number & 0xFFFFFF}", f"0x{a:x}.{b}.{c}.{d}"]
    forms += [f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{b}.{c}.0x{d:x}", f"[::ffff:{address}]", f"{address}."]
    assert all(is_number(form) for form in forms)
    assert all(reason(f"http://{form}/") in REFUSED for form in forms)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5", "172.16.9.1", "192.168.1.1", "127.9.9.9", "0.0.0.0", "100.64.0.1", "169.254.169.254", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "192.0.2.1", "192.88.99.1", "168.63.129.16", "::", "::1", "fe80::1", "fc00::1",
        "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "64:ff9b::a00:5", "64:ff9b:1::1", "2002:a00:5::1",
        "::ffff:127.0.0.1", "::8.8.8.8", "5f00::1",
    ],
)  # fmt: skip
def test_private_and_special_networks_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_public_addresses_are_public_and_ipv4_goes_first() -> None:
    assert is_public(ip_address("93.184.216.34")) and is_public(ip_address("2606:2800:220:1::1"))
    assert str(one_of(["2606:2800:220:1::1", "93.184.216.34"])) == "93.184.216.34"


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(PageRefused) as caught:
        one_of(["93.184.216.34", "10.0.0.5"])
    assert caught.value.reason == "private_address"
