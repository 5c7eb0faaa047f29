"""The reading room: a page that breaks its reader breaks nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from penstock.scrape import room as module
from penstock.scrape.found import FoundPerson, Reading, Unreadable
from penstock.scrape.reader import answer_to
from penstock.scrape.room import ReadingRoom

AT = "https://heron.example/team"
PAGE = "<main><h3>Ada Lovelace</h3><p>CFO</p><time datetime='2026-11-02'></time></main>"
SLOW = "<p " + " ".join(f"a{n}=1" for n in range(300_000)) + ">x</p>"  # a billion attributes, nearly


async def test_a_page_is_read_in_another_process_as_it_is_in_this_one() -> None:
    async with ReadingRoom() as room:
        found = await room.read(PAGE, AT)
        assert found.people == (FoundPerson("Ada Lovelace", "CFO"),)
        assert found == Reading.of_json(json.loads(json.dumps(found.as_json(), default=str)))
        assert await room.read(PAGE, AT) == found


async def test_a_page_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    async with ReadingRoom(readers=1, seconds=1.0) as room:
        with pytest.raises(Unreadable):
            await room.read(SLOW, AT)
        room._seconds = module.SECONDS  # the next has a reader to start
        assert (await room.read(PAGE, AT)).people


async def test_a_reader_that_dies_takes_only_its_page_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start = module._start

    async def doomed() -> asyncio.subprocess.Process:
        reader = await start()
        reader.kill()
        return reader

    async with ReadingRoom(readers=1) as room:
        monkeypatch.setattr(module, "_start", doomed)
        with pytest.raises(Unreadable):
            await room.read(PAGE, AT)
        monkeypatch.setattr(module, "_start", start)
        assert (await room.read(PAGE, AT)).people


async def test_many_pages_share_two_readers() -> None:
    async with ReadingRoom(readers=2) as room:
        found = await asyncio.gather(*(room.read(PAGE, AT) for _ in range(12)))
        assert all(one.people for one in found)
        assert len(room._idle) <= 2


async def test_a_reader_knows_no_secret_and_has_no_room_to_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_MASTER_KEY", "5eed" * 16)
    async with ReadingRoom(readers=1) as room:
        await room.read(PAGE, AT)
        pid = room._idle[0].pid
        if not sys.platform.startswith("linux"):
            pytest.skip("what a process may do is read from /proc")
        assert b"5eed" not in Path(f"/proc/{pid}/environ").read_bytes()
        said = Path(f"/proc/{pid}/limits").read_text()
        assert f"{1 << 30}" in said.split("Max address space", 1)[1].splitlines()[0]
        assert said.split("Max file size", 1)[1].split()[0] == "0"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_whatever_happens_in_a_reading_the_reader_answers() -> None:
    assert "reading" in answer_to({"html": PAGE, "url": AT})
    assert "unreadable" in answer_to({"html": "<div>" * 5000, "url": AT})
    assert answer_to({"html": PAGE}) == {"broken": "KeyError"}
