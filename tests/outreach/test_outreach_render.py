"""What an email says and how it looks on the wire."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.compliance import lint
from penstock.core.errors import InvalidInput
from penstock.outreach.message import WIRE, Envelope, build, token_for, token_in, tokens_in_ids
from penstock.outreach.render import check, render
from penstock.playbook import Persona
from penstock.playbooks.equity import PLAYBOOK

TEMPLATES = PLAYBOOK.templates
STEPS = (*(step.template for step in PLAYBOOK.sequence), PLAYBOOK.reply_template)
KEY = b"k" * 32
AT = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)


def values(**changes: Any) -> dict[str, Any]:
    return {
        "provenance": PLAYBOOK.provenance["vendor"],
        "first_name": "Ruth",
        "city": "Tampa",
        "street": "12 Palm Ave",
        "thread_subject": "A question",
        "persona": vars(PLAYBOOK.personas[0]),
        "broker": {"name": "Dana Brooks"},
        "seller": {"legal_name": "Acme Home Equity LLC", "postal_address": "1 Main St, Tampa, FL 33602"},
        "links": {
            "consent": "https://p.example/consent/abc",
            "booking": "https://c.example/dana",
            "unsubscribe": "https://p.example/u/x",
        },
        **changes,
    }


def envelope(**changes: Any) -> Envelope:
    given: dict[str, Any] = {
        "recipient": "ruth@town.example",
        "recipient_name": "Ruth Moss",
        "from_name": "Carlos Rivera, Acme Home Equity LLC",
        "from_local": "carlos",
        "domain": "mail.acme.example",
        "token": token_for(KEY, 1, "7", 1),
        "sent_at": AT,
        "unsubscribe_url": "https://p.example/unsubscribe/" + "t" * 200,
    }
    return Envelope(**{**given, **changes})


@pytest.mark.parametrize("step", STEPS)
def test_every_email_says_where_the_address_came_from_that_it_is_an_advertisement_and_how_to_leave(step: str) -> None:
    mail = render(TEMPLATES, step, values())
    assert mail.text.startswith(PLAYBOOK.provenance["vendor"])
    for part in (mail.text, mail.html):
        assert "advertisement from Acme Home Equity LLC, 1 Main St, Tampa, FL 33602" in part
        assert "https://p.example/u/x" in part
        assert "https://p.example/consent/abc" in part and "https://c.example/dana" in part
    assert mail.html.index(PLAYBOOK.provenance["vendor"]) < mail.html.index("Ruth")


@pytest.mark.parametrize("step", STEPS)
def test_no_email_of_the_playbook_breaks_the_rules_for_cold_offers_to_older_owners(step: str) -> None:
    mail = render(TEMPLATES, step, values())
    findings = lint.email(
        lint.Email(
            from_name="Carlos Rivera, Acme Home Equity LLC",
            from_address="carlos@mail.acme.example",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            unsubscribe_url="https://p.example/u/x",
            reply_to_known=step == PLAYBOOK.reply_template,
            cold=step != PLAYBOOK.reply_template,
            senior=True,
        ),
        lint.Seller(
            names=frozenset({"Acme Home Equity LLC"}),
            domains=frozenset({"mail.acme.example"}),
            postal_address="1 Main St, Tampa, FL 33602",
        ),
    )
    assert findings == []


@pytest.mark.parametrize("persona", PLAYBOOK.personas, ids=lambda persona: persona.name)
def test_every_persona_signs(persona: Persona) -> None:
    mail = render(TEMPLATES, "step1", values(persona=vars(persona)))
    assert f"{persona.signature}\n{persona.role}, Acme" in mail.text
    assert f"{persona.name}<br>" in unescape(mail.html)


def test_a_name_with_markup_is_escaped_in_html_and_left_alone_in_text() -> None:
    mail = render(TEMPLATES, "step1", values(first_name="<b>Bobby</b>"))
    assert "<b>Bobby" in mail.text
    assert "&lt;b&gt;Bobby" in mail.html and "<b>Bobby" not in mail.html
    assert "&lt;p&gt;" not in mail.html


def test_a_missing_value_is_an_error_that_names_the_template() -> None:
    incomplete = values()
    del incomplete["city"]
    with pytest.raises(InvalidInput, match=r"step1\.subject\.liquid"):
        render(TEMPLATES, "step1", incomplete)


def test_a_missing_template_is_named_before_anything_is_sent() -> None:
    with pytest.raises(InvalidInput, match=r"step9\.subject\.liquid"):
        check(TEMPLATES, "step9")
    check(TEMPLATES, "step1")


def test_the_headers_of_a_first_message_are_what_mailbox_providers_ask_for() -> None:
    raw = build(render(TEMPLATES, "step1", values()), envelope()).as_bytes(policy=WIRE)
    lines = raw.decode("ascii").split("\r\n\r\n")[0].split("\r\n")
    token = envelope().token
    assert (
        f"List-Unsubscribe: <https://p.example/unsubscribe/{'t' * 200}>, "
        f"<mailto:unsubscribe+{token}@mail.acme.example?subject=unsubscribe>" in lines
    )
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    message = message_from_bytes(raw, policy=default)
    assert message["From"].addresses[0].display_name == "Carlos Rivera, Acme Home Equity LLC"
    assert message["Message-ID"] == f"<{token}@mail.acme.example>"
    assert message["Date"] == "Mon, 30 Nov 2026 17:00:00 +0000"
    assert message["In-Reply-To"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "https://p.example/consent/abc" in message.get_body(("plain",)).get_content()


def test_later_steps_hang_on_the_thread_of_the_first() -> None:
    thread = ["<a@mail.acme.example>", "<b@mail.acme.example>"]
    message = build(render(TEMPLATES, "step3", values()), envelope(references=thread))
    assert message["In-Reply-To"] == "<b@mail.acme.example>"
    assert message["References"] == "<a@mail.acme.example> <b@mail.acme.example>"


def test_an_automatic_answer_says_that_it_is_one() -> None:
    message = build(render(TEMPLATES, PLAYBOOK.reply_template, values()), envelope(automatic=True))
    assert message["Auto-Submitted"] == "auto-replied"


@pytest.mark.parametrize("field", ["recipient_name", "from_name"])
def test_a_line_break_in_a_name_cannot_add_a_header(field: str) -> None:
    with pytest.raises(InvalidInput):
        build(render(TEMPLATES, "step1", values()), envelope(**{field: "Ruth\r\nBcc: all@town.example"}))


def test_the_same_step_has_the_same_message_id_and_another_step_another() -> None:
    assert token_for(KEY, 1, "7", 1) == token_for(KEY, 1, "7", 1)
    distinct = {token_for(KEY, org, sub, step) for org in (1, 2) for sub in ("7", "71") for step in (1, 11)}
    assert len(distinct) == 8
    assert token_for(b"x" * 32, 1, "7", 1) != token_for(KEY, 1, "7", 1)


@given(st.binary(min_size=1, max_size=40), st.integers(1, 99), st.text(max_size=30), st.integers(1, 9))
def test_a_token_survives_every_address_it_is_put_into(key: bytes, org: int, subject: str, step: int) -> None:
    token = token_for(key, org, subject, step)
    for local in ("reply", "bounce", "unsubscribe"):
        assert token_in(f"<{local}+{token.upper()}@mail.acme.example>") == token
    assert tokens_in_ids(f"<other@x.example> <{token}@mail.acme.example>") == [token]
    assert token_in(f"someone+{token}@mail.acme.example") is None
