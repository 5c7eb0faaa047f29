"""What Prometheus scrapes: how this process serves requests, and how much work waits in the database.

Numbers only, over all orgs together: nothing here names a tenant or a person.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import rows
from penstock.core.sqlfile import load

SQL = load(__package__)

PROCESS = CollectorRegistry()
REQUESTS = Counter(
    "penstock_http_requests_total", "Requests answered.", ["method", "route", "status"], registry=PROCESS
)
DURATION = Histogram(
    "penstock_http_request_duration_seconds",
    "Time from the first byte read to the last byte sent.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=PROCESS,
)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request under its route template (never its path: a path may hold a token)."""
    REQUESTS.labels(method, route, str(status)).inc()
    DURATION.labels(method, route).observe(seconds)


_GAUGES: Final = {
    "dlq": ("Items in the dead-letter queue.", "stage"),
    "jobs": ("Jobs in the queue.", "status"),
    "alerts": ("Alerts that are firing.", "alert"),
    "leads": ("Leads.", "campaign_status"),
    "vendor_cents": ("Money spent with a vendor, reservations included.", "vendor"),
}


async def exposition(db: AsyncConnection) -> bytes:
    """The text of `/metrics`. `db` must be able to read every org's rows."""
    scrape = CollectorRegistry()
    gauges = {
        name: Gauge(f"penstock_{name}", about, [label], registry=scrape) for name, (about, label) in _GAUGES.items()
    }
    for reading in await rows(db, SQL["gauges"]):
        gauges[reading["metric"]].labels(reading["label"]).set(float(reading["value"]))
    return generate_latest(PROCESS) + generate_latest(scrape)
