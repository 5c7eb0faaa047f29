"""How an endpoint reaches the Context of the application it runs in."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from penstock.core.context import Context


def get_context(request: Request) -> Context:
    """The Context that the application was assembled with."""
    return cast(Context, request.app.state.ctx)


Ctx = Annotated[Context, Depends(get_context)]


def why_refused(request: Request, *signatures: str) -> str:
    """What is kept of a webhook that did not verify: unsigned where it has none of these headers, else signature."""
    return "signature" if any(name in request.headers for name in signatures) else "unsigned"
