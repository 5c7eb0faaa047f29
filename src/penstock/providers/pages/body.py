"""From the bytes of an answer to text: unpacked, measured and decoded, stopping as soon as it is too much."""

import codecs
import re
import zlib

from penstock.providers.pages.words import PageRefused

# What the words of the Web Encoding Standard stand for; names that need no translation are Python's own.
LABELS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252"}
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain", "application/ld+json"})
BOMB_RATIO = 50  # HTML seldom shrinks to less than a tenth
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{1,40})", re.IGNORECASE)


class Unpacker:
    """Collects the chunks of a body, unpacked, up to `limit` bytes on the wire and as many unpacked.

    With `cut` what lies beyond is dropped; else it raises PageRefused: too_large, or bomb where little unpacks to much.
    """

    def __init__(self, encoding: str, limit: int, *, cut: bool = False) -> None:
        encoding = encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise PageRefused("wrong_type", f"the body is packed as {encoding[:20]}, which was not asked for")
        self._zlib = zlib.decompressobj(wbits=47) if encoding not in {"", "identity"} else None
        self._limit, self._cut = limit, cut
        self._wire = 0
        self._body = bytearray()

    def add(self, chunk: bytes) -> bool:
        """Take a chunk; False when nothing more is wanted."""
        self._wire += len(chunk)
        room = self._limit + 1 - len(self._body)
        try:
            self._body += self._zlib.decompress(chunk, room)[:room] if self._zlib else chunk[:room]
        except zlib.error:
            raise PageRefused("wrong_type", "the body is not packed as its header says") from None
        if self._wire <= self._limit and len(self._body) <= self._limit:
            return True
        if not self._cut:
            used = self._wire - (len(self._zlib.unconsumed_tail) if self._zlib else 0)
            raise PageRefused("bomb" if len(self._body) > BOMB_RATIO * used else "too_large")
        return False

    def body(self) -> bytes:
        """What was collected."""
        return bytes(self._body[: self._limit])


def media_type(header: str) -> str:
    """The media type of a Content-Type header, HTML where it is empty. Raises PageRefused for what is no page."""
    kind = header.partition(";")[0].strip().lower() or "text/html"
    if kind not in TYPES:
        raise PageRefused("wrong_type", f"what stands there is {kind[:60]}")
    return kind


def decode(body: bytes, content_type: str) -> str:
    """The text: by its byte order mark, else the header, else the page's own <meta>, else UTF-8, else Windows-1252.

    Bytes that do not fit are replaced; NUL, which no database keeps, is left out.
    """
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace").replace("\x00", "")
    named = re.search(r"charset\s*=\s*[\"']?([\w:.-]+)", content_type, re.IGNORECASE)
    said = named[1] if named else ""
    if not said and (meta := _META.search(body[:2048])):
        said = meta[1].decode("ascii")
    if codec := _codec(said):
        return body.decode(codec, "replace").replace("\x00", "")
    try:
        return body.decode("utf-8").replace("\x00", "")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace").replace("\x00", "")


def _codec(label: str) -> str | None:
    """Python's codec for a charset label; None where it names none that turns bytes into text."""
    name = LABELS.get(label.lower(), label)
    try:
        found = codecs.lookup(name).name if name else ""
        b" ".decode(found or "utf-8")  # refuses the codecs that are not of text (zip, rot13…)
    except (LookupError, ValueError):
        return None
    return (
        None
        if found in {"utf-7", "punycode", "idna", "unicode_escape", "raw_unicode_escape", "mbcs"}
        else found or None
    )
