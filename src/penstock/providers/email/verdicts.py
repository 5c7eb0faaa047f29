"""What a mail server's word on a recipient says about the mailbox. Pure."""

import re
from dataclasses import dataclass

_ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})\b")
# Words of servers that refuse us, not the mailbox.
_POLICY = re.compile(
    r"(?i)\bblock(?:ed|list|ing)?|black ?list|deny ?list|polic(?:y|ies)|\brbl\b|dnsbl|spamhaus|barracuda|reputation"
    r"|\bspf\b|\bptr\b|reverse dns|relay|not allowed to send|unauthenticated|authentication required|\bhelo\b|banned"
)
_UNKNOWN = re.compile(
    r"(?i)(?:user|recipient|mailbox|account|address) (?:is |was )?(?:unknown|not found|does ?n[o']t exist|unavailable)"
    r"|(?:unknown|no such|invalid|nonexistent) (?:user|recipient|mailbox|account|address)"
)
ACCEPTED = frozenset({250, 251})


@dataclass(frozen=True, slots=True)
class Word:
    """An SMTP reply: its code, and its text with the enhanced status code in front where there is one."""

    code: int
    text: str = ""

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), like 5.1.1, or nothing."""
        found = _ENHANCED.match(self.text.strip())
        return found[0] if found else ""

    @property
    def subject(self) -> str:
        """Its part after the class: 1.1 of 5.1.1."""
        return self.enhanced.partition(".")[2]


def verdict(target: Word, stranger: Word | None) -> str:
    """Our code for a mailbox: exists, catch_all, no_mailbox, full, refused, greylisted, cannot_verify or undecided.

    `stranger`: what the same server said about a mailbox that cannot exist; None where it was not asked.
    """
    if target.code not in ACCEPTED:
        return turned_down(target)
    if stranger is None or (stranger.code not in ACCEPTED and turned_down(stranger) == "no_mailbox"):
        return "exists"
    # A server that will not talk about a stranger has proven nothing by taking the first name.
    return "catch_all" if stranger.code in ACCEPTED else "undecided"


def turned_down(word: Word) -> str:
    """What a reply means that did not take the recipient."""
    if word.code == 252:
        return "cannot_verify"
    if word.subject == "2.2" or (word.code in (452, 552) and not word.enhanced):
        return "full"
    if word.code < 500:
        return "greylisted"
    return "no_mailbox" if _names_the_mailbox(word) else "refused"


def _names_the_mailbox(word: Word) -> bool:
    """Whether a lasting refusal (5xx) is about the mailbox, not about us: the enhanced code first, then the words."""
    if word.subject in ("1.7", "1.8") or word.subject.startswith("7."):
        return False  # our sender address, our host, our reputation
    if word.subject.startswith("1.") and word.subject != "1.0":
        return True
    if _UNKNOWN.search(word.text):
        return True
    if _POLICY.search(word.text):
        return False
    # 5.2.1 is a mailbox that was switched off; 5.4.1 is how Exchange Online says that it does not know the recipient.
    return word.code in (550, 551, 553) and word.subject.split(".")[0] in ("", "0", "1", "2", "4")
