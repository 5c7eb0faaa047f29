"""What a stage needs to work, in one frozen object, made by the entry points."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from penstock.core.db import Database
from penstock.core.sealing import Sealer
from penstock.core.settings import Settings

if TYPE_CHECKING:
    from penstock.playbook import Playbook


@dataclass(frozen=True)
class Context:
    """Settings, database, sealer, shared HTTP client, playbooks, and the id of this process among the workers."""

    settings: Settings
    db: Database
    sealer: Sealer
    http: httpx.AsyncClient
    playbooks: Mapping[str, Playbook]
    worker_id: uuid.UUID = field(default_factory=uuid.uuid4)

    async def close(self) -> None:
        await self.http.aclose()
        await self.db.close()
