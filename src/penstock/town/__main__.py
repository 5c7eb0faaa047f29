"""`python -m penstock.town`: run the town until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from penstock.town.server import serve, stop_at_end_of_input


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="penstock.town", description="The stand-in vendors and their people.")
    parser.add_argument("--port", type=int, default=0, help="HTTP port, 0 for a free one")
    parser.add_argument("--smtp-port", type=int, default=0, help="SMTP port, 0 for a free one")
    parser.add_argument("--seed", type=int, default=7, help="the world to make")
    parser.add_argument("--wall", action="store_true", help="run by the wall clock instead of simulated time")
    parser.add_argument("--pace", type=float, default=60.0, help="with --wall: how many times as fast people live")
    parser.add_argument(
        "--patience", type=float, default=60.0, help="real seconds to go on trying a receiver that is down"
    )
    parser.add_argument("--ready-file", type=Path, help="gets the addresses as JSON when the town is up")
    parser.add_argument("--memory", type=Path, help="file that keeps who lives in town from one start to the next")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input is closed")
    given = parser.parse_args()
    if given.until_eof:
        stop_at_end_of_input()
    asyncio.run(
        serve(
            port=given.port,
            smtp_port=given.smtp_port,
            seed=given.seed,
            pace=given.pace if given.wall else None,
            patience=given.patience,
            ready_file=given.ready_file,
            memory=given.memory,
        )
    )


if __name__ == "__main__":
    main()
