"""The chain of checks of one kind of point, with the vendors that can be asked now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import RowMapping

from penstock.core.context import Context
from penstock.core.errors import NotConfigured
from penstock.playbook import Check, Playbook
from penstock.providers import email, phone
from penstock.providers.checks import Checker, Meaning, next_check
from penstock.verification import rules
from penstock.verification.rules import Plan

CONNECT = {"email": email.connect, "phone": phone.connect}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chain:
    """The checks of one kind of point of one playbook, in order; a checker is None whose vendor is not connected.

    A check that nobody can make counts as one that could not decide: the next that is asked on gray stands in for it.
    Where none does, points wait at the first check, and end their round at a later one. `only`: the playbook of people
    who are nobody's lead.
    """

    org_id: int
    playbook: Playbook
    only: str
    kind: str
    checks: tuple[Check, ...]
    checkers: tuple[Checker | None, ...]

    @classmethod
    def of(cls, ctx: Context, org_id: int, playbook: Playbook, kind: str) -> Chain:
        """The chain as the settings connect it."""
        checks = tuple(terms for terms in playbook.checks if terms.kind == kind)
        about_companies = [name for name, book in ctx.playbooks.items() if book.subject == "company"]
        only = about_companies[0] if len(about_companies) == 1 else ""
        return cls(org_id, playbook, only, kind, checks, tuple(_checker(ctx, terms) for terms in checks))

    @property
    def runnable(self) -> list[bool]:
        return [checker is not None for checker in self.checkers]

    @property
    def connected(self) -> list[int]:
        """The steps that can be done, in order."""
        return [step for step, checker in enumerate(self.checkers) if checker is not None]

    @property
    def where(self) -> dict[str, Any]:
        """What the queries ask for."""
        return {"org_id": self.org_id, "kind": self.kind, "playbook": self.playbook.name}

    def stands_for(self, step: int) -> list[int]:
        """The steps whose points this check takes: its own, and those of absent vendors before it."""
        absent = [before for before in range(step) if self.checkers[before] is None]
        return [step, *(before for before in absent if self._follows(before, "gray") == step)]

    def _follows(self, step: int, colour: str) -> int | None:
        return next_check(self.checks, self.runnable, step, colour)

    def plan(self, step: int, colour: str, *, at: datetime, gray_rounds: int, charged: bool) -> Plan:
        """What follows a check that left the point `colour`."""
        return rules.plan(self.checks, self.runnable, step, colour, at=at, gray_rounds=gray_rounds, charged=charged)

    def given_up(self, point: RowMapping, at: datetime) -> Plan:
        """The end of a round whose next check nobody makes: planned as its last check would have it."""
        last = min(point["check_step"], len(self.checks)) - 1
        nobody = [False] * len(self.checks)
        rounds, colour = point["gray_rounds"], point["status"]
        return rules.plan(self.checks, nobody, last, colour, at=at, gray_rounds=rounds, charged=False)


@dataclass(frozen=True, slots=True)
class Desk:
    """One check of a chain, ready to be bought."""

    chain: Chain
    step: int
    checker: Checker
    code_map: Mapping[str, Meaning]

    @property
    def terms(self) -> Check:
        return self.chain.checks[self.step]

    @property
    def org_id(self) -> int:
        return self.chain.org_id


def _checker(ctx: Context, terms: Check) -> Checker | None:
    try:
        return CONNECT[terms.capability](ctx.http, ctx.settings, terms.vendor)
    except NotConfigured as missing:
        log.warning("vendor_not_connected", vendor=terms.vendor, fix=missing.fix)
        return None
