"""Keyset pages: a cursor names the last row seen, so a list that grows while it is read loses and repeats nothing."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from penstock.core.errors import InvalidInput

Item = TypeVar("Item")
_MAC_BYTES = 16


@dataclass(frozen=True)
class Position:
    """The last row of a page: the value it was sorted by, as text, and its id."""

    value: str
    id: str


class Page(BaseModel, Generic[Item]):
    """One page of a list. `next` is the cursor of the following page, null on the last."""

    items: list[Item]
    next: str | None = Field(default=None, description="Give it back as `cursor` to read on; null on the last page.")


def seal_cursor(secret: bytes, *, listing: str, at: Position) -> str:
    """The opaque cursor for the page after `at`. Signed, so that it can only be one that we gave for this `listing`."""
    body = json.dumps([at.value, at.id], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(secret, listing, body) + body).rstrip(b"=").decode()


def open_cursor(secret: bytes, *, listing: str, cursor: str) -> Position:
    """Where to read on. Raises InvalidInput for a cursor that we did not give for this listing and order."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not body or not hmac.compare_digest(mac, _mac(secret, listing, body)):
        raise InvalidInput("This cursor does not belong to this list and order. Start again without a cursor.")
    value, row_id = json.loads(body)
    return Position(value=value, id=row_id)


def _mac(secret: bytes, listing: str, body: bytes) -> bytes:
    return hmac.digest(secret, b"cursor\0" + listing.encode() + b"\0" + body, hashlib.sha256)[:_MAC_BYTES]
