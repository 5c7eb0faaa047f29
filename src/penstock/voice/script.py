"""What the assistant says first: the blocks of TCPA-07 in their order, with the strictest state overlays always on.

The order is IDENTIFY, AI_AND_OPTOUT, RECORDING_NOTICE, PURPOSE; then the dialogue is the assistant's. The engine owns
every word up to the purpose; a playbook gives only the purpose. Sources: 47 CFR 64.1200(b), Cal. Pub. Util. Code 2874,
Conn. Gen. Stat. 42-288a, NY GBL 399-z, KRS 367.461, Tex. Bus. & Com. ch. 301-305.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

WORDS_PER_SECOND = 2.5
"""A calm synthetic voice; used to estimate when a block starts."""


_ARTIFICIAL = re.compile(r"\b(AI|artificial)\b")
_OPT_OUT = re.compile(r"\bsay stop\b.*\bpress \d\b", re.IGNORECASE)
_CALLBACK = re.compile(r"\+1(?!900|976)[2-9]\d{2}[2-9]\d{6}")


class Block(StrEnum):
    """The parts of an opening, in the order the law wants them."""

    IDENTIFY = "IDENTIFY"
    AI_AND_OPTOUT = "AI_AND_OPTOUT"
    RECORDING_NOTICE = "RECORDING_NOTICE"
    PURPOSE = "PURPOSE"


class Recording(StrEnum):
    """How the call may be recorded (REC-01)."""

    AFFIRMATIVE = "AFFIRMATIVE"
    ANNOUNCE = "ANNOUNCE"
    OFF = "OFF"


@dataclass(frozen=True, slots=True)
class Part:
    """One block and its words; `pause_s` is the silence before it."""

    block: Block
    text: str
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """A whole opening and the closing sentence; `text` is what the assistant is given to say first."""

    parts: tuple[Part, ...]
    closing: str

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts)


def opening(*, legal_name: str, callback_number: str, first_name: str, purpose: str, recording: Recording) -> Script:
    """The opening for one call.

    `legal_name` is the name the seller is registered under, `callback_number` the E.164 number that takes do-not-call
    requests, `purpose` the playbook's half sentence ("the home-equity review you asked for"). The state overlays are
    always on, because a phone may be anywhere: that it is a sales call stands in the first sentence (CT, WA, TX), the
    do-not-call offer before anything else is said (NY), the number within 25 seconds and again at the end (KY, TX), and
    the purpose ends with the question whether to continue, end or be removed (CT).
    """
    number = spoken_number(callback_number)
    parts = [
        Part(Block.IDENTIFY, f"Hello, this is an automated AI assistant with a sales call for {legal_name}."),
        Part(
            Block.AI_AND_OPTOUT,
            "I am not a person. Say stop or press 9 at any time to be taken off our list and end this call. "
            f"Our number is {number}.",
        ),
    ]
    if recording is Recording.AFFIRMATIVE:
        notice = "May I record and transcribe this call? Please say yes or no."
        parts.append(Part(Block.RECORDING_NOTICE, notice))
    elif recording is Recording.ANNOUNCE:
        parts.append(Part(Block.RECORDING_NOTICE, "This call is recorded and transcribed."))
    question = "Would you like to go on, end the call, or be taken off our list?"
    parts.append(Part(Block.PURPOSE, f"I am calling for {first_name} about {purpose}. {question}"))
    return Script(tuple(parts), closing=f"That was an automated call for {legal_name}, {number}. Goodbye.")


def spoken_number(e164: str) -> str:
    """A US number as it is read out: `+18135550100` gives `8 1 3, 5 5 5, 0 1 0 0`."""
    digits = e164.removeprefix("+1")
    return ", ".join(" ".join(group) for group in (digits[:3], digits[3:6], digits[6:]))


def seconds(text: str) -> float:
    """How long the text takes to say, estimated."""
    return len(text.split()) / WORDS_PER_SECOND


def lint(parts: Sequence[Part], *, callback_number: str) -> list[str]:
    """What is unlawful about an opening, one sentence each; empty if it may be spoken.

    Checks the order of the blocks, the two seconds between identity and opt-out, the identity within ten seconds, the
    number within 25, the AI disclosure before the purpose, and the number itself (nobody pays extra to call it).
    """
    blocks = [part.block for part in parts]
    wanted = [block for block in Block if block in blocks]
    if blocks != wanted or not {Block.IDENTIFY, Block.AI_AND_OPTOUT, Block.PURPOSE} <= set(blocks):
        return ["The blocks are not identity, AI and opt-out, recording notice, purpose in this order."]
    identity, opt_out = parts[0], parts[1]
    until_identity = identity.pause_s + seconds(identity.text)
    checks = {
        "The opt-out starts more than 2.0 s after the identity.": opt_out.pause_s <= 2.0,
        "The identity takes longer than 10 s.": until_identity <= 10.0,
        "The callback number is not said within 25 s.": spoken_number(callback_number) in opt_out.text
        and until_identity + opt_out.pause_s + seconds(opt_out.text) <= 25.0,
        "The first sentence does not say that the voice is artificial.": bool(_ARTIFICIAL.search(identity.text)),
        "The opt-out names no word or no key.": bool(_OPT_OUT.search(opt_out.text)),
        "The callback number is not a US number that anybody can call without a fee.": bool(
            _CALLBACK.fullmatch(callback_number)
        ),
    }
    return [sentence for sentence, good in checks.items() if not good]
