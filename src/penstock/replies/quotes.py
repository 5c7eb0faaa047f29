"""What a person newly wrote: quoted mail, forwarded headers and signatures taken off a plain-text body."""

from __future__ import annotations

import re

_PHONE = (
    r"(?:i ?phone|i ?pad|android|blackberry|samsung|galaxy|mobile|windows phone|t-mobile|verizon|nokia|at&t|yahoo"
    r"|outlook|mail|cell ?phone)"
)
_INTRO = (
    # "On Tue, 1 Dec 2026 at 10:02, Carlos <…> wrote:" on one line or broken over a few.
    re.compile(r"(?ms)^[ \t>]*On\b(?:(?!^[ \t>]*On\b).){0,400}?\bwrote\s*:?[ \t]*$"),
    re.compile(r"(?m)^[ \t>]*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.{0,60}<?[^\s<>]+@[^\s<>]+>?\s*:?[ \t]*$"),
    re.compile(r"(?m)^[ \t]*[^\n<>]{0,80}<[^\s<>]+@[^\s<>]+>\s+(?:wrote|schrieb|a écrit|escribió)\s*:?[ \t]*$"),
    re.compile(
        r"(?ms)^[ \t>]*(?:Le|El|Am|Em|Den)\b.{0,300}?\b(?:a écrit|escribió|schrieb|escreveu|skrev)\b.{0,80}?:[ \t]*$"
    ),
    re.compile(
        r"(?mi)^[ \t>]*-{2,}\s*(?:original message|forwarded message|original appointment|mensaje original"
        r"|reply above)\b.*$"
    ),
    re.compile(r"(?mi)^[ \t>]*begin forwarded message\s*:?[ \t]*$"),
    re.compile(r"(?mi)^[ \t]*(?:#{2,}|-{2,})?\s*(?:please )?(?:reply|write|type) above th(?:is|e) line.*$"),
    re.compile(r"(?m)^[ \t]*_{10,}[ \t]*$"),
    re.compile(
        r"(?m)^[ \t]*\*?(?:From|De|Von)\*?\s*:.*\n(?:.*\n){0,2}?[ \t]*\*?(?:Sent|Date|To|Subject|Enviado"
        r"|Gesendet)\*?\s*:"
    ),
)
_SIGNATURE = (
    re.compile(r"(?m)^[ \t]*--[ \t]*$"),
    re.compile(r"(?m)^[ \t]*[-_]{3,}[ \t]*$"),
    re.compile(rf"(?mi)^[ \t]*(?:sent|get outlook|composed)\b.{{0,30}}\b{_PHONE}\b.{{0,60}}$"),
    re.compile(r"(?mi)^[ \t]*sent (?:from|with|via) .{2,60}$"),
)
_CLOSING = re.compile(
    r"(?i)^[ \t]*(?:best|thanks|thank you|many thanks|regards|(?:kind|best|warm|warmest) (?:regards|wishes)|sincerely"
    r"|cheers|yours truly|respectfully|thx)[ \t]*[,.!-]*[ \t]*$"
)


def new_text(body: str) -> str:
    """The new words of a plain-text reply, without quotes below or between and without the signature.

    Text that a person wrote between or under quoted lines is kept: an answer at the bottom counts like one at the top.
    """
    text = body.replace("\r\n", "\n").replace("\xa0", " ").replace("\u200b", "")
    while matches := [match for pattern in _INTRO if (match := pattern.search(text))]:
        first = min(matches, key=lambda match: match.start())
        rest = text[first.end() :]
        # Below an introduction without ">" marks everything is old (Outlook, phones); with marks only the marked lines.
        text = text[: first.start()] + (rest if _marked(rest) else "")
    lines = [line for line in text.split("\n") if not line.lstrip().startswith(">")]
    text = "\n".join(lines).strip()
    cut = [match.start() for pattern in _SIGNATURE if (match := pattern.search(text))]
    if cut:
        text = text[: min(cut)]
    return _without_closing(text.strip())


def _marked(rest: str) -> bool:
    first = next((line for line in rest.split("\n") if line.strip()), "")
    return first.lstrip().startswith(">")


def _without_closing(text: str) -> str:
    """Cuts at a line like "Best regards," when only a few short lines (name, title, phone) follow and words stand above
    it."""
    lines = text.split("\n")
    for index in range(1, len(lines)):
        tail = [line for line in lines[index + 1 :] if line.strip()]
        if _CLOSING.match(lines[index]) and len(tail) <= 6 and all(len(line) < 60 for line in tail):
            return "\n".join(lines[:index]).strip()
    return text
