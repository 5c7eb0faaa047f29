"""Apify: run an actor, read its dataset. Base URL …/apify/v2; the paths exist with /actors and with the older /acts.

A run is READY, RUNNING from the next minute on, and done fifteen minutes after its start, or at once where a request
says `waitForFinish`. Items show the world at that instant, one for each URL of the input and in its order; those
without an error are billed. The fault `run_failed` ends a run half-way: FAILED, with the first half of its items.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town.business.actors import ACTORS, Actor
from penstock.town.clock import stamp
from penstock.town.state import TownState
from penstock.town.timetable import Event
from penstock.town.wire import bearer, hurt, text

TAKES: Final = timedelta(minutes=15)
READY_FOR: Final = timedelta(minutes=1)
ENDED: Final = ("SUCCEEDED", "FAILED", "ABORTED")
PAGE: Final = 250_000


@dataclass
class Run:
    """One run of an actor, and its dataset once it has ended."""

    id: str
    actor: Actor
    urls: list[str]
    started_at: datetime
    fails: bool
    options: dict[str, Any]
    webhooks: list[dict[str, Any]]
    status: str = "READY"
    finished_at: datetime | None = None
    items: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self, now: datetime) -> dict[str, Any]:
        """The run object of the API."""
        status = self.status
        if status == "READY" and now - self.started_at >= READY_FOR:
            status = "RUNNING"
        ended = self.finished_at
        failed = {"statusMessage": "The actor ran out of its proxies"} if status == "FAILED" else {}
        return {
            "id": self.id,
            "actId": self.actor.id,
            "userId": "u1",
            "status": status,
            "statusMessage": None,
            **failed,
            "startedAt": stamp(self.started_at),
            "finishedAt": stamp(ended) if ended else None,
            "buildId": "b1",
            "buildNumber": "0.0.36",
            "exitCode": None if ended is None else int(status != "SUCCEEDED"),
            "defaultDatasetId": f"ds{self.id}",
            "defaultKeyValueStoreId": f"kv{self.id}",
            "defaultRequestQueueId": f"rq{self.id}",
            "options": {"build": "latest", "timeoutSecs": 300, "memoryMbytes": 1024, **self.options},
            "stats": {"computeUnits": 0.1, "durationMillis": int((ended or now).timestamp() * 1000)
                      - int(self.started_at.timestamp() * 1000)},
            "usageTotalUsd": self.actor.price_tenths * sum("error" not in item for item in self.items) / 1000,
            "chargedEventCounts": {"actor-start": 1},
            "meta": {"origin": "API"},
        }  # fmt: skip


class Finish(Event):
    """The end of a run, and the news of it to its ad hoc webhooks."""

    def __init__(self, apify: Apify, run: Run) -> None:
        super().__init__(actor=f"apify {run.id}", key=f"apify {run.id}")
        self._apify, self._run = apify, run
        self._told: set[int] = set()

    def prepare(self) -> None:
        """The run ends here, before anything else of the instant asks for it."""
        self._apify.finish(self._run)

    async def perform(self) -> None:
        """Tell every subscriber once (twice with that fault)."""
        town, run = self._apify.town, self._run
        name = f"ACTOR.RUN.{run.status}"
        payload = {
            "userId": "u1",
            "createdAt": stamp(town.clock.now()),
            "eventType": name,
            "eventData": {"actorId": run.actor.id, "actorRunId": run.id},
            "resource": run.as_json(town.clock.now()),
        }
        for position, hook in enumerate(run.webhooks):
            if position in self._told or name not in hook.get("eventTypes", []):
                continue
            headers = {"Content-Type": "application/json", **_object(text(hook.get("headersTemplate")))}
            for _ in range(1 + town.faults.doubles("apify", f"{run.id} {position}")):
                answer = await town.post.send(
                    "POST", text(hook.get("requestUrl")), body=json.dumps(payload).encode(), headers=headers
                )
                if answer.is_error:
                    town.truth.refusals["apify"] += 1
            self._told.add(position)


class Apify:
    """The endpoints over one town."""

    def __init__(self, town: TownState) -> None:
        self.town = town
        self._runs: dict[str, Run] = {}
        self._tries: dict[str, int] = {}

    def routes(self) -> list[Route]:
        """Paths below the vendor's base URL (…/v2)."""
        both = [
            route
            for name in ("actors", "acts")
            for route in (
                Route(f"/{name}/{{actor}}/runs", self.start, methods=["POST"]),
                Route(f"/{name}/{{actor}}/run-sync-get-dataset-items", self.run_sync, methods=["POST"]),
            )
        ]
        return [
            *both,
            Route("/actor-runs/{run}", self.show, methods=["GET"]),
            Route("/actor-runs/{run}/abort", self.abort, methods=["POST"]),
            Route("/actor-runs/{run}/dataset/items", self.items, methods=["GET"]),
            Route("/datasets/{dataset}/items", self.items, methods=["GET"]),
            Route("/users/me", self.me, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Start a run: 201 and the run."""
        run = await self._new_run(request)
        if isinstance(run, Response):
            return run
        self.town.timetable.add(self.town.clock.after(TAKES), Finish(self, run))
        if _waits(request):
            self.finish(run)
        return JSONResponse({"data": run.as_json(self.town.clock.now())}, status_code=201)

    async def run_sync(self, request: Request) -> Response:
        """Start a run, wait for it, and give its items: 201, or 400 if it failed."""
        run = await self._new_run(request)
        if isinstance(run, Response):
            return run
        self.town.timetable.add(self.town.clock.after(TAKES), Finish(self, run))
        self.finish(run)
        if run.status == "FAILED":
            return _error(400, "run-failed", "The run did not succeed")
        return _page(run.items, request, status=201)

    async def show(self, request: Request) -> Response:
        """The run as it stands; `waitForFinish` ends it."""
        run = await self._found(request, request.path_params["run"])
        if isinstance(run, Response):
            return run
        if _waits(request):
            self.finish(run)
        return JSONResponse({"data": run.as_json(self.town.clock.now())})

    async def abort(self, request: Request) -> Response:
        """Stop a run that has not ended; it has no items then."""
        run = await self._found(request, request.path_params["run"])
        if isinstance(run, Response):
            return run
        if run.status not in ENDED:
            run.status, run.finished_at = "ABORTED", self.town.clock.now()
        return JSONResponse({"data": run.as_json(self.town.clock.now())})

    async def items(self, request: Request) -> Response:
        """The dataset of a run as a bare array; where the page stands is in the headers."""
        name = request.path_params.get("run") or request.path_params["dataset"].removeprefix("ds")
        run = await self._found(request, name)
        return run if isinstance(run, Response) else _page(run.items, request)

    async def me(self, request: Request) -> Response:
        """Whose token it is."""
        return _refused(request) or JSONResponse({"data": {"id": "u1", "username": "town"}})

    def finish(self, run: Run) -> None:
        """Let a run end now, once: read what it was sent for, and bill it."""
        if run.status in ENDED:
            return
        wanted = run.urls[: len(run.urls) // 2] if run.fails else run.urls
        run.items = [run.actor.read(self.town, url) for url in wanted]
        run.status, run.finished_at = "FAILED" if run.fails else "SUCCEEDED", self.town.clock.now()
        good = [run.actor.item(url) for url, item in zip(wanted, run.items, strict=True) if "error" not in item]
        self.town.truth.bill("apify", run.actor.name, good)

    async def _new_run(self, request: Request) -> Run | Response:
        if refusal := _refused(request):
            return refusal
        actor = ACTORS.get(request.path_params["actor"].replace("/", "~"))
        if actor is None:
            return _error(404, "record-not-found", "Actor was not found")
        try:
            urls = json.loads(await request.body() or b"{}").get("urls")
            hooks = json.loads(base64.b64decode(request.query_params.get("webhooks", ""), validate=True) or b"[]")
        except (ValueError, AttributeError, binascii.Error):
            return _error(400, "invalid-input", "The input or the webhooks are not valid JSON")
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            return _error(400, "invalid-input", "Field input.urls must be a list of URLs")
        town = self.town
        named = f"{actor.name} {' '.join(sorted(urls))}"
        if blow := town.faults.strike("apify", named):
            return await hurt(
                request,
                blow,
                busy=_error(429, "rate-limit-exceeded", "You have exceeded the rate limit"),
                broken=_error(500, "internal-server-error", "Something went wrong"),
            )
        self._tries[named] = self._tries.get(named, 0) + 1
        token = town.dice.token("apify run", named, self._tries[named])[:17]
        most = request.query_params.get("maxItems", "")
        options = {"maxItems": int(most)} if most.isdecimal() else {}
        run = Run(
            id=token,
            actor=actor,
            urls=urls[: options.get("maxItems", len(urls))],
            started_at=town.clock.now(),
            fails=town.faults.fails("apify", f"{named} {self._tries[named]}"),
            options=options,
            webhooks=[hook for hook in hooks if isinstance(hook, dict)] if isinstance(hooks, list) else [],
        )
        self._runs[run.id] = run
        return run

    async def _found(self, request: Request, name: str) -> Run | Response:
        if refusal := _refused(request):
            return refusal
        run = self._runs.get(name)
        return run if run else _error(404, "record-not-found", "Actor run was not found")


def _refused(request: Request) -> Response | None:
    """The answer to a bad token, or to one without money; None for every other."""
    token = bearer(request) or request.query_params.get("token", "")
    if token in ("", "bad"):
        return _error(401, "user-or-token-not-found", "User was not found or authentication token is not valid")
    if token == "nocredit":
        return _error(402, "not-enough-usage-to-run-paid-actor", "The monthly usage limit is used up")
    return None


def _waits(request: Request) -> bool:
    return (
        request.query_params.get("waitForFinish", "0").isdecimal()
        and int(request.query_params.get("waitForFinish", "0")) > 0
    )


def _page(items: list[dict[str, Any]], request: Request, *, status: int = 200) -> Response:
    query = request.query_params
    offset, limit = (int(query[name]) if query.get(name, "").isdecimal() else 0 for name in ("offset", "limit"))
    backwards = query.get("desc", "").lower() in ("1", "true")
    ordered = items[::-1] if backwards else items
    chosen = ordered[offset : offset + (limit or PAGE)]
    headers = {
        "x-apify-pagination-total": str(len(items)),
        "x-apify-pagination-offset": str(offset),
        "x-apify-pagination-limit": str(limit or PAGE),
        "x-apify-pagination-count": str(len(chosen)),
        "x-apify-pagination-desc": "true" if backwards else "false",
    }
    return JSONResponse(chosen, status_code=status, headers=headers)


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message}}, status_code=status)


def _object(given: str) -> dict[str, str]:
    """A JSON object of headers, or nothing."""
    try:
        found = json.loads(given or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
