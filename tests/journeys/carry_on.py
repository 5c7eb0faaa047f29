"""A demo run as a process of its own, on a database and a town that are there already: something that can be killed.

`python carry_on.py DATABASE_URL TOWN_URL SMTP_PORT ROWS DAYS SEED [PLAYBOOK]` says `begun`, and the report as JSON on
its last line.
"""

# ruff: noqa: E402

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
from pathlib import Path

gc.disable()  # it would double the time that the imports take
from penstock import assembly
from penstock.core import clock
from penstock.core.settings import Settings
from penstock.demo import Request, carry_on, demo_settings

gc.freeze()
gc.enable()


async def main(
    database_url: str, town_url: str, smtp_port: str, rows: str, days: str, seed: str, playbook: str = Request.playbook
) -> None:
    settings = demo_settings(Settings(home=Path(tempfile.gettempdir())), int(seed))
    pointed = assembly.pointed_at_town(settings, town_url, "127.0.0.1", int(smtp_port))
    request = Request(int(rows), int(days), int(seed), playbook)
    async with assembly.context(pointed, database_url) as ctx:
        print("begun", flush=True)
        report = await carry_on(ctx, town_url, request, lambda at, what: None, clock.stopwatch())
    sys.stdout.write(json.dumps(report) + "\n")


asyncio.run(main(*sys.argv[1:]))
