"""One town after the other for the tests of a process, each in a process of its own that was forked ready to go.

A town takes a second to import what it is made of. Here that is done once: `python townhouse.py` has everything loaded,
reads commands, forks a town for `new SEED` and tells its addresses. A town ends by SIGKILL before the next one begins,
so nothing that it would still have sent can arrive in somebody else's test.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.town import places
from penstock.town.server import START_SECONDS, Town, serve


class Townhouse:
    """The process that towns are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @contextmanager
    def town(self, seed: int) -> Iterator[Town]:
        """A town in which nothing has happened yet, for the length of the block. One at a time."""
        told = json.loads(self._ask(f"new {seed}"))
        try:
            yield Town(told["http_url"], told["smtp_host"], told["smtp_port"], self._process)
        finally:
            self._ask("end")

    def _ask(self, command: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the townhouse ended with code {self._process.poll()}"
        return answer

    def close(self) -> None:
        """End it; a town that is open ends with it."""
        self._process.communicate()


def main() -> None:
    """Serve commands until standard input ends."""
    places.codes_by_state()
    gc.collect()
    gc.freeze()  # what is loaded stays shared between the towns
    living = 0
    while command := sys.stdin.readline().split():
        end(living)
        living = 0
        if command[0] == "new":
            with tempfile.TemporaryDirectory(prefix="town-") as folder:
                ready = Path(folder) / "ready.json"
                living = fork(int(command[1]), ready)
                print(read(ready, living), flush=True)
        else:
            print("ended", flush=True)
    end(living)


def fork(seed: int, ready: Path) -> int:
    """Begin a town; gives its process id."""
    if child := os.fork():
        return child
    try:
        asyncio.run(serve(seed=seed, ready_file=ready))
    finally:
        os._exit(1)  # only SIGKILL ends a town


def read(ready: Path, child: int) -> str:
    """What the town says of itself when it is up."""
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if time.monotonic() > deadline or os.waitpid(child, os.WNOHANG)[0]:
            raise RuntimeError("the town did not start")
        time.sleep(0.002)
    return ready.read_text()


def end(child: int) -> None:
    """Kill a town and see it gone."""
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
