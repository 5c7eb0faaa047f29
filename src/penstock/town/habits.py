"""What people do with the mail they get, and when they get round to it."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from penstock.town import appointments, browser, odds
from penstock.town.business import acts
from penstock.town.letters import Letter
from penstock.town.people import Person
from penstock.town.replies import AutoReply, Bounce, InboundMail, LeftNote, compose
from penstock.town.state import TownState
from penstock.town.timetable import Event, NotDelivered

CONSENT_PATH = "/consent/"
OFF_PATH = "/unsubscribe"
OPT_OUTS = ("unsubscribe", "wrong_person", "one_click", "unsubscribe_page")


def mail_arrived(town: TownState, person: Person | None, letter: Letter) -> None:
    """A mail was accepted: grade it, and put what its reader and their mail servers will do into the timetable."""
    mailbox = town.mailbox(letter.mailbox)
    dead = mailbox is None or mailbox.state != "live"
    # Marketing falls under caps and hours. An answer to a mail of their own does not, nor does a receipt.
    marketing = letter.answers not in town.message_ids and not letter.automatic
    right = person is not None and town.is_right_party(person)
    town.truth.mail(person, right=right, dead=dead, marketing=marketing)
    if person is not None and person.role == "officer":
        employers = town.companies.employers(person)
        town.truth.business.mail(person, employers, right=right, dead=dead, marketing=marketing)
    if person is None or mailbox is None:
        return
    key = (person.id, letter.nth)
    if mailbox.state == "late":
        delay = timedelta(minutes=town.dice.between(5, 40, "bounce delay", *key))
        town.timetable.add(town.clock.after(delay), Bounce(town, letter))
    if dead or person.deceased:
        return
    if person.role == "officer" and not right:
        town.timetable.add(town.clock.after(timedelta(minutes=1)), LeftNote(town, person, letter))
        return
    if letter.links and town.dice.chance(odds.SCANNED, "scanned", letter.mailbox):
        town.timetable.add(town.clock.after(timedelta(minutes=1)), Scan(town, letter))
    away = timedelta()
    week = letter.received_at.strftime("%G-%V")
    if town.dice.chance(odds.OUT_OF_OFFICE, "away", person.id, week):
        away = timedelta(days=town.dice.between(2, 9, "days away", person.id, week))
        back = letter.received_at.astimezone(ZoneInfo(person.zone)) + away
        town.timetable.add(town.clock.after(timedelta(minutes=1)), AutoReply(town, person, letter, back))
    if town.dice.chance(odds.READS[min(letter.nth, len(odds.READS)) - 1], "reads", *key):
        town.timetable.add(_reading_time(town, person, letter, away), Reading(town, person, letter))


def choose(town: TownState, person: Person, letter: Letter) -> str:
    """What the person does with a letter they read: a name from the tables of odds, or an empty string for nothing."""
    if person.role == "officer":
        return acts.choose(town, person, letter.nth)
    stance = town.mood(person).stance
    if stance in ("gone", "booked"):
        return ""
    if not person.is_right_party:
        return town.dice.weighted(odds.WRONG_PARTY, "act", person.id, letter.nth)
    table = {"cold": odds.COLD, "warm": odds.WARM, "consented": odds.CONSENTED}[stance]
    home = town.world.home_of(person)
    appeal = odds.APPEAL_BASE + odds.APPEAL_EQUITY * home.equity / home.value
    appeal *= odds.APPEAL_SENIOR if person.age >= 62 else 1
    moved = {
        act: share * appeal if act in ("consent", "positive", "question", "book") and stance == "cold" else share
        for act, share in table.items()
    }
    return town.dice.weighted(moved, "act", person.id, letter.nth)


def _reading_time(town: TownState, person: Person, letter: Letter, away: timedelta) -> datetime:
    """When the person opens the letter: minutes to days later, in their waking hours."""
    key = (person.id, letter.nth)
    shares = {name: share for name, (share, _, _) in odds.READ_DELAY.items()}
    _, least, most = odds.READ_DELAY[town.dice.weighted(shares, "when", *key, otherwise="days")]
    delay = away + timedelta(minutes=town.dice.between(least, most, "delay", *key))
    if town.clock.is_wall:
        return town.clock.after(delay)
    local = (letter.received_at + delay).astimezone(ZoneInfo(person.zone))
    wakes, sleeps = odds.WAKING
    if not wakes <= local.hour < sleeps:
        day = local.date() + timedelta(days=local.hour >= sleeps)
        morning = datetime(day.year, day.month, day.day, wakes, tzinfo=ZoneInfo(person.zone))
        delay = morning - letter.received_at + timedelta(minutes=town.dice.between(0, 150, "morning", *key))
    return town.clock.after(delay)


class Scan(Event):
    """A mail filter opens every link of a mail before its reader does. Nothing may follow from that."""

    def __init__(self, town: TownState, letter: Letter) -> None:
        super().__init__(f"filter {letter.mailbox}", f"scan {letter.mailbox} {letter.nth:04d}")
        self._town = town
        ours = urlsplit(town.webhooks.mail_inbound).netloc  # links elsewhere lead out of the town
        self._links = [link for link in letter.links if urlsplit(link).netloc == ours]

    async def perform(self) -> None:
        """GET each link once; a filter does not care for the answers."""
        for link in self._links:
            with contextlib.suppress(NotDelivered):
                await self._town.post.send("GET", link, follow_redirects=True, once=True)


class Reading(InboundMail):
    """Somebody reads a letter and acts on it: the choice is made once, the act is tried until it gets through."""

    def __init__(self, town: TownState, person: Person, letter: Letter) -> None:
        super().__init__(town, person.id, f"{person.id} reads {letter.nth:04d}")
        self._person, self._letter = person, letter
        self._act: str | None = None

    def prepare(self) -> None:
        """Choose. A booking happens here, since two people may want one slot."""
        if self._act is not None:
            return
        self._act = self._possible(choose(self.town, self._person, self._letter))
        if self._act == "book":
            link = self._letter.link(appointments.BOOK_PATH)
            appointments.book_by_link(self.town, link, self._person, self._letter.mailbox)
            self._act = ""

    def _possible(self, act: str) -> str:
        """The act that the letter leaves open: without the link, the next best thing."""
        letter = self._letter
        if act == "consent" and not letter.link(CONSENT_PATH):
            return "" if self._person.role == "officer" else "positive"
        if act == "book" and not appointments.booking_link(letter.link(appointments.BOOK_PATH)):
            return "positive"
        if act == "one_click" and not letter.one_click:
            return "unsubscribe"
        if act == "unsubscribe_page" and not self._unsubscribe_page():
            return "unsubscribe"
        return act

    def _unsubscribe_page(self) -> str:
        return next((link for link in self._letter.links if OFF_PATH in urlsplit(link).path), "")

    def write(self) -> dict[str, Any]:
        """The reply of the chosen intent."""
        return compose(self.town, self._person, self._letter, self._act or "")

    async def perform(self) -> None:
        """Do what was chosen, and remember what it means."""
        town, person, act = self.town, self._person, self._act or ""
        if not act or not await self._get_through(act):
            return
        if act in OPT_OUTS:
            town.mood(person).stance = "gone"
            town.truth.opt_out(person)
        elif act == "consent":
            town.mood(person).stance = "consented"
        elif act in ("positive", "question"):
            town.mood(person).stance = "warm"
        else:
            town.mood(person).stance = "gone"

    async def _get_through(self, act: str) -> bool:
        """True if the product took it."""
        town, person, letter = self.town, self._person, self._letter
        if act == "one_click":
            return await browser.one_click(town.post, letter.one_click)
        if act == "unsubscribe_page":
            sent, _ = await browser.submit_form(town.post, self._unsubscribe_page(), person, letter.mailbox)
            return sent
        if act == "consent":
            sent, number = await browser.submit_form(town.post, letter.link(CONSENT_PATH), person, letter.mailbox)
            if sent:
                town.truth.consent(person, number)
            return sent
        if not await self.mail_out():
            return False
        town.truth.replies[act] += 1
        return True
