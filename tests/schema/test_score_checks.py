"""What a score may be is checked by the database, whoever writes it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from factories import make_lead
from penstock.core.context import Context
from penstock.core.db import execute, scalar

SCORE = (
    "insert into app.property_scores select 1, 'roofing', min(id), 1, 0, 0, 0, 0, 61, 1, 2, 4, 15, false, 0, 0, 0, 0,"
    " 'NaN', 0, '1970-01-01', 0, 'NaN', 0, 0, 0, 0, 'NaN', 0, false, -1, -1, false, 'NaN', 'NaN', 0,"
    " app.now()::date, app.now(), 'v1' from app.properties"
)
PARTS = ("contagion_score", "age_match_score", "financial_score", "visual_score", "total_urgency_score", "damage")
CODES = {"tier": 2, "confidence": 2, "action": 4, "known": 15}


async def test_scores_are_0_to_100_and_codes_those_that_have_a_word(ctx: Context) -> None:
    await make_lead(ctx)
    highest = dict.fromkeys(PARTS, 100) | CODES
    async with ctx.db.tenant(1) as db:
        await execute(db, text(SCORE))
        for column, most in highest.items():
            for value in (most, 0):
                await execute(db, text(f"update app.property_scores set {column} = {value}"))
            for value in (most + 1, -1):
                async with db.begin_nested() as attempt:
                    with pytest.raises(IntegrityError, match="scores_and_codes_make_sense"):
                        await execute(db, text(f"update app.property_scores set {column} = {value}"))
                    await attempt.rollback()
        await execute(db, text("update app.property_scores set damage = 'NaN'"))
        assert await scalar(db, text("select urgency_tier from territory.property_scores")) == "COLD"
