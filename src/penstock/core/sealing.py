"""Sealed personal data: AES-SIV under a key per org that only the application holds.

Deterministic, so the database can compare, deduplicate and index sealed values and can never read them.
A sealed value is `s<key version>.<base64url>`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from penstock.core.errors import NotConfigured

_SEALED = re.compile(r"^s(\d+)\.([A-Za-z0-9_-]+)$")


def derive(master: bytes, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose, out of the master key (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=length, salt=b"penstock", info=purpose.encode()).derive(master)


def is_sealed(value: str) -> bool:
    """True for a value in sealed form."""
    return bool(_SEALED.match(value))


class Sealer:
    """Seals and opens values of any org, under every key version that is still alive."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys`: 32-byte master keys by version; the highest version seals."""
        if not keys:
            raise NotConfigured("no master key", fix="set PENSTOCK_MASTER_KEY")
        self._keys = dict(keys)
        self.current = max(self._keys)
        self._cipher = lru_cache(maxsize=4096)(self._make_cipher)

    def _make_cipher(self, version: int, org_id: int) -> AESSIV:
        return AESSIV(derive(self._keys[version], f"sealing/{org_id}", 64))

    def seal_bytes(self, org_id: int, plain: bytes) -> bytes:
        """Sealed bytes of the current version: one version byte, then the cipher text."""
        return bytes([self.current]) + self._cipher(self.current, org_id).encrypt(plain, None)

    def open_bytes(self, org_id: int, sealed: bytes) -> bytes:
        """The plain bytes. Raises ValueError if the key is gone or the bytes were altered."""
        return self._open(sealed[0], org_id, sealed[1:])

    def seal(self, org_id: int, plain: str, version: int | None = None) -> str:
        """`s1.…` of a text; the same text gives the same sealed value."""
        v = version or self.current
        return f"s{v}." + base64.urlsafe_b64encode(
            self._cipher(v, org_id).encrypt(plain.encode(), None)
        ).decode().rstrip("=")

    def open(self, org_id: int, sealed: str) -> str:
        """The plain text. A value that is not sealed is given back as it is.

        Raises ValueError on a lost key or an altered value.
        """
        match = _SEALED.match(sealed)
        if not match:
            return sealed
        data = base64.urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4))
        return self._open(int(match[1]), org_id, data).decode()

    def forms(self, org_id: int, plain: str) -> list[str]:
        """The sealed values that `plain` may have in the database, newest key first.

        Look-ups during a rotation need all.
        """
        return [self.seal(org_id, plain, version) for version in sorted(self._keys, reverse=True)]

    def secret(self, purpose: str) -> bytes:
        """32 bytes for another purpose: tokens, cursors, signatures.

        From the oldest key, so that a rotation does not void them.
        """
        return derive(self._keys[min(self._keys)], purpose)

    def _open(self, version: int, org_id: int, data: bytes) -> bytes:
        if version not in self._keys:
            raise ValueError(f"sealed under key version {version}, which is not loaded")
        try:
            return self._cipher(version, org_id).decrypt(data, None)
        except InvalidTag:
            raise ValueError("sealed value was altered or belongs to another org") from None
