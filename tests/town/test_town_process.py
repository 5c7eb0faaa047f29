"""The town as a process: started, moved through time, stopped; patient with a product that is down."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import httpx
import pytest
from town_bench import Product, served

from penstock.town import odds
from penstock.town.clock import on_grid, parse_instant
from penstock.town.server import start_town


def test_a_town_starts_answers_and_ends_with_the_block():
    with start_town(seed=3) as town:
        assert httpx.get(f"{town.http_url}/town/next").json() == {"next": None}
        with socket.create_connection((town.smtp_host, town.smtp_port), timeout=5) as mail:
            assert mail.recv(100).startswith(b"220 mx.town.example")
    assert town.process.returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{town.http_url}/town/next")


def test_sigterm_ends_it_cleanly():
    with start_town() as town:
        town.process.send_signal(signal.SIGTERM)
        assert town.process.wait(60) == 0


def test_it_dies_with_the_process_that_started_it():
    script = (
        "import os, sys, time\nfrom penstock.town.server import start_town\n"
        "with start_town() as town:\n    print(town.http_url, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        parent.wait(60)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/town/next")
        except httpx.TransportError:
            return
        time.sleep(0.05)
    raise AssertionError("the town outlived its parent")


def test_the_clock_stands_still_until_it_is_set():
    with start_town() as town, httpx.Client(base_url=town.http_url) as client:
        assert client.put("/town/clock", json={"now": "2026-11-30T12:00:00-05:00"}).json() == {
            "now": "2026-11-30T17:00:00.000Z"
        }
        assert client.get("/town/clock").json() == {"now": "2026-11-30T17:00:00.000Z"}
        assert client.post("/town/advance", json={"to": "2026-12-01T00:00:00Z"}).json() == {
            "performed": 0,
            "next": None,
        }
        assert client.get("/town/clock").json() == {"now": "2026-12-01T00:00:00.000Z"}
        for wrong in ({"now": "noon"}, {"now": "2026-11-30T12:00:00"}, {}):
            assert client.put("/town/clock", json=wrong).status_code == 400
        assert client.get("/town/people", params={"email": "nobody@lakemail.example"}).status_code == 404
        home = client.get("/town/people", params={"address": "100 Main St", "zip": "33602"}).json()
        owner = home["residents"][0]
        assert owner["stance"] == "cold"
        assert client.get("/town/people", params={"phone": owner["phones"][0]["number"]}).json()["mak"] == home["mak"]


def test_by_the_wall_clock_things_happen_on_their_own():
    with start_town(pace=3600) as town, httpx.Client(base_url=town.http_url) as client:
        now = parse_instant(client.get("/town/clock").json()["now"])
        assert abs((now - datetime.now(UTC)).total_seconds()) < 60
        assert client.put("/town/clock", json={"now": "2026-11-30T17:00:00Z"}).status_code == 409
        sent = {"assistantId": "a", "phoneNumberId": "p", "customer": {"number": "+18134567801"}}
        headers = {"Authorization": "Bearer sk_1"}
        call = client.post("/vapi/call", headers=headers, json=sent).json()
        deadline = time.monotonic() + 60
        while client.get(f"/vapi/call/{call['id']}", headers=headers).json()["status"] != "ended":
            assert time.monotonic() < deadline, "the call never ended"
            time.sleep(0.05)


@pytest.mark.parametrize(("minute", "second", "expected"), [(0, 0, (17, 0)), (0, 1, (17, 15)), (46, 0, (18, 0))])
def test_the_grid_is_a_quarter_of_an_hour(minute, second, expected):
    instant = on_grid(datetime(2026, 11, 30, 17, minute, second, tzinfo=UTC))
    assert (instant.hour, instant.minute, instant.second) == (*expected, 0)


async def test_an_advance_waits_for_a_receiver_that_comes_up_late(bench, monkeypatch):
    monkeypatch.setattr(bench.state.post, "_patience", 20.0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bench.state.webhooks.mail_inbound = f"http://127.0.0.1:{port}/mail"
    await bench.write(bench.someone("late").mailboxes[0].email)
    advancing = asyncio.create_task(bench.advance(hours=1))
    await asyncio.sleep(0.3)
    assert not advancing.done()
    late = Product()
    async with served(late.app(), port):
        await asyncio.wait_for(advancing, 60)
    assert len(late.mails) == 1


async def test_two_acts_of_one_person_never_happen_at_the_same_instant(bench, monkeypatch):
    for name, value in {
        "READS": (1.0,),
        "SCANNED": 0.0,
        "OUT_OF_OFFICE": 0.0,
        "READ_DELAY": {"soon": (1.0, 10, 12)},
    }.items():
        monkeypatch.setattr(odds, name, value)
    monkeypatch.setattr(odds, "COLD", {"positive": 99.0})
    monkeypatch.setattr(odds, "WARM", {"positive": 1.0})
    person = bench.someone()
    for _ in range(3):
        await bench.write(person.mailboxes[0].email)
    assert await bench.advance(minutes=15) == 1
    assert await bench.advance(minutes=30) == 2
    assert len(bench.product.mails) == 3


def test_a_town_that_remembers_knows_its_people_after_a_restart(tmp_path):
    memory = tmp_path / "people.jsonl"
    query = {"address": "100 Main St", "zip": "33602"}
    with start_town(memory=memory) as town:
        home = httpx.get(f"{town.http_url}/town/people", params=query).json()
        sent = {
            "requests": [
                {"propertyAddress": query | {"street": "100 Main St"}, "name": {"first": "Ada", "last": "Sample"}}
            ]
        }
        headers = {"Authorization": "Bearer key"}
        httpx.post(
            f"{town.http_url}/batchdata/api/v1/property/skip-trace", headers=headers, json=sent
        ).raise_for_status()
    number = home["residents"][0]["phones"][0]["number"]
    with start_town(memory=memory) as town:
        again = httpx.get(f"{town.http_url}/town/people", params={"phone": number}).json()
    assert again["mak"] == home["mak"]
    assert "Ada Sample" in [f"{person['first']} {person['last']}" for person in again["residents"] + again["outsiders"]]


def test_answers_on_a_kept_connection_do_not_wait_for_an_acknowledgement():
    with start_town() as town, httpx.Client(base_url=town.http_url) as client:
        client.get("/town/clock")
        waits = []
        for _ in range(25):
            began = time.monotonic()
            client.get("/town/clock")
            waits.append(time.monotonic() - began)
        assert min(waits) < 0.03  # each of them would be 40 ms
