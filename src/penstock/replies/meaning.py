"""What an inbound mail means for us: one intent and what follows from it. Pure; rules first, then the model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from penstock.replies.automatic import return_date, says_absent
from penstock.replies.classifier import Intent, classify
from penstock.replies.inbound import Inbound
from penstock.replies.rules import Ruling, Verdict, judge

REST_WITHOUT_DATE = timedelta(days=3)
NOT_NOW = timedelta(days=30)


@dataclass(frozen=True)
class Meaning:
    """An intent (the word in the log), the rule behind it if one spoke, and until when the sequence
    rests, if it does."""

    intent: str
    ruling: Ruling | None = None
    rest_until: datetime | None = None
    confidence: float = 1.0

    @property
    def opts_out(self) -> bool:
        """Whether the person wants to be left alone, on one channel or on all."""
        return self.ruling is not None and self.ruling.verdict is Verdict.OPT_OUT


_ASKED_TO_STOP = Ruling(Verdict.OPT_OUT, "asked to stop (model)", ("SUPP_OPT_OUT",))


def understand(inbound: Inbound, *, at: datetime, zone: str) -> Meaning:
    """What a mail that is neither bounce nor complaint means. `at` is when it came (aware), `zone` where we count
    days."""
    ruling = judge(inbound.text, subject=inbound.subject)
    absent = says_absent(f"{inbound.subject}\n{inbound.text}")
    if inbound.automatic or (absent and (ruling is None or ruling.verdict is not Verdict.OPT_OUT)):
        return _automatic(inbound, ruling, absent=absent, at=at, zone=zone)
    if ruling is not None:
        by_rule = _by_rule(ruling)
        if by_rule is not None:
            return by_rule
    reading = classify(inbound.text)
    if reading.intent is Intent.UNSUBSCRIBE:
        return Meaning("unsubscribe", _ASKED_TO_STOP, confidence=reading.confidence)
    if reading.intent is Intent.OUT_OF_OFFICE:
        return Meaning("out_of_office", rest_until=_back(inbound, at, zone), confidence=reading.confidence)
    if reading.intent is Intent.NOT_NOW:
        return Meaning("not_now", rest_until=at + NOT_NOW, confidence=reading.confidence)
    return Meaning(str(reading.intent), ruling, confidence=reading.confidence)


def _automatic(inbound: Inbound, ruling: Ruling | None, *, absent: bool, at: datetime, zone: str) -> Meaning:
    """A machine's mail is never engagement; but "I left, stop writing here" inside it counts (EM-05)."""
    if ruling is not None and ruling.verdict is Verdict.OPT_OUT:
        return Meaning("unsubscribe", ruling)
    if absent:
        return Meaning("out_of_office", rest_until=_back(inbound, at, zone))
    return Meaning("automatic")


def _by_rule(ruling: Ruling) -> Meaning | None:
    """The meaning where the rule alone decides; None where the model says what the person wants besides."""
    if ruling.verdict is Verdict.OPT_OUT:
        words = {"wrong person": "wrong_person", "deceased": "deceased", "legal threat": "legal"}
        return Meaning(words.get(ruling.rule, "unsubscribe"), ruling)
    if ruling.verdict is Verdict.REVIEW:
        return Meaning("negative" if ruling.ends_sequence else "review", ruling)
    if ruling.verdict is Verdict.RESUBSCRIBE:
        return Meaning("review", ruling)
    if ruling.verdict is Verdict.HELP:
        return Meaning("question", ruling)
    return Meaning("positive", ruling)  # a bare yes: a wish to hear more, never a consent


def _back(inbound: Inbound, at: datetime, zone: str) -> datetime:
    """Nine in the morning of the day the person is back; three days on when they do not say."""
    local = at.astimezone(ZoneInfo(zone))
    stated: date | None = return_date(f"{inbound.subject}\n{inbound.text}", local.date())
    day = stated or (local + REST_WITHOUT_DATE).date()
    return datetime.combine(day, time(9), ZoneInfo(zone)).astimezone(at.tzinfo)
