"""A report on paper and on the web: one page, small, the same every time, and harmless whatever is written on it."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html
from pypdf import PdfReader
from reports_world import LINKS, LOGO_SVG, content_of

from penstock.core.errors import InvalidInput
from penstock.reports import logo, page, paper, sample
from penstock.reports.view import Image, view

LONG = "A very long sentence of a reason that somebody wrote without thinking of paper, again and again. " * 4


def png(width: int, height: int, noise: int = 0) -> bytes:
    """A picture; `noise` bytes a pixel that do not compress."""
    pixel = (
        bytes((n * 7919 + n // 3) % 256 for n in range(width * height * 3))
        if noise
        else b"\x20\x60\x90" * width * height
    )
    if noise:
        pixel = b"".join(zlib.crc32(n.to_bytes(4, "big")).to_bytes(4, "big") for n in range(len(pixel) // 4 + 1))[
            : len(pixel)
        ]
    lines = b"".join(b"\0" + pixel[row * width * 3 : (row + 1) * width * 3] for row in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def words_of(pdf: bytes) -> tuple[int, str]:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return len(pages), " ".join(" ".join(page.extract_text() for page in pages).split())


def test_the_page_is_one_page_of_pdf_with_its_links() -> None:
    made = paper.pdf(content_of(), LINKS, logo=Image(LOGO_SVG, logo.SVG))
    count, words = words_of(made)
    assert count == 1 and len(made) < paper.LARGEST
    assert "Re-repairs" not in words and "Re-roofs around 1 Sample St" in words and "What we do not know" in words
    annotations = PdfReader(io.BytesIO(made)).pages[0]["/Annots"]
    uris = {str(a.get_object()["/A"]["/URI"]) for a in annotations}
    assert uris == {LINKS.page, LINKS.stop, LINKS.consent, LINKS.booking}


def test_large_numbers_are_told_in_threes_and_a_seller_that_is_not_known_is_not_named() -> None:
    content = content_of(permits_within_500ft=1200, permits_within_quarter_mile=12345, legal_name="Local installation")
    content["seller"]["postal_address"] = " "
    told = html.fromstring(page.html(content, LINKS)).text_content()
    for words in (told, words_of(paper.pdf(content, LINKS))[1]):
        assert "1,200 re-roofs were permitted within 500 ft" in words and "12,345" in words and "12345" not in words
        assert "Made for" not in words and " by Local" not in words
    assert "by Harbor" in view(content_of(legal_name="Harbor LLC"), LINKS)["by"]


def test_the_same_content_gives_the_same_bytes() -> None:
    assert paper.pdf(content_of(), LINKS) == paper.pdf(content_of(), LINKS)


@pytest.mark.parametrize("times", [0, 1, 12])
def test_short_and_long_words_fit_on_one_page(times: int) -> None:
    content = content_of(
        tuple(("CLOSE_BY", LONG * times) for _ in range(4)), contractor="Harbor Roofing " * (1 + times)
    )
    content["meaning"] = [LONG] * times
    made = paper.pdf(content, LINKS)
    count, words = words_of(made)
    assert count == 1 and len(made) < paper.LARGEST and "Re-roofs around 1 Sample St" in words


@settings(max_examples=12, deadline=None)
@given(name=st.text(min_size=1, max_size=80), street=st.text(max_size=80))
def test_whatever_is_written_is_shown_and_does_nothing(name: str, street: str) -> None:
    content = content_of(contractor=name, address_line1=street)
    assert words_of(paper.pdf(content, LINKS))[0] == 1
    made = page.html(content, LINKS)
    parsed = html.document_fromstring(made)
    assert {element.tag for element in parsed.iter() if isinstance(element.tag, str)} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "p", "strong", "br", "h1", "h2", "div",
        "figure", "figcaption", "svg", "circle", "path", "text", "rect", "span", "section", "ul", "li", "b", "table",
        "thead", "tbody", "tr", "th", "td", "a", "footer", "img",
    }  # fmt: skip
    assert {a.get("href") for a in parsed.iter("a")} == {
        LINKS.stop, LINKS.consent, LINKS.booking, f"{LINKS.page}.pdf",
    }  # fmt: skip


def test_the_web_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    made = page.html(content_of(), LINKS, logo=Image(LOGO_SVG, logo.SVG))
    parsed = html.document_fromstring(made)
    assert [img.get("src").split(",")[0] for img in parsed.iter("img")] == ["data:image/svg+xml;base64"]
    assert list(parsed.iter("script", "link", "iframe")) == [] and parsed.xpath("//@style") == []
    assert parsed.get("lang") == "en" and parsed.xpath("//meta[@name='robots']/@content") == ["noindex, nofollow"]
    assert parsed.xpath("//svg[@role='img']/title/text()") == [
        "Map of re-roofs permitted around the home: 1 within 100 ft, 4 within 500 ft, 9 within a quarter mile"
    ]
    assert all(section.get("aria-labelledby") in made for section in parsed.iter("section"))


def test_a_picture_is_shown_only_where_there_is_room_for_it() -> None:
    shot = {"id": 7, "content_sha256": "x", "source": "NAIP", "license": "Public domain", "taken_on": None}
    content = content_of(pictures=[shot])
    small = paper.pdf(content, LINKS, picture=Image(png(40, 40), logo.PNG))
    assert "From above: NAIP, day not stated. Public domain." in words_of(small)[1]
    large = paper.pdf(content, LINKS, picture=Image(png(400, 300, noise=1), logo.PNG))
    assert len(large) < paper.LARGEST and "From above" not in words_of(large)[1]
    assert content["unknown"][0].startswith("No person has been at your roof")


def test_what_is_not_offered_has_no_button() -> None:
    it = view(content_of(), type(LINKS)(LINKS.page, LINKS.stop))
    assert it["calls"] == []
    assert words_of(paper.pdf(content_of(), type(LINKS)(LINKS.page, LINKS.stop)))[0] == 1


@pytest.mark.parametrize("picture", [LOGO_SVG, png(30, 20)], ids=["svg", "png"])
def test_a_plain_logo_is_taken_and_proven(picture: bytes) -> None:
    assert words_of(sample.prove(picture, logo.check(picture)))[0] == 1


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ('<path onload="alert(1)" d="M0 0"/>', "onload"),
        ('<use href="https://elsewhere.example/x.svg#a"/>', "href"),
        ('<rect fill="url(https://elsewhere.example/x)"/>', "fill"),
        ("<style>@import 'https://elsewhere.example'</style>", "style"),
        (r"<style>@\69mport 'x'</style>", "style"),
        ("<foreignObject/>", "foreignObject"),
        ('<image href="data:image/png;base64,AA"/>', "image"),
        ("<?php evil ?>", "instructions"),
    ],
)
def test_an_svg_that_is_more_than_a_picture_is_refused(inside: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        logo.check(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{inside}</svg>'.encode())


def test_other_logos_are_refused_with_a_reason() -> None:
    entity = b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"><title>&a;</title></svg>'
    for picture, why in (
        (b"", "0 bytes"), (b"\x89PNG\r\n\x1a\n" + b"0" * 200_000, "bytes"), (b"GIF89a", "no PNG"),
        (b"<svg", "well-formed"), (entity, "document type"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=why):
            logo.check(picture)
    with pytest.raises(InvalidInput, match="cannot be set"):
        sample.prove(b"\x89PNG\r\n\x1a\nbroken", logo.PNG)
    with pytest.raises(InvalidInput, match="too large"):
        sample.prove(png(400, 250, noise=1), logo.PNG)


def test_the_map_is_an_image_that_parses() -> None:
    drawn = etree.fromstring(view(content_of(), LINKS)["map"].encode())
    dots = [c for c in drawn.iter("{*}circle") if "dot" in (c.get("class") or "")]
    assert len(dots) == 2, "two permits on one spot are one dot"


def test_the_neighbour_next_door_is_drawn_over_the_house() -> None:
    drawn = etree.fromstring(view(content_of(), LINKS)["map"].encode())
    classes = [element.get("class") or "" for element in drawn]
    assert classes.index("here") < min(at for at, name in enumerate(classes) if name.startswith("dot "))
