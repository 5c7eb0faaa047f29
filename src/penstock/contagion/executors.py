"""Who measures the places of a large pass: processes beside this one, or a Dask cluster, open for that pass alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.core.errors import NotConfigured
from penstock.core.settings import Contagion

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
CONNECT_S = 10.0
EXACT = ("penstock", "numpy", "scipy")  # with other versions an answer could differ in a bit


@asynccontextmanager
async def executor_for(settings: Contagion, places: int) -> AsyncIterator[Executor | None]:
    """Who measures so many places, closed at the end however that comes; None: a thread of this process.

    Raises NotConfigured where the Dask cluster of the settings cannot be used.
    """
    if places < settings.from_places or (settings.processes == 1 and not settings.dask):
        yield None
        return
    source = _cluster(settings.dask) if settings.dask else _processes(settings.processes)
    opened = ExitStack()
    try:
        yield await _to_the_end(opened.enter_context, source)
    finally:
        await _to_the_end(opened.close)


async def _to_the_end(call: Callable[..., T], *args: Any) -> T:
    """What a call gives that is made in a thread. Whoever is cancelled meanwhile waits for it all the same."""
    made = asyncio.create_task(asyncio.to_thread(call, *args))
    try:
        return await asyncio.shield(made)
    except asyncio.CancelledError:
        await asyncio.wait([made])
        raise


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    """Fresh processes: a fork would take along the locks of this one's threads."""
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_settle_in)
    try:
        for _ in range(count):
            pool.submit(os.getpid)  # they start while the pass is made ready
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _settle_in() -> None:
    """In a process of the pool: leave Ctrl-C to the parent, and end when it does, even by kill -9."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    if find_spec("distributed") is None:
        raise NotConfigured(
            "PENSTOCK_CONTAGION__DASK is set, but Dask is not installed",
            fix="pip install 'penstock[dask]' in this environment, or unset it",
        )
    from distributed import Client  # with the extra alone

    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False, name="penstock")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise NotConfigured(
            f"no Dask scheduler answers at {address}", fix="start it, or mend or unset PENSTOCK_CONTAGION__DASK"
        ) from error
    with client:
        _look_at_the_workers(client, address)
        yield client.get_executor(pure=False)  # type: ignore[no-untyped-call]


def _look_at_the_workers(client: Client, address: str) -> None:
    """Raises NotConfigured if there are none, or one that would not give the same bits."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError as error:
        raise NotConfigured(
            f"the Dask scheduler at {address} has no workers", fix=f"dask worker {address}, on each machine"
        ) from error
    ours, theirs = versions(), client.run(versions, on_error="return")
    if other := {worker: found for worker, found in theirs.items() if found != ours}:
        worker, found = next(iter(other.items()))
        raise NotConfigured(
            f"the Dask worker {worker} cannot measure the same to the bit: it has {found}, we have {ours}",
            fix="install the same Penstock from the same lock file on each worker",
        )


def versions() -> dict[str, str]:
    """Of what the bits of an answer depend on, in the process that is asked."""
    return {name: version(name) for name in EXACT}
