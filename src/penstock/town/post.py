"""How the town reaches the product: webhooks and web pages, with the patience of a real sender."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import httpx

from penstock.town.timetable import NotDelivered

log = logging.getLogger(__name__)
ILL_SECONDS: Final = 5.0  # a receiver that is there and answers 5xx gets this much of the patience
FIRST_PAUSE: Final = 0.05  # seconds of real time, doubled after each try
LONGEST_PAUSE: Final = 2.0


class Post:
    """One HTTP client for all deliveries. A receiver that is down is tried for `patience` seconds of real time."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._client = httpx.AsyncClient(
            timeout=30,
            limits=httpx.Limits(max_connections=64),
            headers={"User-Agent": "Mozilla/5.0 (town)"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # people do not share a browser
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = False,
        once: bool = False,
    ) -> httpx.Response:
        """The answer, whatever its status but 429 and 5xx: those are tried again unless `once`. Raises NotDelivered."""
        began = time.monotonic()
        pause = FIRST_PAUSE
        while True:
            patience = 0.0 if once else self._patience
            try:
                answer = await self._client.request(
                    method, url, content=body, headers=headers, follow_redirects=follow_redirects
                )
                if answer.status_code != 429 and answer.status_code < 500:
                    return answer
                trouble, patience = f"status {answer.status_code}", min(patience, ILL_SECONDS)
            except httpx.InvalidURL as error:
                raise NotDelivered(str(error)) from error
            except httpx.RequestError as error:
                trouble = type(error).__name__
            if time.monotonic() + pause > began + patience:
                log.warning("%s %s: %s", method, _where(url), trouble)
                raise NotDelivered(trouble)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _where(url: str) -> str:
    """Host and first part of the path; the rest may name a person or hold a token."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}/{parts.path.lstrip('/').partition('/')[0]}"
