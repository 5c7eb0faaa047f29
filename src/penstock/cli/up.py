"""Everything at once: database, town (when no vendor is connected), API and a worker, until somebody says stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from penstock import assembly, demo, onboarding, worker
from penstock.cli import nearby
from penstock.cli.session import ensure_tenant
from penstock.core.context import Context
from penstock.core.errors import Conflict
from penstock.core.settings import Settings
from penstock.simulate import TownControl
from penstock.town.server import Town, start_town


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: one handler of ours stops everything in order."""
        yield


async def up(settings: Settings, *, pace: float, seed: int, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM, then stop all of it. Raises Conflict when the port is taken."""
    settings = assembly.with_keys(settings)
    listening = _listen(settings.api.host, settings.api.port)
    base = f"http://{settings.api.host}:{listening.getsockname()[1]}"
    with assembly.database_url(settings) as url:
        async with assembly.context(settings, url) as ctx:
            await onboarding.keep_apart(ctx)
            real = await onboarding.real_tenants(ctx)
        if real and not settings.reaches_people:
            say(f"town     none: {', '.join(real)} is real. Connect a vendor, or {onboarding.ELSEWHERE}")
        with _town_if_needed(settings, real=bool(real), pace=pace, seed=seed) as town:
            if town:
                settings = assembly.reached_at(
                    assembly.pointed_at_town(settings, town.http_url, town.smtp_host, town.smtp_port), base
                )
                say(f"town     {town.http_url}, people live {pace:g} times as fast")
            async with assembly.context(settings, url) as ctx:
                await _open(ctx, base, town)
                say(f"API      {base}/docs")
                stop = _signalled()  # from here on a signal stops it in order
                with nearby.told(settings, url, town):
                    say("worker   at work; Ctrl-C stops everything")
                    await _until_stopped(ctx, listening, stop)


def _listen(host: str, port: int) -> socket.socket:
    try:
        listening = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise Conflict(f"Port {port} on {host} is taken.", fix="set PENSTOCK_API__PORT, 0 for a free one") from error
    # asyncio does not do this for a socket that it was given: without it answers on kept connections wait 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@contextmanager
def _town_if_needed(settings: Settings, *, real: bool, pace: float, seed: int) -> Iterator[Town | None]:
    """A town where nobody else would answer; never for a tenant that is real: what a town says is invented."""
    if real or settings.town_url or settings.reaches_people:
        yield None
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    with start_town(seed=seed, pace=pace, memory=settings.home / "town.jsonl") as town:
        yield town


async def _open(ctx: Context, base: str, town: Town | None) -> None:
    """A tenant that can work; in a town one with brokers, whose vendors know where we are."""
    if town is None:
        await ensure_tenant(ctx)
        return
    await demo.open_shop(ctx, base, demo.showcase_of(ctx, demo.Request().playbook))
    control = TownControl(town.http_url)
    try:
        secrets = ctx.settings.vendors
        await control.post_to(
            base,
            mail_token=ctx.settings.mail.inbound_token.get_secret_value(),
            calcom_secret=secrets.calcom.webhook_secret.get_secret_value(),
            vapi_secret=secrets.vapi.webhook_secret.get_secret_value(),
            stripe_secret=secrets.stripe.webhook_secret.get_secret_value(),
        )
    finally:
        await control.close()


def _signalled() -> asyncio.Event:
    """Set by SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _until_stopped(ctx: Context, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve and work until a signal, or until one of the two ends by itself: then its error is raised."""
    from penstock.api.app import create_app  # half a second, which only those wait for who serve

    server = _Server(uvicorn.Config(create_app(ctx), log_config=None, access_log=False, timeout_graceful_shutdown=10))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    working = asyncio.create_task(worker.work(ctx))
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({serving, working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        working.cancel()
        stopped.cancel()
        await asyncio.gather(serving, working, stopped, return_exceptions=True)
    for task in done - {stopped}:
        task.result()
