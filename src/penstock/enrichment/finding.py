"""Finding the email of a person at a company: addresses made by pattern, each checked before anything is kept.

A candidate goes through the playbook's own email checks, cheapest first, and through the ledger like any check, so that
what is asked here is not bought again when the address is verified. The first that lives is taken; where the domain
accepts all, the likeliest is, and stays yellow. Where nobody can say, nothing is found.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import NotConfigured, ProviderBusy, ProviderRefused
from penstock.core.sqlfile import load
from penstock.enrichment import circuits, ledger, patterns
from penstock.enrichment.ledger import CallRequest, Claim, Outcome
from penstock.enrichment.purchase import PATIENCE_S, buy
from penstock.playbook import Check, Finder, Playbook
from penstock.providers import Reply, email, requests_per_s
from penstock.providers.checks import UNDECIDED, Checker, Meaning, Verdict, judge, next_check, one_by_one, settle
from penstock.providers.contacts import Found, FoundEmail, OwnerCheck, Subject

SQL = load(__package__, "finding.sql")
AT_ONCE = 2  # people at a time: each holds a connection to the database now and then
SCORES = {"green": 90, "yellow": 50}
# What is wrong with the domain is wrong with every address there.
HOPELESS = frozenset({"no_domain", "null_mx", "no_mail_host", "disposable"})


@dataclass(frozen=True, slots=True)
class Checked:
    """A candidate with what its checks came to; `codes` of all of them."""

    verdict: Verdict
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is on file at a domain: the patterns its living addresses show, and every address that has an owner."""

    shown: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()


class PatternFinder:
    """A ContactFinder whose vendor is arithmetic; it pays others to check its guesses."""

    batch_size = 20

    def __init__(self, ctx: Context, org_id: int, playbook: Playbook) -> None:
        """Raises NotConfigured where no check of addresses can be made: a guess nobody checks is worth nothing."""
        self._ctx, self._org_id, self._playbook = ctx, org_id, playbook
        self._terms = playbook.finder or Finder()
        self._checks = tuple(check for check in playbook.checks if check.kind == "email")
        self._checkers = tuple(_connected(ctx, check) for check in self._checks)
        self._runnable = [checker is not None for checker in self._checkers]
        if not any(self._runnable):
            raise NotConfigured("no check of email addresses is connected", fix="connect one of the playbook's checks")

    async def fetch(self, subjects: Sequence[Subject]) -> list[Reply]:
        """One reply per person, in order; free by itself. Whose check has to wait carries an error."""
        known = await self._known({subject.domain for subject in subjects})
        maps = await self._code_maps()
        by_key = {subject.key(): subject for subject in subjects}

        async def ask(key: str) -> Reply:
            return await self._find(by_key[key], known[by_key[key].domain], maps)

        return await one_by_one([subject.key() for subject in subjects], ask, at_once=AT_ONCE)

    def read(self, raw: Mapping[str, Any]) -> Found:
        """What a stored search says."""
        address, status = raw.get("address"), str(raw.get("status") or "")
        if not address:
            return Found(matched=False)
        found = FoundEmail(str(address), score=SCORES.get(status))
        return Found(matched=True, owner=OwnerCheck.CONFIRMED, emails=(found,))

    async def _known(self, domains: set[str]) -> defaultdict[str, Known]:
        async with self._ctx.db.tenant(self._org_id) as db:
            found = await rows(db, SQL["addresses_at"], org_id=self._org_id, domains=sorted(domains))
        shown: defaultdict[str, list[tuple[patterns.Name, str]]] = defaultdict(list)
        taken: defaultdict[str, set[str]] = defaultdict(set)
        for row in found:
            local, _, domain = self._ctx.sealer.open(self._org_id, row["value"]).partition("@")
            taken[domain].add(f"{local}@{domain}")
            name = patterns.name_of(row["first_name"], row["last_name"], row["full_name"])
            if row["lives"] and name is not None:
                shown[domain].append((name, local))
        known: defaultdict[str, Known] = defaultdict(Known)
        for domain in domains:
            known[domain] = Known(tuple(patterns.learn(shown[domain])), frozenset(taken[domain]))
        return known

    async def _code_maps(self) -> list[dict[str, Meaning]]:
        async with self._ctx.db.tenant(self._org_id) as db:
            found = await rows(db, SQL["code_maps"], providers=[check.vendor for check in self._checks])
        maps: list[dict[str, Meaning]] = []
        for check in self._checks:
            mine = [row for row in found if row["provider"] == check.vendor]
            maps.append({row["code"]: Meaning(row["is_verified"], row["status"]) for row in mine})
        return maps

    async def _find(self, subject: Subject, known: Known, maps: Sequence[Mapping[str, Meaning]]) -> Reply:
        name = patterns.name_of(subject.first_name, subject.last_name, None)
        if name is None:
            return _nothing("no name that an address could be made of")
        guesses = patterns.candidates(name, subject.domain, known=known.shown, limit=self._terms.candidates)
        for address in guesses:
            if address in known.taken:  # a colleague's, or the person's own that died
                continue
            checked = await self._check(address, subject, maps)
            if checked.verdict.status in SCORES:
                return Reply(raw={"address": address, "status": checked.verdict.status}, billable=True)
            if checked.verdict.status == "gray":
                return _nothing("nobody could say")
            if HOPELESS.intersection(checked.codes):
                return _nothing("the domain takes no mail")
        return _nothing("none of the guesses lives")

    async def _check(self, address: str, subject: Subject, maps: Sequence[Mapping[str, Meaning]]) -> Checked:
        """Walk the chain of checks. Raises ProviderBusy where one has to wait."""
        step: int | None = 0 if self._runnable[0] else next_check(self._checks, self._runnable, 0, "gray")
        verdict: Verdict | None = None
        codes: tuple[str, ...] = ()
        while step is not None:
            checker = self._checkers[step]
            assert checker is not None
            raw = await self._ask(self._checks[step], checker, address, subject)
            said = checker.read(raw).codes if raw is not None else ()
            verdict = settle(verdict, judge(said, maps[step]), guessed=True)
            codes += said
            step = next_check(self._checks, self._runnable, step, verdict.status)
        return Checked(verdict or UNDECIDED, codes)

    async def _ask(self, terms: Check, checker: Checker, address: str, subject: Subject) -> Mapping[str, Any] | None:
        """The vendor's answer about one address, of now or of before; None where none will come."""
        claim = await self._reserve(terms, address, subject)
        if claim.outcome is Outcome.ANSWERED:
            return claim.answer
        if claim.outcome is Outcome.IN_FLIGHT:
            raise ProviderBusy("somebody else is asking about this address now", reached=False)
        if claim.outcome is Outcome.OVER_DAY_CAP:
            raise ProviderBusy("enough was spent today", reached=False)
        if claim.outcome is not Outcome.RESERVED:
            return None
        bought = await buy(self._ctx, self._org_id, terms.vendor, [claim], partial(checker.fetch, [address]))
        if bought.later:
            raise ProviderBusy(f"{terms.vendor} is busy", reached=False)
        if bought.refused:
            raise ProviderRefused(bought.refused[0][1])
        return bought.answered[0][1].raw if bought.answered else None

    async def _reserve(self, terms: Check, address: str, subject: Subject) -> Claim:
        request = CallRequest(
            vendor=terms.vendor,
            operation=terms.operation,
            request_key=address,
            price_cents=terms.price_cents,
            fresh_days=terms.fresh_days,
            stage="enrichment",
            lead_id=UUID(subject.reference) if subject.reference else None,
            playbook=self._playbook.name,
        )
        rate = requests_per_s(self._ctx.settings, terms.vendor)
        while True:
            async with self._ctx.db.tenant(self._org_id) as db:
                wait_s = await circuits.admit(db, self._org_id, terms.vendor, requests_per_s=rate)
                if not wait_s:
                    return (await ledger.reserve(self._ctx, db, self._org_id, [request]))[0]
            if wait_s > PATIENCE_S:
                raise ProviderBusy(f"{terms.vendor} takes no more now", retry_after_s=wait_s, reached=False)
            await asyncio.sleep(wait_s)


def _connected(ctx: Context, check: Check) -> Checker | None:
    try:
        return email.connect(ctx.http, ctx.settings, check.vendor)
    except NotConfigured:
        return None


def _nothing(why: str) -> Reply:
    return Reply(raw={"address": None, "why": why}, billable=False)
