"""What a vision model is asked about a picture and can answer, in our own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

ASSESSMENT_CHARS: Final = 600
INDICATORS: Final = 8
WORD_CHARS: Final = 60


def _short(chars: int) -> BeforeValidator:
    """Text on one line, cut at `chars`: a model that talks too much has not answered wrongly."""
    return BeforeValidator(lambda value: " ".join(value.split())[:chars].strip() if isinstance(value, str) else value)


def _few(values: object) -> object:
    return values[:INDICATORS] if isinstance(values, list) else values


Word = Annotated[str, _short(WORD_CHARS)]


class RoofView(BaseModel):
    """What is seen on a picture. The descriptions are part of the question that the model is asked."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    usable: bool = Field(description="False if it cannot be judged: hidden by trees, too blurred, or not there.")
    condition_score: int = Field(ge=0, le=100, description="0 must be replaced now, 100 as new.")
    damage_level: Literal["none", "minor", "moderate", "severe"]
    damage_indicators: Annotated[list[Word], BeforeValidator(_few)] = Field(
        description="What is seen that tells of damage or wear, a few words each, at most 8. Empty if nothing is."
    )
    remaining_life_years: int = Field(ge=0, le=60, description="Years until it has to be replaced.")
    material: Word = Field(description="What it is made of, in one or two words; unknown if it cannot be told.")
    assessment: Annotated[str, _short(ASSESSMENT_CHARS)] = Field(
        description="What is seen and what is not, in plain sentences, at most 600 characters."
    )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The model answered, and was paid for it, but not in the form it was asked for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sight:
    """A picture and the question about it."""

    content: bytes
    media_type: str
    question: str


def of_raw(raw: Mapping[str, Any]) -> RoofView | Unreadable:
    """What a kept answer says. Pure: the same answer always reads the same."""
    if "view" not in raw:
        return Unreadable(str(raw.get("unreadable") or "the answer is empty"))
    try:
        return RoofView.model_validate(raw["view"])
    except ValidationError as error:
        return Unreadable(f"the answer does not fit the form: {error.errors()[0]['loc'][0]}")
