"""Inbound mail, bounces and complaints, whoever delivered them."""

import base64
import contextlib
import csv
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import InvalidInput
from penstock.replies.bounces import BounceKind, classify
from penstock.replies.inbound import parse_mime, parse_postmark

EMAIL = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared")) / "data/email"
TOKEN = "a" * 26

DSN = f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.town.example>
To: bounce+{TOKEN}@mail.acme.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn1@mx.town.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

I could not deliver your message.
--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.town.example

Final-Recipient: rfc822; Ruth@town.example
Action: {{action}}
Status: {{status}}
Diagnostic-Code: smtp; {{diagnostic}}
--b1
Content-Type: text/rfc822-headers

Message-ID: <{TOKEN}@mail.acme.example>
Subject: hello
--b1--
"""
ARF = f"""From: <fbl@isp.example>
To: bounce+{TOKEN}@mail.acme.example
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is a complaint.
--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
Version: 1
Original-Rcpt-To: <ruth@town.example>
--b1
Content-Type: message/rfc822

Message-ID: <{TOKEN}@mail.acme.example>
To: ruth@town.example

body
--b1--
"""


def dsn(action: str = "failed", status: str = "5.1.1", diagnostic: str = "550 5.1.1 user unknown") -> bytes:
    return DSN.format(action=action, status=status, diagnostic=diagnostic).encode()


def test_a_persons_reply_is_read_whole() -> None:
    inbound = parse_mime(
        b"From: =?utf-8?q?Ruth_M=C3=B6ss?= <Ruth@Town.example>\r\nTo: reply+x@mail.acme.example\r\n"
        b"Message-ID: <m1@town.example>\r\n"
        b"In-Reply-To: <t1@mail.acme.example>\r\nReferences: <t0@mail.acme.example>\r\n"
        b" <t1@mail.acme.example>\r\nSubject: Re: home\r\n"
        b"\r\nYes!\r\n\r\n> old\r\n"
    )
    assert (inbound.sender, inbound.message_id, inbound.text) == ("ruth@town.example", "<m1@town.example>", "Yes!")
    assert inbound.in_reply_to == "<t1@mail.acme.example>"
    assert inbound.references == ("<t0@mail.acme.example>", "<t1@mail.acme.example>")
    assert inbound.recipients == ("reply+x@mail.acme.example",)
    assert not inbound.automatic and not inbound.bounces and inbound.complaint is None


@pytest.mark.parametrize("charset", [b"x-nobody-knows", b'"utf-8\x00"'])
def test_a_strange_charset_is_read_as_well_as_can_be(charset: bytes) -> None:
    raw = b"From: a@b.example\nContent-Type: text/plain; charset=" + charset + b"\n\ncaf\xc3\xa9 yes"
    assert parse_mime(raw).text == "café yes"


def test_postmark_json_and_raw_mime_of_the_same_mail_read_alike() -> None:
    payload = {
        "From": "ruth@town.example",
        "FromFull": {"Email": "ruth@town.example", "Name": "Ruth", "MailboxHash": ""},
        "To": f'"Carlos" <reply+{TOKEN}@mail.acme.example>',
        "OriginalRecipient": f"reply+{TOKEN}@mail.acme.example",
        "Subject": "Re: home",
        "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
        "TextBody": "Yes!\n\n> old",
        "Headers": [
            {"Name": "Message-ID", "Value": "<m1@town.example>"},
            {"Name": "In-Reply-To", "Value": "<t1@mail.acme.example>"},
            {"Name": "Auto-Submitted", "Value": "no"},
        ],
    }
    mime = (
        f'From: ruth@town.example\nTo: "Carlos" <reply+{TOKEN}@mail.acme.example>\n'
        f"Delivered-To: reply+{TOKEN}@mail.acme.example\n"
        "Subject: Re: home\nMessage-ID: <m1@town.example>\nIn-Reply-To: "
        "<t1@mail.acme.example>\nAuto-Submitted: no\n\nYes!\n\n> old"
    )
    ours, theirs = parse_postmark(payload), parse_mime(mime.encode())
    for field in ("sender", "recipients", "message_id", "in_reply_to", "subject", "text", "automatic"):
        assert getattr(ours, field) == getattr(theirs, field), field


@pytest.mark.parametrize("payload", [{}, {"Headers": "x"}, {"From": "a@b.example", "Headers": [{"Name": "x"}]}])
def test_a_body_that_is_no_mail_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        parse_postmark(payload)
    with pytest.raises(InvalidInput):
        parse_mime(b"")


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "kind"),
    [
        ("failed", "5.1.1", "550 5.1.1 user unknown", BounceKind.HARD),
        ("failed", "5.2.1", "550 5.2.1 mailbox disabled", BounceKind.HARD),
        ("failed", "5.0.0", "550 no such user here", BounceKind.HARD),
        ("failed", "5.2.2", "552 5.2.2 mailbox full", BounceKind.SOFT),
        ("failed", "4.4.1", "connection timed out", BounceKind.SOFT),
        ("delayed", "4.0.0", "will keep trying", BounceKind.SOFT),
        ("failed", "5.7.26", "550 5.7.26 unauthenticated email", BounceKind.SENDER),
        ("failed", "5.0.0", "550 blocked using spamhaus", BounceKind.SENDER),
        ("failed", "5.0.0", "", BounceKind.SOFT),
    ],
)
def test_a_delivery_report_is_hard_soft_or_about_the_sender(
    action: str, status: str, diagnostic: str, kind: BounceKind
) -> None:
    inbound = parse_mime(dsn(action, status, diagnostic))
    (bounce,) = inbound.bounces
    assert (bounce.recipient, bounce.kind) == ("ruth@town.example", kind)
    assert inbound.automatic and inbound.original_id == f"<{TOKEN}@mail.acme.example>"


def test_a_delivered_report_is_no_bounce() -> None:
    assert parse_mime(dsn("delivered", "2.0.0", "250 ok")).bounces == ()


def test_a_complaint_report_names_the_recipient() -> None:
    inbound = parse_mime(ARF.encode())
    assert inbound.complaint and inbound.complaint.recipient == "ruth@town.example"
    assert inbound.complaint.feedback_type == "abuse"
    assert inbound.original_id == f"<{TOKEN}@mail.acme.example>"


def test_a_bounce_that_came_through_postmark_is_still_a_bounce() -> None:
    status = "Final-Recipient: rfc822; ruth@town.example\nAction: failed\nStatus: 5.1.1\n"
    payload = {
        "From": "MAILER-DAEMON@mx.town.example",
        "To": f"bounce+{TOKEN}@mail.acme.example",
        "Subject": "Undelivered Mail",
        "TextBody": "sorry",
        "Headers": [],
        "Attachments": [
            {
                "Name": "details.txt",
                "ContentType": "message/delivery-status",
                "Content": base64.b64encode(b"Reporting-MTA: dns; x\n\n" + status.encode()).decode(),
            }
        ],
    }
    inbound = parse_postmark(payload)
    assert [bounce.kind for bounce in inbound.bounces] == [BounceKind.HARD]


def test_a_plain_text_bounce_of_an_old_mailer_is_read() -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example\nTo: bounce@mail.acme.example\nSubject: failure notice\n\n"
        b"Hi. This is the qmail-send program.\n"
        b"<ruth@town.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of "
        b"the message.\n\nstop\n"
    )
    assert [(b.recipient, b.kind) for b in parse_mime(raw).bounces] == [("ruth@town.example", BounceKind.HARD)]


def test_a_person_who_writes_about_failure_is_not_a_mailer() -> None:
    raw = b"From: ruth@town.example\nReturn-Path: <ruth@town.example>\nSubject: delivery failed\n\n550 no such user!"
    assert parse_mime(raw).bounces == ()


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        parse_mime(b"From: a@b.example\n" + raw)


@given(st.from_regex(r"[245]\.\d{1,2}\.\d{1,2}", fullmatch=True), st.text(max_size=60))
def test_trouble_with_our_own_standing_never_costs_an_address(status: str, words: str) -> None:
    if status.startswith("5.7."):
        assert classify(status, words) is BounceKind.SENDER
    if status.startswith("4."):
        assert classify(status, words) is BounceKind.SOFT


@pytest.mark.skipif(not EMAIL.is_dir(), reason=f"LOUD SKIP: {EMAIL} is absent; real bounces not checked")
def test_real_bounces_of_sixty_mail_systems_are_sorted(capsys: pytest.CaptureFixture[str]) -> None:
    labels = defaultdict(list)
    with (EMAIL / "dsn_sisimai_labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels[row["file"]].append(row)
    right, total = Counter[str](), Counter[str]()
    for file, recipients in labels.items():
        inbound = parse_mime((EMAIL / "dsn_sisimai" / file).read_bytes())
        for index, row in enumerate(recipients):
            if row["reason"] == "feedback":
                total["complaint"] += 1
                right["complaint"] += inbound.complaint is not None
            elif row["reason"] == "vacation":
                total["vacation"] += 1
                right["vacation"] += inbound.automatic and not inbound.bounces
            elif row["reason"] not in ("", "delivered"):
                total["bounce read"] += 1
                right["bounce read"] += bool(inbound.bounces)
                if inbound.bounces:
                    paired = inbound.bounces[index] if len(inbound.bounces) == len(recipients) else inbound.bounces[0]
                    total["hard or not"] += 1
                    right["hard or not"] += (paired.kind is BounceKind.HARD) == (row["hard_bounce"] == "1")
                    # A mailbox that is full or a sender that is blocked must not lose its address for ever.
                    innocent = row["smtp_status"].startswith("5.7.")
                    total["innocent kept"] += innocent
                    right["innocent kept"] += innocent and paired.kind is not BounceKind.HARD
    with capsys.disabled():
        print("\nbounces: " + ", ".join(f"{name} {right[name]}/{total[name]}" for name in total))
    assert right["bounce read"] / total["bounce read"] >= 0.95
    assert right["hard or not"] / total["hard or not"] >= 0.82
    assert right["complaint"] / total["complaint"] >= 0.8
    assert right["innocent kept"] / total["innocent kept"] >= 0.95


@pytest.mark.skipif(not EMAIL.is_dir(), reason=f"LOUD SKIP: {EMAIL} is absent; old bounces not checked")
def test_old_and_odd_bounces_mostly_name_the_failed_address() -> None:
    with (EMAIL / "dsn_flufl_labels.csv").open(encoding="utf-8", newline="") as file:
        labelled = [row for row in csv.DictReader(file) if row["failed_addresses"]]
    found = sum(
        any(
            bounce.recipient in row["failed_addresses"].lower()
            for bounce in parse_mime((EMAIL / "dsn_flufl" / row["file"]).read_bytes()).bounces
            if bounce.recipient
        )
        for row in labelled
    )
    assert found / len(labelled) >= 0.65
