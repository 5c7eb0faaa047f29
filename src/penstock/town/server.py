"""Running the town: one process with one HTTP port and one SMTP port, and starting it from elsewhere."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from aiosmtpd.smtp import SMTP
from uvicorn.protocols.http.h11_impl import H11Protocol

from penstock.town import places
from penstock.town.app import make_app
from penstock.town.mail_server import MailServer
from penstock.town.state import TownState, new_state
from penstock.town.wire import ABORT

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
TICK_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Town:
    """A running town: where it listens, and its process."""

    http_url: str
    smtp_host: str
    smtp_port: int
    process: subprocess.Popen[bytes]


class Server(uvicorn.Server):
    """A server that says when it is up, and leaves the signals to us: uvicorn would die of a SIGTERM it has handled."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """Finish what is being answered, then end."""
        self.should_exit = True


class CuttableProtocol(H11Protocol):
    """HTTP whose requests can cut their own connection, for the faults that give no answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def with_scissors(scope: Any, receive: Any, send: Any) -> None:
            scope[ABORT] = self._cut
            await inner(scope, receive, send)

        self.app = with_scissors

    def _cut(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            # linger zero: the peer gets a reset, not an orderly end
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def serve(
    *,
    port: int = 0,
    smtp_port: int = 0,
    seed: int = 7,
    pace: float | None = None,
    patience: float = 60.0,
    ready_file: Path | None = None,
    memory: Path | None = None,
) -> None:
    """Run until SIGTERM or SIGINT. Port 0 takes a free one; `ready_file` gets the addresses as JSON when all is up.

    `pace` None: simulated time, moved by PUT /town/clock and POST /town/advance. A number: the wall clock, with people
    living that many times as fast. `memory`: a file that keeps who lives in town, for a town that is started again.
    """
    places.codes_by_state()  # half a second of reading, better now than inside the first request
    town = new_state(seed, pace=pace, patience=patience, memory=memory)
    listening = socket.create_server((HOST, port), backlog=512)
    # asyncio does not do this for a socket that it was given: without it each answer on a kept connection waits 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    loop = asyncio.get_running_loop()
    connection = functools.partial(SMTP, MailServer(town), hostname="mx.town.example", enable_SMTPUTF8=True, loop=loop)
    smtp = await loop.create_server(connection, HOST, smtp_port, backlog=512)
    server = Server(
        uvicorn.Config(
            make_app(town),
            http=CuttableProtocol,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    living = asyncio.create_task(_live(town)) if pace is not None else None
    await server.up.wait()
    if ready_file is not None:
        ready = {
            "http_url": f"http://{HOST}:{listening.getsockname()[1]}",
            "smtp_host": HOST,
            "smtp_port": smtp.sockets[0].getsockname()[1],
            "pid": os.getpid(),
        }
        await asyncio.to_thread(_write_at_once, ready_file, json.dumps(ready))
    try:
        await asyncio.wait({serving, living} if living else {serving}, return_when=asyncio.FIRST_COMPLETED)
        if living is not None and living.done():
            server.stop()
            living.result()  # it ends only by an error: let that be seen
        await serving
    finally:
        if living is not None:
            living.cancel()
        smtp.close()
        await town.post.close()


async def _live(town: TownState) -> None:
    """By the wall clock things happen on their own."""
    while True:
        await town.timetable.advance(town.clock.now())
        await asyncio.sleep(TICK_SECONDS)


def stop_at_end_of_input() -> None:
    """End this process when its standard input closes, as it does when the process that holds the other end dies."""

    descriptor = sys.stdin.fileno()

    def watch() -> None:
        while os.read(descriptor, 4096):  # not the buffered reader: its lock would be ours when the process ends
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def start_town(
    *,
    seed: int = 7,
    pace: float | None = None,
    patience: float = 60.0,
    port: int = 0,
    smtp_port: int = 0,
    memory: Path | None = None,
) -> Iterator[Town]:
    """A town in a process of its own for the length of the block; see `serve` for the arguments."""
    with tempfile.TemporaryDirectory(prefix="town-") as folder:
        ready = Path(folder) / "ready.json"
        command = [
            sys.executable,
            "-m",
            "penstock.town",
            f"--port={port}",
            f"--smtp-port={smtp_port}",
            f"--seed={seed}",
        ]
        command += [f"--patience={patience}", f"--ready-file={ready}", "--until-eof"]
        if pace is not None:
            command += ["--wall", f"--pace={pace}"]
        if memory is not None:
            command.append(f"--memory={memory}")
        # In a process group of its own: Ctrl-C is for us, who still need the town to end in order.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)  # noqa: S603  (our own interpreter and module)
        try:
            told = _wait_for(ready, process)
            yield Town(told["http_url"], told["smtp_host"], told["smtp_port"], process)
        finally:
            _stop(process)


def _wait_for(ready: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            told: dict[str, Any] = json.loads(ready.read_text())
            return told
        if process.poll() is not None:
            raise RuntimeError(f"the town ended at once with exit code {process.returncode}")
        time.sleep(0.02)
    raise RuntimeError(f"the town was not ready within {START_SECONDS:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _write_at_once(path: Path, content: str) -> None:
    """The file appears with its whole content, never half written."""
    part = path.with_suffix(".part")
    part.write_text(content)
    part.replace(path)
