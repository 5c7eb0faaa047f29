"""The reading room: a few processes that read pages, so that a page that breaks its reader breaks nothing else."""

import asyncio
import json
import os
import struct
import sys
from types import TracebackType
from typing import Any, Self

import structlog

from penstock.scrape.found import Reading, Unreadable

log = structlog.get_logger(__name__)

READERS = 2
SECONDS = 10.0
KEPT_ENV = (
    "PATH",
    "PYTHONPATH",
    "LANG",
    "LC_ALL",
    "TZ",
)  # no key of ours reaches a process that parses strangers' pages


class ReadingRoom:
    """Reads HTML in up to `readers` processes, started when first needed; each page gets `seconds`."""

    def __init__(self, *, readers: int = READERS, seconds: float = SECONDS) -> None:
        self._free = asyncio.Semaphore(readers)
        self._seconds = seconds
        self._idle: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def read(self, html: str, url: str) -> Reading:
        """What the page says. Raises Unreadable where the reader was broken, or took too long."""
        async with self._free:
            reader = self._idle.pop() if self._idle else await _start()
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await _ask(reader, {"html": html, "url": url})
            except TimeoutError:
                await _end(reader)
                raise Unreadable(f"not read within {self._seconds:g} seconds") from None
            except (asyncio.IncompleteReadError, ConnectionError):
                await _end(reader)
                raise Unreadable("it broke its reader") from None
            except BaseException:
                await _end(reader)
                raise
            self._idle.append(reader)
        if "reading" in answer:
            return Reading.of_json(answer["reading"])
        if "broken" in answer:
            log.error("page_reader_failed", error=answer["broken"])
        raise Unreadable(str(answer.get("unreadable") or f"it broke its reader ({answer['broken']})"))

    async def close(self) -> None:
        """Send the readers home."""
        while self._idle:
            await _end(self._idle.pop())


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a file in the working directory is not one of ours
        "-m",
        "penstock.scrape.reader",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in KEPT_ENV if name in os.environ},
    )


async def _ask(reader: asyncio.subprocess.Process, asked: dict[str, str]) -> dict[str, Any]:
    assert reader.stdin is not None and reader.stdout is not None
    body = json.dumps(asked).encode()
    reader.stdin.write(struct.pack(">I", len(body)) + body)
    await reader.stdin.drain()
    size = struct.unpack(">I", await reader.stdout.readexactly(4))[0]
    answer: dict[str, Any] = json.loads(await reader.stdout.readexactly(size))
    return answer


async def _end(reader: asyncio.subprocess.Process) -> None:
    if reader.returncode is None:
        reader.kill()
    if reader.stdin is not None:
        reader.stdin.close()
    await reader.wait()
