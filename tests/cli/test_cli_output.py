"""How commands speak: exit codes, and output that no terminal reads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from penstock.cli.output import Code, code_of
from penstock.core import errors

WRONG = (errors.InvalidInput, errors.NotFound)
REFUSED = (errors.Conflict, errors.NotAllowed, errors.NotConfigured, errors.ProviderBusy, errors.ProviderRefused)


@pytest.mark.parametrize("error", [*WRONG, *REFUSED])
def test_an_exit_code_says_whether_the_command_or_the_world_is_to_be_changed(
    error: type[errors.PenstockError],
) -> None:
    assert code_of(error("x")) == (Code.BAD_INPUT if error in WRONG else Code.FAILED)


def test_what_no_terminal_reads_is_not_folded() -> None:
    said = (
        "from penstock.cli.output import Code, answers, fail, table;"
        "fail('a ' * 150 + 'last word', Code.FAILED);"
        "answers.print(table('T', ['first', 'second'], [['x' * 60, 'y' * 60]]))"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, env=env, timeout=60, check=True)
    assert len(done.stderr.splitlines()) == 1 and done.stderr.endswith("last word\n")
    assert "x" * 60 + "  " + "y" * 60 in done.stdout
