"""Our own check of mailboxes, against real mail servers on this machine: what each reply comes to, and our manners."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import dns.asyncresolver
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground import START
from penstock.core import clock
from penstock.core.errors import NotConfigured
from penstock.core.http import make_client
from penstock.core.settings import Net, Probe, Settings
from penstock.providers.email import connect
from penstock.providers.email.mail_hosts import BySystem, ByUrl, LookupFailed, NoMail, NoSuchName, Record, mail_hosts
from penstock.providers.email.mailprobe import DISPOSABLE, ROLES, MailProbe, Manners, Setup, is_disposable, is_role
from penstock.providers.email.verdicts import Word, turned_down, verdict
from probehouse import House, running

pytestmark = pytest.mark.usefixtures("held_clock")


class Names:
    """A resolver that knows what a test tells it; every other domain has one MX."""

    def __init__(self, **known: Any) -> None:
        self.known = known

    async def __call__(self, name: str, kind: str) -> list[Record]:
        found = self.known.get(f"{kind} {name}", [Record(f"mx.{name}", 10)] if kind == "MX" else [])
        if isinstance(found, type):
            raise found
        return found


def probe(house: House, names: Any = None, **setup: Any) -> MailProbe:
    given = {"seconds_per_domain": 0.0, "timeout_s": 2.0, "smtp_to": ("127.0.0.1", house.port)} | setup
    return MailProbe(Setup("probe.example", "probe@probe.example", **given), names or Names(), Manners())


async def code(checker: MailProbe, address: str) -> str:
    (reply,) = await checker.fetch([address])
    assert (reply.billable, reply.failed, reply.error) == (False, False, None)
    return checker.read(reply.raw).codes[0]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("250 2.1.5 ok", "exists"),
        ("251 will forward", "exists"),
        ("550 5.1.1 user unknown", "no_mailbox"),
        ("550 no such user here", "no_mailbox"),
        ("551 user not local", "no_mailbox"),
        ("553 mailbox name not allowed", "no_mailbox"),
        ("550 5.7.1 blocked by policy", "refused"),
        ("550 your host is listed in our RBL", "refused"),
        ("554 transaction failed", "refused"),
        ("450 4.7.1 greylisted", "greylisted"),
        ("451 4.7.1 greylisted, try again later", "greylisted"),
        ("452 4.2.2 mailbox full", "full"),
        ("552 5.2.2 over quota", "full"),
        ("252 cannot vrfy", "cannot_verify"),
        ("421 too busy", "greylisted"),
        ("hang up", "no_connection"),
    ],
)
async def test_each_word_of_a_mail_server_comes_to_its_code(word: str, expected: str) -> None:
    async with running(House(words={"ada": word, "*": "550 5.1.1 user unknown"})) as house:
        assert await code(probe(house), "ada@acme.example") == expected
        assert house.data == 0


async def test_a_server_that_takes_a_stranger_too_accepts_all() -> None:
    async with running(House(words={"*": "250 ok"})) as house:
        assert await code(probe(house), "ada@acme.example") == "catch_all"
        assert len(house.asked) == 2


async def test_what_a_domain_accepts_is_remembered_for_seven_days() -> None:
    async with running(House(words={"*": "250 ok"})) as house:
        checker = probe(house)
        replies = await checker.fetch(["ada@acme.example", "bea@acme.example", "cal@other.example"])
        assert [checker.read(reply.raw).codes[0] for reply in replies] == ["catch_all"] * 3
        assert len(house.asked) == 4  # once per domain, each with a stranger
        clock.hold(START + timedelta(days=7, minutes=1))
        house.words = {"bea": "250 ok", "*": "550 5.1.1 no"}
        assert await code(checker, "bea@acme.example") == "exists"
        assert await code(checker, "cal@acme.example") == "no_mailbox"
        assert len(house.asked) == 7  # the second question of a day needs no stranger


async def test_an_office_is_told_from_a_person() -> None:
    async with running(House(words={"info": "250 ok", "*": "550 5.1.1 no"})) as house:
        assert await code(probe(house), "info@acme.example") == "exists:role"
        assert await code(probe(house), "hr@acme.example") == "no_mailbox"


async def test_a_server_that_will_not_hear_our_sender_says_nothing_of_the_mailbox() -> None:
    async with running(House(mail="550 5.1.8 bad sender")) as house:
        assert await code(probe(house), "ada@acme.example") == "refused"
        assert house.asked == []


async def test_a_stranger_who_is_held_off_proves_nothing() -> None:
    async with running(House(words={"ada": "250 ok", "*": "451 later"})) as house:
        assert await code(probe(house), "ada@acme.example") == "undecided"


async def test_nobody_at_the_port_is_undecided_and_not_knocked_at_for_every_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(House()) as house:
        pass
    checker = probe(house)
    talk = AsyncMock(wraps=checker._talk)
    monkeypatch.setattr(checker, "_talk", talk)
    replies = await checker.fetch([f"p{n}@acme.example" for n in range(20)])
    assert {checker.read(reply.raw).codes[0] for reply in replies} == {"no_connection"}
    assert talk.await_count == 1


async def test_a_server_that_never_answers_costs_one_time_out() -> None:
    knocks = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal knocks
        knocks += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    house = House(port=server.sockets[0].getsockname()[1])
    checker = probe(house, timeout_s=0.3)
    replies = await checker.fetch([f"p{n}@acme.example" for n in range(10)])
    assert {checker.read(reply.raw).codes[0] for reply in replies} == {"no_connection"}
    assert knocks == 1
    server.close()
    await server.wait_closed()


async def test_one_connection_at_a_time_to_a_mail_server_that_many_domains_share() -> None:
    names = Names(**{f"MX d{n}.example": [Record("mx.host.example", 1)] for n in range(8)})
    async with running(House(words={"*": "550 5.1.1 no"})) as house:
        await probe(house, names).fetch([f"ada@d{n}.example" for n in range(8)])
        assert (house.most_open, len(house.asked)) == (1, 8)


async def test_probes_of_one_domain_keep_their_distance() -> None:
    async with running(House(words={"*": "550 5.1.1 no"})) as house:
        began = clock.stopwatch()
        await probe(house, seconds_per_domain=0.1).fetch([f"p{n}@acme.example" for n in range(4)])
        assert clock.stopwatch() - began >= 0.3


async def test_the_next_best_server_is_asked_where_the_best_is_silent() -> None:
    class Two(Names):
        async def __call__(self, name: str, kind: str) -> list[Record]:
            return [Record("b.example", 20), Record("a.example", 10)] if kind == "MX" else []

    async with running(House(words={"ada": "250 ok", "*": "550 5.1.1 no"})) as house:
        checker = probe(house, Two())
        checker._manners.found_silent("a.example")
        assert await code(checker, "ada@acme.example") == "exists"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("no at sign", "syntax"),
        ("a..b@acme.example", "syntax"),
        ("ada@mailinator.com", "disposable"),
        ("ada@gone.example", "no_domain"),
        ("ada@null.example", "null_mx"),
        ("ada@bare.example", "no_mail_host"),
        ("ada@broken.example", "dns_failed"),
        ("ada@old.example", "exists"),
    ],
)
async def test_syntax_lists_and_names_decide_before_anybody_is_called(address: str, expected: str) -> None:
    names = Names(
        **{
            "MX gone.example": NoSuchName,
            "MX null.example": [Record(".", 0)],
            "MX bare.example": [],
            "MX broken.example": LookupFailed,
            "MX old.example": [],
            "A old.example": [Record("93.184.1.2")],
        }
    )
    async with running(House(words={"ada": "250 ok", "*": "550 5.1.1 no"})) as house:
        assert await code(probe(house, names), address) == expected
        assert bool(house.asked) is (expected == "exists")


@pytest.mark.parametrize("where", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::1"])
async def test_no_domain_can_send_us_into_our_own_network(where: str) -> None:
    kind = "AAAA" if ":" in where else "A"
    async with running(House(words={"*": "250 ok"})) as house:
        names = Names(**{f"{kind} mx.acme.example": [Record(where)]})
        assert await code(probe(house, names, smtp_to=None), "ada@acme.example") == "no_connection"
        assert house.asked == []


async def test_hosts_come_best_first_and_nobody_is_told_apart_by_case() -> None:
    names = Names(**{"MX acme.example": [Record("B.example.", 20), Record("C.example.", 5), Record("a.example.", 20)]})
    assert await mail_hosts(names, "acme.example") == ["c.example", "a.example", "b.example"]
    with pytest.raises(NoMail):
        await mail_hosts(Names(**{"MX x.example": [], "A x.example": NoSuchName}), "x.example")


async def test_names_are_looked_up_over_http_where_the_settings_say_so() -> None:
    answers = {
        "objects.example": {"status": "NOERROR", "answers": [{"preference": 10, "exchange": "mx.objects.example"}]},
        "texts.example": {"status": "NOERROR", "answers": ["5 mx.texts.example."]},
        "null.example": {"status": "NOERROR", "answers": ["0 ."]},
        "gone.example": {"status": "NXDOMAIN", "answers": []},
        "none.example": {"status": "NODATA", "answers": []},
        "broken.example": {"status": "SERVFAIL", "answers": []},
    }

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.params["name"]])

    async with make_client(transport=httpx.MockTransport(handle)) as client:
        ask = ByUrl(client, "http://town.example/town/dns")
        assert await ask("objects.example", "MX") == [Record("mx.objects.example", 10)]
        assert await ask("texts.example", "MX") == [Record("mx.texts.example.", 5)]
        assert await ask("none.example", "MX") == []
        with pytest.raises(NoMail) as null:
            await mail_hosts(ask, "null.example")
        assert null.value.code == "null_mx"
        with pytest.raises(NoSuchName):
            await ask("gone.example", "MX")
        with pytest.raises(LookupFailed):
            await ask("broken.example", "MX")


async def test_a_name_server_that_is_not_there_leaves_it_undecided() -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.timeout = ["127.0.0.1"], 1, 0.2
    resolver.lifetime = 0.3
    with pytest.raises(LookupFailed):
        await BySystem(resolver)("acme.example", "MX")


async def test_without_a_name_of_our_own_the_probe_is_off_and_says_how_to_switch_it_on() -> None:
    async with make_client() as client:
        with pytest.raises(NotConfigured) as off:
            connect(client, Settings(), "mailprobe")
        assert "PENSTOCK_PROBE__HELO_NAME" in str(off.value.fix)
        on = Settings(probe=Probe(helo_name="probe.acme.example"), net=Net(smtp_to="127.0.0.1:25"))
        assert connect(client, on, "mailprobe").batch_size == 20


def test_the_lists_know_the_usual_suspects() -> None:
    assert is_role("Info+web@acme.example")
    assert not is_role("ada.lovelace@acme.example")
    assert is_disposable("x.MAILINATOR.com")
    assert not is_disposable("acme.example")
    assert len(ROLES) > 50
    assert len(DISPOSABLE) > 100


@given(st.integers(200, 599), st.text(max_size=40), st.integers(200, 599), st.text(max_size=40))
def test_green_needs_a_yes_to_the_person_and_a_no_to_the_stranger(a: int, said: str, b: int, other: str) -> None:
    found = verdict(Word(a, said), Word(b, other))
    assert (found == "exists") <= (a in (250, 251) and b >= 500)
    assert (found == "no_mailbox") <= (a >= 500)
    assert turned_down(Word(a, "5.7.1 " + said)) != "no_mailbox"
