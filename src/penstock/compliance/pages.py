"""The pages people see.

Consent, receipt, unsubscribe. Plain HTML that needs no script; values are escaped on the way in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

LABELS = {
    "voice_ai": "Calls with an artificial or AI-generated voice",
    "sms": "Automated marketing texts",
    "voice_live": "Calls by a person",
    "email": "Marketing email",
}


def consent(
    *,
    seller: str,
    postal_address: str,
    text_html: str,
    language: str,
    channels: Sequence[str],
    token: str,
    form: str,
    shown_at: str,
    mark: str,
    revoke_url: str,
    errors: Sequence[str] = (),
    phone: str = "",
    name: str = "",
) -> str:
    """The consent page: who asks, the full text, one unticked box per channel, phone, typed name."""
    body = _fill(
        "consent",
        raw={
            "text": text_html,
            "boxes": "".join(_fill("box", channel=channel, label=LABELS[channel]) for channel in channels),
            "errors": _errors(errors),
        },
        seller=seller,
        postal_address=postal_address,
        token=token,
        form=form,
        shown_at=shown_at,
        mark=mark,
        revoke_url=revoke_url,
        phone=phone,
        name=name,
    )
    return _page(f"Your permission for {seller}", body, language)


def receipt(
    *, seller: str, captured_at: str, channels: Sequence[str], receipt: str, revoke_url: str, email: str, phone: str
) -> str:
    """What was recorded, and how to take it back."""
    items = "\n".join(f"<li>{escape(LABELS[channel])}</li>" for channel in channels)
    body = _fill(
        "receipt",
        raw={"channels": items},
        seller=seller,
        captured_at=captured_at,
        receipt=receipt,
        revoke_url=revoke_url,
        revoke_email=email,
        revoke_phone=phone,
    )
    return _page("Your permission is recorded", body)


def invalid() -> str:
    """The one page for every link that opens nothing, whatever the reason."""
    return _page("This link is no longer valid", _fill("invalid"))


def unsubscribe() -> str:
    """The page with the button; the same for a known and an unknown link."""
    return _page("Stop all messages?", _fill("unsubscribe"))


def unsubscribed() -> str:
    """What the button answers."""
    return _page("You will not hear from us again", _fill("unsubscribed"))


def damaged() -> str:
    """What the button answers on a link that names nobody: somebody who wants out must not believe to be out."""
    return _page("This link is damaged", _fill("damaged"))


@cache
def content_security_policy() -> str:
    """Nothing but our own style sheet, by its hash, and forms to ourselves."""
    digest = base64.b64encode(hashlib.sha256(_read("style.css").encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _errors(errors: Sequence[str]) -> str:
    if not errors:
        return ""
    items = "".join(f"<li>{escape(error)}</li>" for error in errors)
    return f'<div class="errors" role="alert"><p>Please correct this:</p><ul>{items}</ul></div>'


def _page(title: str, body: str, language: str = "en") -> str:
    return _fill("layout", raw={"body": body, "style": _read("style.css")}, title=title, language=language)


def _fill(template: str, raw: dict[str, str] | None = None, **values: str) -> str:
    """A template with escaped values, and `raw` parts that are HTML already."""
    escaped = {name: escape(value) for name, value in values.items()}
    return _read(f"{template}.html").format_map({**escaped, **(raw or {})})


@cache
def _read(name: str) -> str:
    return (files(__package__) / "pages" / name).read_text("utf-8")
