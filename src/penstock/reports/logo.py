"""Whether a picture may stand on a report as a firm's logo. Pure: bytes in, media type out."""

from __future__ import annotations

import re

from lxml import etree

from penstock.core.errors import InvalidInput

LARGEST = 200_000  # bytes
PNG, JPEG, SVG = "image/png", "image/jpeg", "image/svg+xml"
_FIX = "give a PNG or JPEG, or an SVG of plain shapes, of at most 200 kB"
_ALLOWED = frozenset(
    {"svg", "g", "defs", "title", "desc", "metadata", "symbol", "use", "path", "rect", "circle", "ellipse", "line",
     "polyline", "polygon", "text", "tspan", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern",
     "style"}
)  # fmt: skip
_SVG_NAMESPACE = "{http://www.w3.org/2000/svg}"
_REACHES_OUT = re.compile(r"\\|@import|url\s*\(\s*(?!['\"]?#)|expression\s*\(|javascript:", re.IGNORECASE)


def check(content: bytes) -> str:
    """The media type of a logo. Raises InvalidInput for what is too large, of another kind, or more than a picture."""
    if not content or len(content) > LARGEST:
        raise InvalidInput(f"The logo has {len(content):,} bytes", fix=_FIX)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if b"<svg" in content[:4096]:
        _check_svg(content)
        return SVG
    raise InvalidInput("The logo is no PNG, JPEG or SVG", fix=_FIX)


def _check_svg(content: bytes) -> None:
    """Raises InvalidInput for an SVG that runs, loads or refers to anything outside itself."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidInput("The logo is no well-formed SVG", fix=_FIX) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("The SVG declares entities or a document type", fix=_FIX)
    for element in root.iter():
        if not isinstance(element.tag, str):
            if isinstance(element, etree._Comment):
                continue
            raise InvalidInput("The SVG holds processing instructions or entities", fix=_FIX)
        _check_element(element)


def _check_element(element: etree._Element) -> None:
    inside, name = element.tag.startswith(_SVG_NAMESPACE), etree.QName(element).localname
    if inside and name not in _ALLOWED:
        raise InvalidInput(f"The SVG holds <{name}>, which a logo has no use for", fix=_FIX)
    for key, value in element.attrib.items():
        local = etree.QName(key).localname
        if local.lower().startswith("on") or (local == "href" and not value.strip().startswith("#")):
            raise InvalidInput(f"The SVG has {local}={value[:40]!r}: it would run or load something", fix=_FIX)
        if _REACHES_OUT.search(value):
            raise InvalidInput(f"The SVG's {local} refers to something outside it", fix=_FIX)
    if name == "style" and _REACHES_OUT.search(element.text or ""):
        raise InvalidInput("The SVG's style refers to something outside it", fix=_FIX)
