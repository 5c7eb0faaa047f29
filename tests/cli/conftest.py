"""What tests of commands share: a terminal that is wide enough, whatever it was when the consoles were made."""

from __future__ import annotations

import pytest

from penstock.cli import output


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for console in (output.answers, output.talk):
        monkeypatch.setattr(console, "_width", 200)
