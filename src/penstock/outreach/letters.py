"""One email, from what is known of a lead to bytes for the mail server. No database, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock import compliance
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.errors import InvalidInput
from penstock.outreach.message import WIRE, Envelope, build
from penstock.outreach.render import render, words
from penstock.playbook import Persona, Playbook

SENIOR_FROM = 62  # MAP-02
PROVENANCE = {
    "vendor": "We found your name in public records and your email address through a licensed contact-data service.",
    "file": "Your name and email address came to us with a list of public records that we licensed.",
    "person": "You gave us this email address yourself.",
    "reply": "You are getting this email because you answered ours.",
}
"""Where an address came from, in words for the person; a playbook has its own, also by the name of a source."""


@dataclass(frozen=True)
class Links:
    """Where a message leads: our consent page, the broker's calendar, the way out, the report if there is one."""

    consent: str
    booking: str
    unsubscribe: str
    report: str | None = None


@dataclass(frozen=True)
class Letter:
    """A finished email. `reasons` are what the lint of the compliance sheet finds in it, for the gate to judge."""

    message_id: str
    in_reply_to: str | None
    return_path: str
    recipient: str
    subject: str
    text: str
    raw: bytes
    reasons: frozenset[str]


def compose(
    ctx: Context,
    addressee: Mapping[str, Any],
    *,
    recipient: str,
    template: str,
    persona_name: str,
    token: str,
    links: Links,
    thread: Sequence[str] = (),
    answers: str | None = None,
) -> Letter:
    """The email of a template to an addressee (a row of the query `addressees`).

    `thread` are the Message-IDs it follows, oldest first. `answers` is the subject of the mail that an automatic answer
    replies to. Raises InvalidInput when a template or a name does not do.
    """
    playbook = ctx.playbooks[addressee["playbook"]]
    persona = find_persona(playbook, persona_name)
    values = {
        **_values(addressee, persona, links),
        "provenance": provenance(playbook, addressee, reply=answers is not None),
        "thread_subject": re.sub(r"^(?:\s*re\s*:)+\s*", "", answers or "", flags=re.IGNORECASE),
    }
    mail = render(playbook.templates, template, values)
    envelope = Envelope(
        recipient=recipient,
        recipient_name="",
        from_name=f"{persona.name}, {addressee['legal_name']}",
        from_local=re.sub(r"[^a-z]", "", persona.name.split()[0].lower()) or "hello",
        domain=addressee["from_domain"],
        token=token,
        sent_at=clock.now(),
        # An answer to one person is no mailing: the way out stands in its text, not in the list headers.
        unsubscribe_url=None if answers is not None else links.unsubscribe,
        references=thread,
        automatic=answers is not None,
    )
    findings = compliance.lint.email(
        compliance.lint.Email(
            from_name=envelope.from_name,
            from_address=f"{envelope.from_local}@{envelope.domain}",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            unsubscribe_url=links.unsubscribe,
            reply_to_known=bool(thread),
            cold=answers is None and addressee["provenance"] != "person",
            senior=(addressee["age"] or 0) >= SENIOR_FROM,
        ),
        compliance.lint.Seller(
            names=frozenset({addressee["legal_name"], addressee["org_name"]}),
            domains=frozenset({addressee["from_domain"]}),
            postal_address=addressee["postal_address"],
        ),
    )
    return Letter(
        message_id=envelope.message_id,
        in_reply_to=thread[-1] if thread else None,
        return_path=envelope.return_path,
        recipient=recipient,
        subject=mail.subject,
        text=mail.text,
        raw=build(mail, envelope).as_bytes(policy=WIRE),
        reasons=compliance.lint.reasons(findings),
    )


def script(
    playbook: Playbook, addressee: Mapping[str, Any], *, template: str, persona_name: str, links: Links
) -> tuple[str, str, frozenset[str]]:
    """What a person is to send or say: (what to do, the words, what the lint finds in them).

    Raises InvalidInput when a template does not do.
    """
    subject, text = words(playbook.templates, template, _values(addressee, find_persona(playbook, persona_name), links))
    lint = compliance.lint
    findings = lint.reasons(lint.claims(text))
    named = lint.normalise(addressee["legal_name"]) in lint.normalise(text)
    return subject, text, findings if named else findings | {lint.MISSING}


def _values(addressee: Mapping[str, Any], persona: Persona, links: Links) -> dict[str, Any]:
    """What every template may say of the addressee."""
    return {
        "first_name": first_name(addressee),
        "full_name": proper(addressee["full_name"]) or first_name(addressee),
        "title": addressee["title"] or "",
        "city": proper(addressee["city"]) or "your area",
        "street": proper(addressee["address_line1"]) or "your street",
        "company": {
            "name": addressee["company_name"] or addressee["company"] or "your company",
            "renewal_month": addressee["renewal_month"] or "",
        },
        "persona": vars(persona),
        "broker": {"name": addressee["broker_name"] or addressee["org_name"]},
        "seller": {"legal_name": addressee["legal_name"], "postal_address": addressee["postal_address"]},
        "links": vars(links),
    }


def provenance(playbook: Playbook, addressee: Mapping[str, Any], *, reply: bool = False) -> str:
    """The first line of every message: where the address came from (compliance sheet EM-07), by its source where the
    playbook has words for it, else by its kind."""
    words = PROVENANCE | dict(playbook.provenance)
    return words["reply"] if reply else words.get(addressee["source"]) or words[addressee["provenance"]]


def find_persona(playbook: Playbook, name: str) -> Persona:
    """The persona of that name; the first one when it has left the playbook since. Raises InvalidInput when there is
    none."""
    if not playbook.personas:
        raise InvalidInput(f"playbook {playbook.name} has no persona")
    return next((persona for persona in playbook.personas if persona.name == name), playbook.personas[0])


def first_name(addressee: Mapping[str, Any]) -> str:
    """How the email greets: the given name as people write it; "there" for companies and unknown names."""
    if addressee["contact_kind"] == "company":
        return "there"
    return proper(addressee["first_name"]) or "there"


def proper(words: str | None) -> str:
    """RUTH ANN and ruth ann as Ruth Ann; anything in mixed case as it is."""
    clean = " ".join((words or "").split())
    return clean.title() if clean.isupper() or clean.islower() else clean
