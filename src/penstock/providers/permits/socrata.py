"""Socrata (SODA): the open-data portals of most US cities. Free; version 3 with an app token, version 2.1 without.

Habits: a column without a value is left out of its row, numbers come as text, times carry no zone, text is compared
with its case. High page numbers are slow, and rows move between pages while a portal is being filled. So a page is
asked for by time: from the last day seen on, leaving out the rows of that day that came before.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import httpx

from penstock.core.errors import InvalidInput, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account
from penstock.providers.permits.words import Dataset, Described

VENDOR = "socrata"
PAGE_SIZE = 1000
BASE_URL = "https://{domain}"  # of an Account: the portal's domain is put in
QUERY_S = 300  # what version 3 may take for a query

_WORD: Final = re.compile(r"[A-Za-z0-9 .-]+")


class Socrata:
    """A portal over the shared client. `account.base_url` holds {domain}; an empty key means no app token."""

    def __init__(self, client: httpx.AsyncClient, account: Account, page_size: int = PAGE_SIZE) -> None:
        self._client, self._account, self._page_size = client, account, page_size

    async def pages(
        self, dataset: Dataset, *, since: date | None = None, words: Sequence[str] = ()
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every row from `since` on, oldest first, none twice, in pages. Stops where a page comes back short."""
        start = since.isoformat() + "T00:00:00.000" if since else None
        seen: frozenset[str] = frozenset()  # the rows already given of the time `start`
        skipped = 0  # of rows of that one time, when they fill more than a page
        while True:
            rows = await self._page(dataset, start, words, skipped)
            fresh = [row for row in rows if _identity(row, dataset) not in seen]
            if fresh:
                yield fresh
            if len(rows) < self._page_size:
                return
            last = str(rows[-1].get(dataset.dated))
            at_last = frozenset(_identity(row, dataset) for row in rows if row.get(dataset.dated) == last)
            if last == start:
                skipped += len(rows)
                seen |= at_last
            else:
                start, seen, skipped = last, at_last, 0

    async def describe(self, dataset: Dataset) -> Described:
        """The dataset's columns and age. Raises ProviderRefused where it does not exist or is not public."""
        return parse_description(await ask_json(self._client, build_description(self._account, dataset)))

    async def _page(
        self, dataset: Dataset, start: str | None, words: Sequence[str], skipped: int
    ) -> list[Mapping[str, Any]]:
        request = build_request(self._account, dataset, start=start, words=words, limit=self._page_size, offset=skipped)
        try:
            return parse_answer(await ask_json(self._client, request), dataset)
        except ProviderRefused as refused:
            raise await self._explained(dataset, refused) from refused

    async def _explained(self, dataset: Dataset, refused: ProviderRefused) -> ProviderRefused:
        """The refusal with what the dataset's own description tells about it: a portal renames its columns at will."""
        where = f"{dataset.domain}/{dataset.id}"
        try:
            columns = (await self.describe(dataset)).columns
        except ProviderRefused:
            return ProviderRefused(
                f"{refused.detail}: {where} cannot be read",
                fix="check its domain and id, that it is public, and the token",
            )
        missing = [c for c in (dataset.dated, dataset.key, dataset.text) if c and c not in columns and c[0] != ":"]
        if not missing:
            return ProviderRefused(f"{refused.detail}: {where} does not take this query", fix="check its condition")
        return ProviderRefused(
            f"{refused.detail}: {where} has no column {', '.join(missing)}",
            fix=f"it has {', '.join(sorted(columns)[:60])}",
        )


def build_request(
    account: Account, dataset: Dataset, *, start: str | None, words: Sequence[str] = (), limit: int, offset: int = 0
) -> Request:
    """One page. `start`: a time as the portal writes it; None for all rows that have one. `offset`: whole pages."""
    where, order = condition(dataset, start, words), f"{dataset.dated},{dataset.key}"
    if account.key:
        # Never "orderingSpecifier": "discard": it throws the ORDER BY away, and with it the sense of a page.
        body = {
            "query": f"SELECT * WHERE {where} ORDER BY {order}",
            "page": {"pageNumber": offset // limit + 1, "pageSize": limit},
            "includeSystem": False,
            "includeSynthetic": False,
            "timeout": QUERY_S,
        }
        return Request(
            vendor=VENDOR,
            method="POST",
            url=_url(account, dataset, f"/api/v3/views/{dataset.id}/query.json"),
            headers=_headers(account),
            json=body,
            timeout_s=max(account.timeout_s, QUERY_S + 15.0),
            repeatable=True,
        )
    return Request(
        vendor=VENDOR,
        method="GET",
        url=_url(account, dataset, f"/resource/{dataset.id}.json"),
        headers=_headers(account),
        query={"$where": where, "$order": order, "$limit": str(limit), "$offset": str(offset)},
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def condition(dataset: Dataset, start: str | None, words: Sequence[str] = ()) -> str:
    """The condition in SoQL. Raises InvalidInput for a word that is more than a word."""
    parts = [f"{dataset.dated} >= {_quoted(start)}" if start else f"{dataset.dated} IS NOT NULL"]
    if dataset.only:
        parts.append(f"({dataset.only})")
    if words:
        if dataset.text is None:
            raise InvalidInput(f"{dataset.domain}/{dataset.id} names no column of text to look for words in")
        for word in words:
            if not _WORD.fullmatch(word):
                raise InvalidInput(f"{word!r} cannot be looked for: letters, digits, blanks, dots and hyphens only")
        likes = (f"upper({dataset.text}) LIKE {_quoted('%' + word.upper() + '%')}" for word in words)
        parts.append("(" + " OR ".join(likes) + ")")
    return " AND ".join(parts)


def parse_answer(body: object, dataset: Dataset) -> list[Mapping[str, Any]]:
    """The rows of a page. Raises ProviderRefused for an error sent as a page, ProviderUnclear for no page at all."""
    if isinstance(body, Mapping) and body.get("error"):
        raise ProviderRefused(f"socrata refuses {dataset.id}: {str(body.get('code', 'no reason given'))[:80]}")
    if not isinstance(body, list) or not all(isinstance(row, Mapping) for row in body):
        raise ProviderUnclear("socrata answered with something that is no list of rows")
    return body


def build_description(account: Account, dataset: Dataset) -> Request:
    """The dataset's metadata; the same in both versions."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=_url(account, dataset, f"/api/views/{dataset.id}.json"),
        headers=_headers(account),
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def parse_description(body: object) -> Described:
    """Column names and the time of the last change. `rowsUpdatedAt` is in seconds."""
    if not isinstance(body, Mapping) or not isinstance(body.get("columns"), list):
        raise ProviderUnclear("socrata answered with something that describes no dataset")
    names = tuple(str(column.get("fieldName", "")) for column in body["columns"] if isinstance(column, Mapping))
    changed = body.get("rowsUpdatedAt")
    updated_at = datetime.fromtimestamp(changed, UTC) if isinstance(changed, int) and changed > 0 else None
    return Described(columns=names, updated_at=updated_at)


def _identity(row: Mapping[str, Any], dataset: Dataset) -> str:
    """What tells a row from others: its time and its key; the whole row where it has no key."""
    if row.get(dataset.key):
        return f"{row.get(dataset.dated)} {row[dataset.key]}"
    return repr(sorted(row.items()))


def _url(account: Account, dataset: Dataset, path: str) -> str:
    return account.url(path).replace("{domain}", dataset.domain)


def _headers(account: Account) -> dict[str, str]:
    return {"Accept": "application/json"} | ({"X-App-Token": account.key} if account.key else {})


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
