"""What a reply wants, where no rule decides: a small model trained at first use from `training.csv` beside this file.

Character and word n-grams into a logistic regression: a fraction of a second to train, the same answer every time, no
downloads.
Below the threshold it says `unclear`, and a person reads the mail.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from threadpoolctl import threadpool_limits

from penstock.replies.rules import fold

TRAINING = Path(__file__).with_name("training.csv")
THRESHOLD = 0.4
"""Least probability of the best of seven intents; chosen on held-out sentences, see docs/reference/replies.md."""
LONGEST = 1500
"""Characters that are read: what somebody wants stands at the beginning."""


class Intent(StrEnum):
    """What the writer of a reply wants."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    QUESTION = "question"
    OUT_OF_OFFICE = "out_of_office"
    NOT_NOW = "not_now"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Reading:
    """The likeliest intent and its probability (0 to 1); `intent` is UNCLEAR when that is too little."""

    intent: Intent
    confidence: float
    guess: Intent


def classify(text: str) -> Reading:
    """The intent of newly written text (quotes and signature already off)."""
    folded = fold(text)[:LONGEST]
    if not any(char.isalpha() for char in folded):
        return Reading(Intent.UNCLEAR, 0.0, Intent.OTHER)
    model = _model()
    shares = model.predict_proba([folded])[0]
    best = int(shares.argmax())
    guess, confidence = Intent(model.classes_[best]), float(shares[best])
    return Reading(guess if confidence >= THRESHOLD else Intent.UNCLEAR, confidence, guess)


def examples() -> list[tuple[Intent, str]]:
    """The training sentences as (intent, text)."""
    with TRAINING.open(encoding="utf-8", newline="") as file:
        return [(Intent(row["label"]), row["text"]) for row in csv.DictReader(file)]


def train(labelled: Sequence[tuple[Intent, str]]) -> Any:
    """A pipeline trained on (intent, text): folded text in, intent out."""
    grams = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 3), token_pattern=r"[\w']+|\?", sublinear_tf=True)),  # noqa: S106
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)),
        ]
    )
    model = Pipeline([("grams", grams), ("model", LogisticRegression(C=20.0, class_weight="balanced", max_iter=2000))])
    with threadpool_limits(1):  # so little to reckon that more threads only wait for each other, ten times as long
        return model.fit([fold(text) for _, text in labelled], [str(intent) for intent, _ in labelled])


@lru_cache(maxsize=1)
def _model() -> Any:
    return train(examples())
