"""The scrape pump of an org as a process of its own, on a database that is there already: it can be killed.

`python scrape_once.py DATABASE_URL SITE_PORT AT` or `python scrape_once.py DATABASE_URL TOWN_URL AT`; prints how many
pages. With `--after-a-word` it says that it is ready, and begins when its input ends.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr

from penstock import assembly
from penstock.core import clock, workers
from penstock.core.settings import Net, Settings
from penstock.scrape import tasks

MASTER_KEY = "5eed" * 16


def settings_for(where: str) -> Settings:
    plain = Settings(environment="demo", home=Path(tempfile.gettempdir()), master_key=SecretStr(MASTER_KEY))
    if where.startswith("http"):
        return assembly.pointed_at_town(plain, where, "127.0.0.1", 25)
    at = f"127.0.0.1:{where}"
    net = Net(connect_to=at, dns_url=f"http://{at}/dns", requests_per_s_per_host=1000)
    return plain.model_copy(update={"net": net})


async def main(database_url: str, where: str, at: str, *how: str) -> None:
    clock.hold(clock.datetime.fromisoformat(at))
    async with assembly.context(settings_for(where), database_url) as ctx:
        await workers.register(ctx)
        if "--after-a-word" in how:
            print("ready", flush=True)
            sys.stdin.read()
        sys.stdout.write(f"{await tasks.pump(ctx, 1)}\n")
        await workers.sign_off(ctx)


asyncio.run(main(*sys.argv[1:]))
