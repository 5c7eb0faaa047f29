"""Looking at one place: a picture from the first source that has one, then each model's word on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import RowMapping

from penstock import enrichment as bank
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.sqlfile import load
from penstock.enrichment import CallRequest
from penstock.imagery.buying import Answer, ask
from penstock.imagery.desk import Desk, Model, Source
from penstock.providers import Reply
from penstock.providers.imagery import Image, NoImage, Spot
from penstock.providers.vision import RoofView, Sight

SQL = load(__package__)
SOON: Final = timedelta(minutes=5)
TOMORROW: Final = timedelta(days=1)  # for what a person may mend meanwhile: a key, a contract, a service


@dataclass(slots=True)
class Look:
    """What a look comes to. `again_in`: when the place is looked at again; `stop`: a vendor takes nothing now."""

    image_id: int | None = None
    source: str = ""
    seen: list[int] = field(default_factory=list)  # condition scores that this look added
    known: int = 0  # models that had seen the picture before
    failed: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    again_in: timedelta | None = None
    stop: bool = False

    def fail(self, reason: str, again_in: timedelta | None = None) -> None:
        """Something is missing; `again_in`: None if time will not mend it."""
        self.failed.append(reason)
        if again_in is not None:
            self.again_in = min(again_in, self.again_in or again_in)

    def wait(self, answer: Answer) -> None:
        """A vendor could not now."""
        self.waits.append(answer.reason)
        self.stop = self.stop or answer.state == "stop"

    @property
    def outcome(self) -> str:
        """One of the outcomes of app.roof_looks."""
        if self.waits:
            return "waiting"
        if self.image_id is None:
            return "failed"
        return "pictured" if self.failed or not (self.seen or self.known) else "assessed"

    @property
    def reason(self) -> str | None:
        """What is missing, in words."""
        return "; ".join([*self.waits, *self.failed])[:1000] or None


async def look_at(ctx: Context, desk: Desk, place: RowMapping) -> Look:
    """A picture of the place and what the models see on it, each bought if nobody has; all written down."""
    look = Look()
    image = await _picture(ctx, desk, place, look)
    if image is None:
        return look
    look.image_id, look.source = image["image_id"], image["source"]
    models = [model.terms for model in desk.models]
    async with ctx.db.tenant(desk.org_id) as db:
        said = await rows(
            db,
            SQL["seen_by"],
            org_id=desk.org_id,
            image_id=look.image_id,
            status=desk.status,
            vendors=[terms.vendor for terms in models],
            models=[terms.model for terms in models],
        )
    known = {row["vendor"] for row in said}
    look.known = len(known)
    for model in desk.models:
        if model.terms.vendor not in known:
            await _view(ctx, desk, place, image, model, look)
    return look


# --- the picture ------------------------------------------------------------------------------------------------------


async def _picture(ctx: Context, desk: Desk, place: RowMapping, look: Look) -> RowMapping | None:
    """The picture that is there, or a new one of the first source that has one."""
    if found := await _usable(ctx, desk, place):
        return found
    if not desk.sources:
        look.fail("the playbook names no source of pictures")
    for source in desk.sources:
        if await _fetch(ctx, desk, place, source, look):
            look.failed, look.again_in = [], None  # what others lacked, this one had
            return await _usable(ctx, desk, place)
    return None


async def _usable(ctx: Context, desk: Desk, place: RowMapping) -> RowMapping | None:
    async with ctx.db.tenant(desk.org_id) as db:
        return await one(
            db,
            SQL["usable_image"],
            **_spot(desk, place),
            status=desk.status,
            sources=[source.terms.vendor for source in desk.sources],
            fresh_days=[source.terms.fresh_days for source in desk.sources],
        )


async def _fetch(ctx: Context, desk: Desk, place: RowMapping, source: Source, look: Look) -> bool:
    """Ask one source; True if its picture is kept. A source that is merely busy is waited for: others cost more."""
    if look.waits:
        return False
    connection, terms = source.connection, source.terms
    if connection is None:
        await _no_image(ctx, desk, place, terms.vendor, source.missing, Answer("refused"))
        look.fail(f"{terms.vendor} {source.missing}", TOMORROW)
        return False
    spot = Spot(place["lat"], place["lng"])
    request = CallRequest(
        vendor=terms.vendor,
        operation=terms.operation,
        request_key=desk.key(f"{spot.lat:.6f},{spot.lng:.6f}"),
        price_cents=terms.price_cents,
        fresh_days=terms.fresh_days,
        stage="imagery",
        lead_id=place["lead_id"],
        playbook=desk.playbook.name,
    )

    async def fetch() -> Reply:
        return await connection.fetch(spot)

    answer = await ask(ctx, desk.org_id, request, fetch)
    if answer.state in ("later", "stop"):
        look.wait(answer)
        return False
    image = connection.read(answer.raw) if answer.raw is not None else NoImage(answer.reason)
    if isinstance(image, Image):
        if await _keep(ctx, desk, place, terms.vendor, image, answer):
            return True
        image = NoImage(f"{terms.vendor}: a live picture is there, a stand-in does not replace it")
    await _no_image(ctx, desk, place, terms.vendor, image.reason, answer)
    look.fail(image.reason, TOMORROW if answer.state == "refused" else None)
    return False


async def _keep(ctx: Context, desk: Desk, place: RowMapping, source: str, image: Image, answer: Answer) -> bool:
    real = desk.status == "live"  # what a stand-in makes up has neither the maker's terms nor a day
    async with ctx.db.tenant(desk.org_id) as db:
        what = {"source": source, "sha256": sha256(image.content).hexdigest(), "status": desk.status}
        where = {"org_id": desk.org_id, "property_id": place["property_id"]}
        if await execute(db, SQL["forget_words_about"], **where, **what):
            await execute(db, SQL["count_up"], **where)
        image_id = await scalar(
            db,
            SQL["keep_image"],
            **_spot(desk, place),
            **what,
            license=image.license if real else None,
            taken_on=image.taken_on if real else None,
            media_type=image.media_type,
            content=image.content,
            meters_per_pixel=image.meters_per_pixel,
            call_id=answer.call_id,
        )
        await bank.close(db, desk.org_id, answer.claims)
    return image_id is not None


async def _no_image(ctx: Context, desk: Desk, place: RowMapping, source: str, reason: str, answer: Answer) -> None:
    async with ctx.db.tenant(desk.org_id) as db:
        where = {**_spot(desk, place), "source": source, "call_id": answer.call_id}
        await execute(db, SQL["keep_no_image"], **where, reason=reason)
        await bank.close(db, desk.org_id, answer.claims)


def _spot(desk: Desk, place: RowMapping) -> dict[str, Any]:
    return {"org_id": desk.org_id, "property_id": place["property_id"], "lat": place["lat"], "lng": place["lng"]}


# --- the models -------------------------------------------------------------------------------------------------------


async def _view(ctx: Context, desk: Desk, place: RowMapping, image: RowMapping, model: Model, look: Look) -> None:
    """Ask one model about the picture, and write down what it saw, or why nothing."""
    connection, terms = model.connection, model.terms
    if connection is None:
        await _keep_view(ctx, desk, place, image, model, model.missing, Answer("refused"))
        look.fail(f"{terms.vendor} {model.missing}", TOMORROW)
        return
    request = CallRequest(
        vendor=terms.vendor,
        operation=terms.operation,
        request_key=desk.key(f"{image['content_sha256']} {terms.model} {desk.question_key}"),
        price_cents=terms.price_cents,
        fresh_days=terms.fresh_days,
        stage="imagery",
        lead_id=place["lead_id"],
        playbook=desk.playbook.name,
    )

    async def fetch() -> Reply:
        return await connection.fetch(Sight(image["content"], image["media_type"], desk.question))

    answer = await ask(ctx, desk.org_id, request, fetch)
    if answer.state in ("later", "stop"):
        look.wait(answer)
        return
    said = connection.read(answer.raw) if answer.raw is not None else answer.reason
    if isinstance(said, RoofView) and said.usable:
        await _keep_view(ctx, desk, place, image, model, said, answer)
        look.seen.append(said.condition_score)
        return
    if isinstance(said, RoofView):
        reason = f"it cannot be judged on this picture: {said.assessment}"
    else:
        reason = said if isinstance(said, str) else said.reason
    await _keep_view(ctx, desk, place, image, model, reason, answer)
    look.fail(f"{terms.vendor}: {reason}", TOMORROW if answer.state == "refused" else None)


async def _keep_view(
    ctx: Context, desk: Desk, place: RowMapping, image: RowMapping, model: Model, said: RoofView | str, answer: Answer
) -> None:
    seen = said.model_dump(exclude={"usable"}) if isinstance(said, RoofView) else dict.fromkeys(_FIELDS)
    reason = None if isinstance(said, RoofView) else said
    async with ctx.db.tenant(desk.org_id) as db:
        await execute(
            db,
            SQL["keep_view"],
            org_id=desk.org_id,
            property_id=place["property_id"],
            image_id=image["image_id"],
            vendor=model.terms.vendor,
            model=model.terms.model,
            status=desk.status if reason is None else "failed",
            reason=reason,
            call_id=answer.call_id,
            **(seen | {"damage_indicators": seen["damage_indicators"] or []}),
        )
        if reason is None and desk.status == "live":  # a fact that the score of the place rests on
            await execute(db, SQL["count_up"], org_id=desk.org_id, property_id=place["property_id"])
        await bank.close(db, desk.org_id, answer.claims)


_FIELDS: Final[Sequence[str]] = [name for name in RoofView.model_fields if name != "usable"]
