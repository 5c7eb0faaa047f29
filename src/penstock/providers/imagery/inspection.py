"""Is this a picture? What a source sends is looked at before anybody pays a model to look at it."""

import io
from typing import Final

from PIL import Image as Pillow

from penstock.core.errors import ProviderBusy, ProviderError, ProviderRefused
from penstock.core.http import ProviderUnclear

MAX_BYTES: Final = 1_000_000
MAX_PIXELS: Final = 4_000_000  # more than this is not decoded: a small file may claim a huge picture
BLANK: Final = 6  # levels of grey, out of 255, that an empty tile may differ by
_MEDIA: Final = {"JPEG": "image/jpeg", "PNG": "image/png"}
_BROKEN: Final = (
    OSError, SyntaxError, ValueError, Pillow.DecompressionBombError, Pillow.DecompressionBombWarning,
)  # fmt: skip


def inspect(vendor: str, content: bytes, size: tuple[int, int], *, paid: bool) -> str | None:
    """The media type of a sound picture of that size; None for one that shows nothing (black, white, one colour).

    Raises ProviderRefused for a web page or JSON in its place. A damaged picture (cut off, of another size, too large)
    is ProviderUnclear where it may have cost something, so that it is not bought again, and else ProviderRefused.
    """
    if what := _words(content):
        raise ProviderRefused(f"{vendor} answered with {what} where a picture was asked for")
    if len(content) > MAX_BYTES:
        raise _damaged(vendor, f"{len(content):,} bytes, more than {MAX_BYTES:,}", paid=paid)
    try:
        with Pillow.open(io.BytesIO(content), formats=tuple(_MEDIA)) as head:
            found, kind = head.size, head.format or ""
            if found[0] * found[1] > MAX_PIXELS:
                raise ValueError(f"{found[0]} x {found[1]} pixels")
            head.verify()
        with Pillow.open(io.BytesIO(content), formats=tuple(_MEDIA)) as picture:
            darkest, brightest = picture.convert("L").getextrema()
    except _BROKEN as error:
        raise _damaged(vendor, _reason(error), paid=paid) from error
    if found != size:
        raise _damaged(vendor, f"{found[0]} x {found[1]} pixels, not {size[0]} x {size[1]}", paid=paid)
    return None if _level(brightest) - _level(darkest) <= BLANK else _MEDIA[kind]


def free(error: ProviderError) -> ProviderError:
    """The same trouble with a source that costs nothing: there is no doubt about money, so it may be asked again."""
    if isinstance(error, ProviderUnclear):
        return ProviderBusy(error.detail, retry_after_s=error.retry_after_s)
    return error


def _words(content: bytes) -> str | None:
    """What text in place of a picture is; None where it is no text."""
    start = content[:200].lstrip().lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "a web page"
    return "JSON" if start.startswith((b"{", b"[")) else None


def _damaged(vendor: str, reason: str, *, paid: bool) -> ProviderError:
    kind = ProviderUnclear if paid else ProviderRefused
    return kind(f"{vendor} sent a picture that cannot be used: {reason}")


def _reason(error: BaseException) -> str:
    said = str(error).lower()
    if "truncated" in said or "broken" in said or "incomplete" in said:
        return "it is cut off"
    if "pixels" in said:
        return "it claims to be too large"
    return "it is neither JPEG nor PNG" if "identify" in said else "it cannot be decoded"


def _level(value: object) -> int:
    assert isinstance(value, int)  # one band
    return value
