"""Who looks at the places of a playbook: its sources of pictures and its models, as far as they are connected."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final, Literal

from penstock.core.context import Context
from penstock.core.errors import NotConfigured
from penstock.core.settings import Settings
from penstock.playbook import Picture, Playbook, Territory, Viewer
from penstock.providers import imagery, vision
from penstock.providers.imagery import ImageSource
from penstock.providers.vision import VisionModel

PROMPT: Final = "look_v1.txt"  # a new wording is a new file: what was bought with the old one stays bought
TEXT: Final = files(__package__).joinpath("prompts", PROMPT).read_text("utf-8").strip()


@dataclass(frozen=True, slots=True)
class Source:
    """A source of pictures on a playbook's terms. Without `connection`, `missing` says what to do about it."""

    terms: Picture
    connection: ImageSource | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model on a playbook's terms."""

    terms: Viewer
    connection: VisionModel | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Who looks for one org and playbook. `status`: of what they make, live or synthetic."""

    org_id: int
    playbook: Playbook
    territory: Territory
    sources: tuple[Source, ...]
    models: tuple[Model, ...]
    status: Literal["live", "synthetic"]

    @property
    def where(self) -> dict[str, object]:
        return {"org_id": self.org_id, "playbook": self.playbook.name}

    @property
    def parts(self) -> tuple[Source | Model, ...]:
        """Everybody who is asked, in order."""
        return (*self.sources, *self.models)

    @property
    def question(self) -> str:
        """What the models are asked: the engine's words about the playbook's part of a house."""
        return TEXT.format(part=self.territory.words["part"])

    @property
    def question_key(self) -> str:
        """Names the question, so that another one about the same picture is another purchase."""
        return sha256(self.question.encode()).hexdigest()[:16]

    def key(self, asked: str) -> str:
        """What a purchase is known by: what a stand-in answered is never taken for a vendor's answer."""
        return asked if self.status == "live" else f"{asked} {self.status}"

    @property
    def fresh_days(self) -> int:
        """How long a look lasts."""
        return min((part.terms.fresh_days for part in self.parts), default=365)


def desk_of(ctx: Context, org_id: int, playbook: Playbook, *, live: bool | None = None) -> Desk:
    """The desk of a playbook with a territory. `live` is for tests: what the town makes is synthetic."""
    territory = playbook.territory
    assert territory is not None
    real = is_real(ctx.settings) if live is None else live
    return Desk(
        org_id=org_id,
        playbook=playbook,
        territory=territory,
        sources=tuple(_source(ctx, terms) for terms in territory.pictures),
        models=tuple(_model(ctx, terms) for terms in territory.viewers),
        status="live" if real else "synthetic",
    )


def is_real(settings: Settings) -> bool:
    """Whether pictures and models are those of real vendors: not a town's, not a demo's."""
    return not settings.town_url and settings.environment != "demo"


def _source(ctx: Context, terms: Picture) -> Source:
    try:
        _reachable(ctx.settings, terms.vendor)
        return Source(terms, imagery.connect(ctx.http, ctx.settings, terms.vendor))
    except NotConfigured as missing:
        return Source(terms, None, f"not connected: {missing}")


def _model(ctx: Context, terms: Viewer) -> Model:
    try:
        _reachable(ctx.settings, terms.vendor)
        return Model(terms, vision.connect(ctx.settings, terms.vendor, terms.model))
    except NotConfigured as missing:
        return Model(terms, None, f"not connected: {missing}")


def _reachable(settings: Settings, vendor: str) -> None:
    """A demo asks nobody but its town: its places are made up."""
    if settings.environment == "demo" and not settings.town_url:
        raise NotConfigured(f"the town that plays {vendor} in a demo is not running", fix="run: penstock demo")
