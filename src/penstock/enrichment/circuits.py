"""Circuit breaker and rate limit of a vendor, kept in the database so that all workers share them."""

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import clock
from penstock.core.db import execute, scalar
from penstock.core.sqlfile import load

SQL = load(__package__, "ledger.sql")
THRESHOLD = 5  # failures in a row that open the circuit


async def admit(db: AsyncConnection, org_id: int, vendor: str, *, requests_per_s: float) -> float:
    """0 if one request may go out now (its token is taken), else the seconds to wait."""
    # A clock that is held never refills anything: in simulation the vendor's own 429 is the limit.
    rate = None if clock.held() else requests_per_s
    await execute(db, SQL["make_circuit"], org_id=org_id, vendor=vendor)
    taken = await scalar(
        db,
        SQL["admit"],
        org_id=org_id,
        vendor=vendor,
        rate=rate,
        burst=max(requests_per_s, 1.0),
        threshold=THRESHOLD,
    )
    if taken is not None:
        return 0.0
    return float(await scalar(db, SQL["wait"], org_id=org_id, vendor=vendor, rate=rate))


async def succeeded(db: AsyncConnection, org_id: int, vendor: str) -> None:
    """The vendor answered: the circuit closes."""
    await execute(db, SQL["succeeded"], org_id=org_id, vendor=vendor)


async def failed(db: AsyncConnection, org_id: int, vendor: str, *, error: str, retry_after_s: float = 0.0) -> None:
    """The vendor did not answer: five in a row, or a wait it names itself, open the circuit."""
    await execute(
        db,
        SQL["failed"],
        org_id=org_id,
        vendor=vendor,
        error=error[:500],
        retry_after_s=retry_after_s,
        threshold=THRESHOLD,
    )
