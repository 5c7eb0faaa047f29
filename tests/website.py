"""A web server on a socket, which behaves as badly as it is told to, and answers for every name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

PUBLIC = "93.184.216.34"
HTML = "Content-Type: text/html\r\n"


class Site:
    """A web server on a socket of its own: a path leads to bytes, or to a function that writes them."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Callable[..., Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.port = 0

    def put(self, path: str, text: str | bytes = "", *, status: str = "200 OK", head: str = HTML, to: str = "") -> None:
        body = text.encode() if isinstance(text, str) else text
        head += f"Location: {to}\r\n" if to else ""
        self.pages[path] = f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        path = head[0].split()[1]
        if path.startswith("/dns?"):
            answers = [PUBLIC] if path.endswith("type=A") else []
            writer.write(_answer(json.dumps({"status": "NOERROR", "answers": answers})))
            await writer.drain()
            writer.close()
            return
        self.asked.append((headers["host"], path, headers))
        page = self.pages.get(f"{headers['host']}{path}") or self.pages.get(
            path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            if callable(page):
                await page(writer, headers)
            else:
                writer.write(page)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]

    def count(self, host: str, path: str) -> int:
        return sum((host, path) == (asked, at) for asked, at, _ in self.asked)


def _answer(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
