"""Looking names up: by the system's resolver, or by the one that stands in for it in the town."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import httpx

from penstock.core.errors import ProviderBusy
from penstock.providers.pages.words import PageRefused

Resolver = Callable[[str], Awaitable[list[str]]]
"""All addresses of a host name, as text. Raises PageRefused("no_such_host") or ProviderBusy."""

NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


async def by_system(host: str) -> list[str]:
    """What the system's resolver says."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in NO_SUCH_HOST:
            raise PageRefused("no_such_host") from error
        raise ProviderBusy("the name cannot be looked up now", reached=False) from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def by_url(url: str) -> Resolver:
    """A resolver that asks `url` (GET ?name=&type=A or AAAA) instead."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)

    async def resolve(host: str) -> list[str]:
        found: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                answer = (await client.get(url, params={"name": host, "type": kind})).raise_for_status().json()
            except httpx.HTTPError as error:
                raise ProviderBusy("the name cannot be looked up now", reached=False) from error
            if answer["status"] == "SERVFAIL":
                raise ProviderBusy("the name cannot be looked up now", reached=False)
            if answer["status"] == "NOERROR":
                found += [str(address) for address in answer["answers"]]
        if not found:
            raise PageRefused("no_such_host")
        return found

    return resolve
