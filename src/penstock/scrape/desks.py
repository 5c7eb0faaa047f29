"""Who reads which pages, on what terms: the watches of each playbook, put together by source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from penstock.core.context import Context
from penstock.core.errors import NotConfigured
from penstock.enrichment import CallRequest
from penstock.playbook import Playbook, Watch
from penstock.providers.pages import REGISTRY
from penstock.providers.pages.words import PageSource

FRESH_DAYS = 30  # the period in which a page is read, and paid for, at most once
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """One source that reads some types of pages for one playbook. `only`: the playbook of companies that name none."""

    org_id: int
    playbook: Playbook
    only: str
    watches: tuple[Watch, ...]
    source: PageSource

    @property
    def terms(self) -> Watch:
        """Vendor, operation and price: the same for all watches of a desk."""
        return self.watches[0]

    @property
    def url_types(self) -> list[str]:
        return [watch.url_type for watch in self.watches]


def desks(ctx: Context, org_id: int) -> Iterable[Desk]:
    about_companies = [playbook for playbook in ctx.playbooks.values() if playbook.subject == "company"]
    only = about_companies[0].name if len(about_companies) == 1 else ""
    for playbook in about_companies:
        by_terms: dict[tuple[object, ...], list[Watch]] = {}
        for watch in playbook.watches:
            by_terms.setdefault((watch.source, watch.operation, watch.price_cents), []).append(watch)
        for watches in by_terms.values():
            try:
                source = REGISTRY[watches[0].source](ctx.http, ctx.settings, watches[0].operation)
            except NotConfigured as missing:
                log.warning("vendor_not_connected", vendor=watches[0].source, fix=missing.fix)  # the pages wait
                continue
            yield Desk(org_id, playbook, only, tuple(watches), source)


def request_for(playbook: str, terms: Watch, url: str) -> CallRequest:
    """The question to the ledger: this address, by this actor, once in the period."""
    return CallRequest(
        vendor=terms.source,
        operation=terms.operation,
        request_key=url,
        price_cents=terms.price_cents,
        fresh_days=FRESH_DAYS,
        stage="scrape",
        playbook=playbook,
    )
