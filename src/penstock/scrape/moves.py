"""Sentences that tell who takes an office and who leaves one: "names Ada Sample chief financial officer"."""

import re
from collections.abc import Iterable, Iterator
from datetime import date

from penstock.scrape.found import FoundMove
from penstock.scrape.news import Told
from penstock.scrape.words import LETTERS, ROLES, as_name, as_title, name_key

_MAYBE = re.compile(
    r"\b(?:not|never|den(?:y|ies|ied)|rumou?r\w*|reportedly|speculat\w*|may|might|could|would|whether|if|considers?|"
    r"considering|anniversary|award|lawsuit)\b|n't\b"
)
_GIVES = re.compile(
    r"\b(?:names?|named|naming|appoints?|appointed|appointing|promotes?|promoted|"
    r"promoting|hires?|hired|hiring|taps?|tapped|elects?|elected|"
    r"selects?|selected|welcomes?|welcomed|announces?|announced|picks?|picked|recruits?|recruited|adds|added)\s+"
    r"(?:the\s+)?(?:(?:appointment|promotion|hiring|hire|election|selection|arrival)\s+of\s+)?(?:that\s+)?",
    re.IGNORECASE,
)  # fmt: skip
_APPOINTMENT_OF = re.compile(r"\b(?:appointment|promotion|hiring|election|arrival)\s+of\s+", re.IGNORECASE)
_IS_GIVEN = re.compile(
    r"\s+(?:(?:has been|have been|had been|was|were|is|will be|is being)\s+(?:recently\s+|today\s+|also\s+)?)?"
    r"(?:named|appointed|promoted|elected|hired|selected|chosen|tapped)\s+",
    re.IGNORECASE,
)
_TAKES = re.compile(
    r"\s+(?:(?:has\s+|is\s+|will\s+|to\s+)?(?:joins?|joined|joining|returns?|returned|returning)\b"
    r"(?:(?!\b(?:where|who|after|whose)\b)[^;]){0,80}?\s+as\s+|"
    r"(?:has\s+|will\s+|to\s+|is\s+)?(?:becomes?|became|become|becoming|serves? as|"
    r"takes? over as|took over as|taking over as|"
    r"steps? in as|stepped in as|assumes? the (?:role|position|post) of|"
    r"assumed the (?:role|position|post) of|starts as|"
    r"moves? up to|takes? the helm as|took the helm as|"
    r"is (?:the|our|its|their) (?:new|next))\s+)",
    re.IGNORECASE,
)  # fmt: skip
_NEW_COLON = re.compile(r"\bnew\s+([^,.;:]{2,60}):\s+", re.IGNORECASE)
_FOLLOWS = re.compile(
    r"\s+(?:(?:will|to|has|is)\s+)?(?:succeeds?|succeeded|succeeding|replaces?|"
    r"replaced|replacing|takes? over from|took over from)\s+",
    re.IGNORECASE,
)  # fmt: skip
_IN_PLACE_OF = re.compile(
    r"\b(?:succeeding|succeeds|replacing|replaces|to succeed|to replace|will succeed|will replace|takes? over from|"
    r"taking over from|in succession to|the successor (?:to|of)|as successor to|follows|following)\s+", re.IGNORECASE
)  # fmt: skip
_GOES = re.compile(
    r",?\s+(?:(?:has|have|had|is|was|will|to|plans to|intends to|announces? (?:she|he|they) will)\s+)?"
    r"(?P<strong>steps? down|stepped down|stepping down|resigns?|resigned|resigning|"
    r"retires?|retired|retiring|stands? down|stood down)"
    r"\b|,?\s+(?:(?:has|is|was|will|to)\s+)?(?:departs?|departed|departing|leaves?|"
    r"left|leave|leaving|exits?|exited|exiting|"
    r"ousted|fired|dismissed|removed)\b",
    re.IGNORECASE,
)  # fmt: skip
_GOING_OF = re.compile(
    r"\b(?:departure|resignation|retirement|exit|ousting|dismissal)\s+of\s+|\bparts?\s+(?:ways|company)\s+with\s+|"
    r"\bparted\s+(?:ways|company)\s+with\s+|\b(?:bids?|says?|said)\s+(?:farewell|goodbye)\s+to\s+",
    re.IGNORECASE,
)
_AS = re.compile(
    r"^[^;]{0,80}?\b(?:as|from (?:the|her|his|their) (?:role|position|post|job) (?:as|of)|the role of)\s+",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"^\s*[,:–—-]?\s*(?:(?:as|to|to be|to become|to serve as|to lead as|to (?:the|"
    r"its) (?:role|position|post|office) of|into the role of|"
    r"in the (?:role|position) of|in the newly created role of)\s+)?", re.IGNORECASE
)  # fmt: skip
_OURS = re.compile(
    r"^(?:(?:its|it's|the|their|our|a|an|his|her|company|company's|group|newest|new|"
    r"next|first|first-ever|permanent|full-time|"
    r"[\w.&-]+(?:\s[\w.&-]+)?['’]s?)\s+)+", re.IGNORECASE
)  # fmt: skip
# Between a name and its title: letters (CPA), an age, a comma.
_BETWEEN = re.compile(
    rf"^(?:,?\s*(?:\d{{2}}|{'|'.join(map(re.escape, sorted(LETTERS, key=len, reverse=True)))})\b\.?)+,?", re.IGNORECASE
)
_CLAUSE = re.compile(r"[,;(]|(?<!\b[A-Z])\.(?:\s|$)|\s(?:after|effective|who|as|to|on)\b")  # where a clause ends
_WHO_WAS = re.compile(r",\s+who\s+[^,]{0,60}?\bas\s+([^,]{2,80}),?$", re.IGNORECASE)
_STOP = re.compile(
    r"[,.;:()–—]|\s-\s|\b(?:effective|starting|beginning|who|after|following|"
    r"succeeding|replacing|to succeed|to replace|"
    r"at|in|on|with|for|from|since|until|when|while|where|amid|as part|this|next|last|"
    r"today|yesterday|by|will|said|says)\b",
    re.IGNORECASE,
)


_BEGINS_TITLE = frozenset({"chief", "vice", "senior", "human"})
_ENDS_TITLE = ROLES | frozenset({"people", "resources", "finance", "operations", "sales", "marketing", "culture"})


def moves(told: Iterable[Told]) -> tuple[FoundMove, ...]:
    """The appointments and departures that the sentences tell, each person once per kind."""
    found: dict[tuple[str, str], FoundMove] = {}
    for sentence, published in told:
        for move in of_sentence(sentence, published):
            key = (move.kind, name_key(move.name))
            known = found.get(key)
            if known is None or (move.title and not known.title):
                found[key] = move
    return tuple(found.values())


def of_sentence(sentence: str, published: date | None = None) -> list[FoundMove]:
    """The moves that one sentence tells. What may be, is denied or is asked tells none."""
    if _MAYBE.search(sentence) or sentence.endswith("?"):
        return []
    came = list(dict.fromkeys(_came(sentence)))
    went = list(dict.fromkeys(_went(sentence, came)))
    gone = {name_key(name) for name, _ in went}
    stayed = [(name, title) for name, title in came if name_key(name) not in gone]
    return [FoundMove("appointment", name, title, sentence, published) for name, title in stayed] + [
        FoundMove("departure", name, title, sentence, published) for name, title in went
    ]


Claim = tuple[str, str]  # name and title


def _came(sentence: str) -> Iterator[Claim]:
    for match in (*_GIVES.finditer(sentence), *_APPOINTMENT_OF.finditer(sentence)):
        yield from _given(sentence[match.end() :])
    for pattern in (_IS_GIVEN, _TAKES):
        for match in pattern.finditer(sentence):
            name, title = _name_before(sentence[: match.start()]), _title_after(sentence[match.end() :])
            if name and title and not _name_first(sentence[match.end() :])[0]:
                yield name, title
    for match in _NEW_COLON.finditer(sentence):
        title, name = as_title(match[1]), _name_first(sentence[match.end() :])[0]
        if title and name:
            yield name, title
    for match in _FOLLOWS.finditer(sentence):
        name, as_office = _name_before(sentence[: match.start()]), _AS.match(sentence[match.end() :])
        if name and as_office and (title := _title_after(sentence[match.end() + as_office.end() :])):
            yield name, title


def _given(rest: str) -> Iterator[Claim]:
    """What is given to whom: "Ada Sample as CFO", "Ada Sample CFO", "new CFO Ada Sample", and more after "and"."""
    name, behind = _name_first(rest)
    if name is None:
        clause = rest[: match.start()] if (match := _CLAUSE.search(rest)) else rest
        last = _name_before(clause)
        if last is None:
            return
        behind = rest[len(clause) :]
        after = _title_after(_LINK.sub("", behind, count=1)) if re.match(r"\s(?:as|to)\s", behind) else None
        before = as_title(_OURS.sub("", _in_front_of(last, clause)).strip())
        if before and before.split()[-1].lower() not in _ENDS_TITLE:  # "CEO of Heron Dental"
            before = None
        if title := after or before:
            yield last, title
        return
    linked = _LINK.match(behind)
    behind = behind[linked.end() :] if linked else behind
    if title := _title_after(behind):
        yield name, title
        if more := re.match(r".{0,120}?\band\s+(?=[^\W\d_a-z])", behind):
            yield from _given(behind[more.end() :])


def _went(sentence: str, came: list[Claim]) -> Iterator[Claim]:
    for match in _GOES.finditer(sentence):
        before, behind = sentence[: match.start()], sentence[match.end() :]
        name, title = _name_and_title_before(before)
        if name and not title and (as_office := _AS.match(behind)):
            title = _title_after(behind[as_office.end() :])
        if name and not title and (direct := re.match(r"\s+(?:the\s+)?(?=\S+\s+(?:role|post|job|position)\b)", behind)):
            title = as_title(re.split(r"\s(?:role|post|job|position)\b", behind[direct.end() :])[0])
        if name and (title or match["strong"]):
            yield name, title or ""
    for match in _GOING_OF.finditer(sentence):
        rest = sentence[match.end() :]
        name, behind = _name_first(rest)
        if name:
            yield name, _title_after(_LINK.sub("", behind, count=1)) or ""
        else:
            clause = rest[: stop.start()] if (stop := _CLAUSE.search(rest)) else rest
            name, title = _name_and_title_before(clause)
            if name and title:
                yield name, title
    yield from _replaced(sentence, came)


def _replaced(sentence: str, came: list[Claim]) -> Iterator[Claim]:
    """Whom the one who came takes over from; the office is the same, unless it is said."""
    for match in _IN_PLACE_OF.finditer(sentence):
        rest = sentence[match.end() :]
        name, behind = _name_first(rest)
        if name is None:
            clause = _CLAUSE.split(rest, maxsplit=1)[0]
            name, behind = _name_before(clause), rest[len(clause) :]
        if name is None:
            continue
        title = _title_after(behind[as_office.end() :]) if (as_office := _AS.match(behind)) else None
        others = [office for who, office in came if name_key(who) != name_key(name)]
        if title or others:
            yield name, title or others[-1]


def _name_first(text: str) -> tuple[str | None, str]:
    """The longest name at the beginning, and what follows it."""
    words = text.split(" ")
    for count in range(min(6, len(words)), 1, -1):
        head = " ".join(words[:count])
        bare = head.rstrip(",:;.") if count < len(words) or not re.search(r"\b[A-Z]\.$", head) else head
        if not re.search(r"[,:;]", bare) and (name := as_name(bare)):
            return name, _BETWEEN.sub("", text[len(bare) :], count=1)
    return None, text


def _name_before(text: str) -> str | None:
    """The longest name at the end; a title or a comma before it ends it."""
    words = re.split(r"[,;:–—(]", text.rstrip(" ,"))[-1].split()
    for count in range(min(5, len(words)), 1, -1):
        if name := as_name(" ".join(words[-count:])):
            return name
    return None


def _name_and_title_before(text: str) -> tuple[str | None, str | None]:
    """ "CEO Ada Sample", "Ada Sample, chief executive," or a bare name at the end of `text`."""
    if was := _WHO_WAS.search(text):
        return _name_before(text[: was.start()]), _title_after(was[1])
    text = text.rstrip(" ,")
    head, comma, tail = text.rpartition(",")
    if comma and (title := as_title(_OURS.sub("", tail.strip()))) and (name := _name_before(head)):
        return name, title
    name = _name_before(text)
    if name is None:
        return None, None
    words = re.split(r"[,;:–—]", _in_front_of(name, text))[-1].split()
    for count in range(min(5, len(words)), 0, -1):
        begins = words[-count].lower() in _BEGINS_TITLE or as_title(words[-count])
        if begins and (title := as_title(" ".join(words[-count:]))):
            return name, title
    return name, None


def _in_front_of(name: str, text: str) -> str:
    """What stands before the name, which is the last in `text`; a name's case may have been mended."""
    return text[: max(text.casefold().rfind(name.split()[0].casefold()), 0)]


def _title_after(text: str) -> str | None:
    """The title at the beginning, up to where the sentence goes on to something else."""
    text = _OURS.sub("", _LINK.sub("", text, count=1).lstrip())
    stop = _STOP.search(text)
    head = (text[: stop.start()] if stop else text).strip()
    more = re.search(r"\s+and\s+", head)
    if more and _name_first(head[more.end() :])[0]:
        head = head[: more.start()]
    return as_title(head)
