"""Stored scores in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion import Reach, Verdict, Weights
from penstock.contagion.reasons import EPOCH, Teller, Words
from penstock.core.db import rows
from penstock.playbook import Playbook

SQL = text("select * from app.property_scores where playbook = :playbook and property_id = any(cast(:ids as bigint[]))")


async def told(db: AsyncConnection, playbook: Playbook, org_id: int, ids: Sequence[int]) -> dict[int, Verdict]:
    """Verdicts by place."""
    assert playbook.territory is not None
    ground, made = playbook.territory, {}
    for row in await rows(db, SQL, playbook=playbook.name, ids=list(ids)):
        scored: dict[str, Any] = {
            "id": row["property_id"], "known": row["known"], "contagion": row["contagion_score"], "age_match": row["age_match_score"],
            "total": row["total_urgency_score"], "tier": row["tier"], "confidence": row["confidence"], "action": row["action"],
            "fresh": row["fresh"], "age_years": row["roof_age_years"], "matches": row["matches_neighbor_age"],
        }  # fmt: skip
        felt = {
            "near": row["permits_within_100ft"], "block": row["permits_within_500ft"], "area": row["permits_within_quarter_mile"],
            "nearest_ft": row["nearest_permit_ft"], "since": (row["since"] - EPOCH).days, "same_subdivision": row["same_subdivision_permits"],
            "contractors": (0,), "contractor_count": 0, "installed_year": row["installed_year"], "by_permit": row["by_permit"],
        }  # fmt: skip
        facts = {
            "equity_percent": float("nan"),
            "refinanced": -1,
            "liens": -1,
            "damage": row["damage"],
            "life_left_years": row["life_left_years"],
        }
        teller = Teller(
            Words(**ground.words), Reach(**ground.reach), Weights(**ground.weights), (row["scored_on"] - EPOCH).days
        )
        made[row["property_id"]] = teller.verdict(felt, scored, facts)
    return made
