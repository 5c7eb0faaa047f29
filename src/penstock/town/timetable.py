"""What will happen in the town, and making it happen when the clock gets there."""

from __future__ import annotations

import asyncio
import heapq
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Final

from penstock.town import odds
from penstock.town.clock import Clock

AT_ONCE: Final = 16  # deliveries to the product that run at the same time


class NotDelivered(Exception):
    """The product could not be reached for as long as the town has patience; the event is tried again later."""


class Event(ABC):
    """Something one actor does. Subclasses remember how far they got, so that a second try goes on from there."""

    def __init__(self, actor: str, key: str) -> None:
        self.actor = actor  # never does two things at once
        self.key = key  # orders what happens in one instant; must not depend on arrival order

    def prepare(self) -> None:
        """Choose what others could choose too (a free slot). Runs in key order, before any event of the instant."""
        return

    @abstractmethod
    async def perform(self) -> None:
        """Do it. Raises NotDelivered when the product stays away."""


class Timetable:
    """Events in order of time, then key. One advance at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[datetime, str, int, Event]] = []
        self._added = 0
        self._advancing = asyncio.Lock()
        self.undelivered = 0  # events that found nobody at home and were put off

    def add(self, due: datetime, event: Event) -> None:
        """Let `event` happen at `due`."""
        self._added += 1
        heapq.heappush(self._heap, (due, event.key, self._added, event))

    def next(self) -> datetime | None:
        """When the next event is due."""
        return self._heap[0][0] if self._heap else None

    async def advance(self, to: datetime) -> int:
        """Perform everything due up to `to`, one instant after the other; returns how many events that were."""
        performed = 0
        async with self._advancing:
            while self._heap and self._heap[0][0] <= to:
                instant = self._heap[0][0]
                self._clock.reach(instant)
                events = self._pop(to if self._clock.is_wall else instant)
                for event in events:
                    event.prepare()
                at_once = asyncio.Semaphore(AT_ONCE)
                async with asyncio.TaskGroup() as tasks:
                    for event in events:
                        tasks.create_task(self._perform(event, at_once))
                performed += len(events)
            self._clock.reach(to)
        return performed

    def _pop(self, until: datetime) -> list[Event]:
        """The events due until then, one for each actor; an actor's others come one step of the grid later."""
        events: list[Event] = []
        busy: set[str] = set()
        while self._heap and self._heap[0][0] <= until:
            due, _, _, event = heapq.heappop(self._heap)
            if event.actor in busy:
                self.add(self._clock.after(odds.GRID, since=due), event)
            else:
                busy.add(event.actor)
                events.append(event)
        return events

    async def _perform(self, event: Event, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            try:
                await event.perform()
            except NotDelivered:
                self.undelivered += 1
                self.add(self._clock.after(odds.GRID), event)
