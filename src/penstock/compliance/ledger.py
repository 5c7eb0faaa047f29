"""The hash chain that shows whether a kept decision was changed afterwards (the rule sheet's AUD-01). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.compliance.facts import canonical

GENESIS = bytes(32)


def link(previous: bytes, number: int, entry: Mapping[str, Any]) -> bytes:
    """The hash of entry `number` (from 1), given the hash of the entry before it (GENESIS before the first)."""
    body = hashlib.sha256(canonical(entry).encode()).digest()
    return hashlib.sha256(b"ledger.v1\0" + number.to_bytes(8, "big") + previous + body).digest()


def chain(entries: Iterable[Mapping[str, Any]], *, previous: bytes = GENESIS, first: int = 1) -> Iterator[bytes]:
    """The hash of each entry in turn."""
    for number, entry in enumerate(entries, first):
        previous = link(previous, number, entry)
        yield previous
