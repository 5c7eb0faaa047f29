"""How commands speak: exit codes, and output that no terminal reads."""

from __future__ import annotations

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
