"""How people use a web page: read the form, fill it in as themselves, send it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode, urljoin

from penstock.town.people import Person
from penstock.town.post import Post

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
SKIPPED: Final = ("submit", "image", "reset", "button", "file")


async def submit_form(post: Post, link: str, person: Person, email: str) -> tuple[bool, str]:
    """Open a page, fill in its first POST form and send it; (True, number typed) if the site answered with success.

    (False, …) where the page or the form is gone. Raises NotDelivered if the site is down.
    """
    page = await post.send("GET", link, follow_redirects=True)
    form = first_form(page.text) if page.is_success else None
    if form is None:
        return False, ""
    number = person.own_number().number
    fields = form.filled_in(name=person.name, email=email, number=number)
    target = urljoin(str(page.url), form.action) if form.action else str(page.url)
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    headers = {**FORM, "Origin": origin, **_cookies(page.headers.get_list("set-cookie"))}
    answer = await post.send("POST", target, body=urlencode(fields).encode(), headers=headers, follow_redirects=True)
    return answer.is_success, number


async def one_click(post: Post, link: str) -> bool:
    """Unsubscribe as a mail program does it (RFC 8058); True if the site took it."""
    answer = await post.send("POST", link, body=b"List-Unsubscribe=One-Click", headers=FORM)
    return answer.is_success


def _cookies(set_cookie: list[str]) -> dict[str, str]:
    pairs = [cookie.partition(";")[0] for cookie in set_cookie]
    return {"Cookie": "; ".join(pairs)} if pairs else {}


class Form:
    """The fields of one form, as far as people look at them."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: list[dict[str, str]] = []  # name, type, value, and "filled" for what the page says already
        self.button: tuple[str, str] | None = None

    def filled_in(self, *, name: str, email: str, number: str) -> list[tuple[str, str]]:
        """What a browser would send: hidden fields kept, own name, mail and number typed in, every box ticked."""
        sent: list[tuple[str, str]] = []
        chosen_radios: set[str] = set()
        for field in self.fields:
            label, kind = field["name"], field["type"]
            if kind in ("radio", "select") and label in chosen_radios:
                continue
            chosen_radios.add(label)
            sent.append((label, self._value(field, name=name, email=email, number=number)))
        return [*sent, self.button] if self.button else sent

    def _value(self, field: dict[str, str], *, name: str, email: str, number: str) -> str:
        label, kind = field["name"].lower(), field["type"]
        if kind in ("hidden", "radio", "select"):
            return field["value"]
        if kind == "checkbox":
            return field["value"] or "on"
        if kind == "tel" or "phone" in label:
            return f"({number[:3]}) {number[3:6]}-{number[6:]}"
        if kind == "email" or "email" in label:
            return email
        if kind == "textarea":
            return field["value"]
        if label.startswith("first"):
            return name.partition(" ")[0]
        return name.partition(" ")[2] if label.startswith("last") else name


def first_form(markup: str) -> Form | None:
    """The first form of a page that is sent by POST, or None."""
    reader = _FormReader()
    reader.feed(markup)
    reader.close()
    return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = self.form is None and found.get("method", "").lower() == "post"
            if self._inside:
                self.form = Form(found.get("action", ""))
        if not self._inside or self.form is None:
            return
        kind = found.get("type", "text" if tag == "input" else "submit").lower()
        if tag == "select":
            self._select = found.get("name", "")
        elif tag == "option" and self._select and found.get("value"):
            self.form.fields.append({"name": self._select, "type": "select", "value": found["value"]})
        elif tag in ("button", "input") and kind == "submit" and self.form.button is None and found.get("name"):
            self.form.button = (found["name"], found.get("value", ""))
        elif tag == "textarea" and found.get("name"):
            self.form.fields.append({"name": found["name"], "type": "textarea", "value": ""})
        elif tag == "input" and kind not in SKIPPED and found.get("name"):
            self.form.fields.append({"name": found["name"], "type": kind, "value": found.get("value", "")})

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag == "select":
            self._select = ""
