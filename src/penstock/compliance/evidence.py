"""The proof of a written consent: which facts it takes, and whether a record holds them all.

A record that lacks one of them makes the consent unusable (16 CFR 310.5 asks for name, number, the request as shown,
purpose, the consent given and its date; the rest is what a court asks next). A fact that does not exist is said in
words, never left out: a page opened without a referrer has `"referrer": "none"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REQUIRED = (
    "consent_id",
    "seller_id",
    "seller_legal_name",
    "purpose",
    "person_name",
    "phone",
    "email",
    "channels",
    "boxes",
    "text_version",
    "text_sha256",
    "page_html",
    "page_sha256",
    "language",
    "page_url",
    "build_id",
    "signature",
    "signature_method",
    "server_time",
    "client_time",
    "ip",
    "proxies",
    "user_agent",
    "session_id",
    "referrer",
    "token_id",
    "code_check",
    "esign_disclosure_version",
    "geo_guess",
    "previous_consents",
    "ledger_seq",
)
# Lists that say something by being empty.
MAY_BE_EMPTY = frozenset({"previous_consents", "proxies"})


def missing(record: Mapping[str, Any]) -> list[str]:
    """The facts a record lacks; an empty list makes it complete."""
    return [name for name in REQUIRED if not _holds(name, record.get(name))]


def boxes(
    offered: tuple[str, ...], ticked: frozenset[str], *, shown_at: str, sent_at: str
) -> dict[str, dict[str, str]]:
    """One box per channel with its state when the page was shown and when the form was sent, each with its time."""
    return {
        channel: {
            "initial": "unchecked",
            "initial_at": shown_at,
            "final": "checked" if channel in ticked else "unchecked",
            "final_at": sent_at,
        }
        for channel in offered
    }


def _holds(name: str, value: Any) -> bool:
    if name in MAY_BE_EMPTY:
        return isinstance(value, list)
    if name == "channels":
        return isinstance(value, list) and bool(value)
    if name == "boxes":
        states = {"initial", "initial_at", "final", "final_at"}
        return isinstance(value, dict) and bool(value) and all(states <= box.keys() for box in value.values())
    return value is not None and str(value).strip() != ""
