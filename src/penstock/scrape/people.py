"""People on a page: cards, tables and lists in which a name stands next to a title."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from penstock.scrape.found import FoundPerson
from penstock.scrape.lines import Line
from penstock.scrape.words import SUFFIXES, as_name, as_title

NEAR = 2  # lines between which a name and a title belong together
LONGEST_PAIR = 160
_SPLIT = re.compile(r"\s*(,|–|—|\||•|·|:|\()\s*|\s+(-)\s+")
# "Ada Sample, Owner, can be found in the office": where the sentence goes on after the title.
_GOES_ON = re.compile(r",\s+(?!and\b|of\b|for\b|including\b)(?=[a-z])|\.\s")
_GROUP = re.compile(
    r"^(?:our |the |meet (?:our|the) )?(?:executive|senior|management|leadership|team|staff|board|advisory|corporate|"
    r"administrative|office)(?: (?:executive|leadership|management|team|staff|committee|board|members?|officers))+$",
    re.IGNORECASE,
)  # fmt: skip


def on_page(lines: Sequence[Line], site: str) -> list[FoundPerson]:
    """The people with titles that the lines name, in reading order. `site`: the host, an echo of the company's name."""
    own = [line for line in lines if not line.foreign]
    texts = [line for line in own if line.text]
    listed = dict(_listed(texts))
    found = [(n, person, n) for n, person in listed.items()] + list(_paired(texts, set(listed)))
    return [
        _with_links(person, texts[n], texts[m], own)
        for n, person, m in sorted(found, key=lambda one: one[0])
        if not _is_the_company(person.name, site)
    ]


def _is_the_company(name: str, site: str) -> bool:
    """Heron Dental Group at heron-dental.example is nobody; Ada Heron at heron.example is somebody."""
    label = re.sub(r"\W", "", max(site.split("."), key=len))
    return len(label) >= 5 and "".join(name.casefold().split()).startswith(label)


def _listed(lines: Sequence[Line]) -> Iterator[tuple[int, FoundPerson]]:
    """Lines that hold both: "Name, Title", "Name – Title", "Title: Name", "Name (Title)"."""
    forward = {n: person for n, line in enumerate(lines) if (person := split_pair(line.text))}
    backward = {n: person for n, line in enumerate(lines) if n not in forward and (person := _title_first(line.text))}
    # "CEO – Heron Dental" looks like a title and a name; a list of several such lines is one of people.
    if len(backward) == 1 and not any(":" in lines[n].text for n in backward):
        backward = {}
    yield from forward.items()
    yield from backward.items()


def split_pair(text: str) -> FoundPerson | None:
    """Name and title of "Ada Sample, CPA, Chief Financial Officer"; None where the line is not of that form."""
    if len(text) > LONGEST_PAIR:
        return None
    for cut in _SPLIT.finditer(text):
        name, rest = as_name(text[: cut.start()]), text[cut.end() :].rstrip(")").strip()
        if name is None:
            continue
        first, comma, behind = rest.partition(",")
        while comma and first.strip().replace(".", "").lower() in SUFFIXES:
            rest = behind.strip()
            first, comma, behind = rest.partition(",")
        if title := as_title(_GOES_ON.split(rest, maxsplit=1)[0]):
            return FoundPerson(name, title)
    return None


def _title_first(text: str) -> FoundPerson | None:
    if len(text) > LONGEST_PAIR:
        return None
    for cut in _SPLIT.finditer(text):
        if (cut[1] or cut[2]) in {",", "(", "•", "·"}:  # "CEO, Heron Dental" names a company
            continue
        title, name = as_title(text[: cut.start()]), as_name(text[cut.end() :])
        if title and name:
            return FoundPerson(name, title)
    return None


def _paired(lines: Sequence[Line], taken: set[int]) -> Iterator[tuple[int, FoundPerson, int]]:
    """A line that is a name with the line that is a title nearby: the pair in the smallest common element first."""
    names = {n: name for n, line in enumerate(lines) if n not in taken and (name := as_name(line.text))}
    titles = {
        n: title
        for n, line in enumerate(lines)
        if n not in taken and n not in names and (title := as_title(line.text)) and not _GROUP.match(title)
    }
    before = _title_comes_first(lines, names, titles)
    pairs = []
    for n in names:
        for m in range(n - NEAR, n + NEAR + 1):
            if m not in titles or any(k in names for k in range(min(n, m) + 1, max(n, m))):
                continue
            shared = lines[n].shared(lines[m])
            pairs.append((-shared, not lines[n].marked, abs(n - m), (m < n) != (n in before), n, m))
    used_names: set[int] = set()
    used_titles: set[int] = set()
    for *_, n, m in sorted(pairs):
        if n not in used_names and m not in used_titles:
            used_names.add(n)
            used_titles.add(m)
            yield n, FoundPerson(names[n], titles[m]), m


def _title_comes_first(lines: Sequence[Line], names: dict[int, str], titles: dict[int, str]) -> set[int]:
    """The names before which their title stands: the title is the heading, or the run of lines begins with a title."""
    found: set[int] = set()
    run: list[int] = []
    for n in [*sorted([*names, *titles]), -1]:
        if run and n == run[-1] + 1:
            run.append(n)
            continue
        named, titled = [one for one in run if one in names], [one for one in run if one in titles]
        set_off = sum(lines[one].marked for one in titled) * len(named) - sum(lines[one].marked for one in named) * len(
            titled
        )
        if named and titled and (set_off > 0 or (set_off == 0 and run[0] in titles and run[-1] in names)):
            found.update(named)
        run = [n]
    return found


def _with_links(person: FoundPerson, name: Line, title: Line, lines: Sequence[Line]) -> FoundPerson:
    """The person with the profile and the mailbox that stand in the same card."""
    depth = max(name.shared(title), len(name.path) if name is title else 0)
    profile = email = None
    for line in lines:
        if line.links and line.shared(name) >= depth:
            profile = profile or next((link for link in line.links if is_profile(link)), None)
            email = email or next((mailbox(link) for link in line.links if mailbox(link)), None)
    return FoundPerson(person.name, person.title, profile, email)


def is_profile(url: str) -> bool:
    """Whether the address is that of a person's profile at work."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    return (host == "linkedin.com" or host.endswith(".linkedin.com")) and parts.path.startswith(("/in/", "/pub/"))


def mailbox(url: str) -> str | None:
    """The address of a mailto: link, lower-case."""
    if not url.lower().startswith("mailto:"):
        return None
    address = url[7:].partition("?")[0].strip().lower()
    return address if re.fullmatch(r"[a-z0-9._%+'-]{1,64}@[a-z0-9.-]{3,190}", address) else None
