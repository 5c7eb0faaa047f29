"""The alerts: read the numbers, judge them, tell people once when an alert begins and once when it ends."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.sqlfile import load

SQL = load(__package__)

MAX_BAD_SIGNATURES: Final = 0.05  # share of signed requests of the last hour
MAX_DLQ_DEPTH: Final = 100
MAX_DUPLICATE_UPLOADS: Final = 10  # refused replays within ten minutes


@dataclass(frozen=True)
class Readings:
    """What the rules look at, for one org. Signatures of the last hour, duplicate uploads of the last ten minutes."""

    signatures_checked: int = 0
    signatures_bad: int = 0
    dlq_depth: int = 0
    refresh_error: str | None = None  # of the last run of the 05:30 refresh, None when it went well
    feeder_error: str | None = None  # of the last run of the 06:00 feeder
    permits_error: str | None = None  # of the last round over the portals of permits
    routes_refusing: Sequence[str] = ()  # that took nothing in the last hour, and refused what nobody had signed
    duplicate_uploads: int = 0
    meetings_unattended: int = 0  # to come, and no broker could have them
    usage_refused: int = 0  # lines of usage that the payment service does not take
    usage_differences: Sequence[Mapping[str, Any]] = ()  # of the last nightly comparison with the payment service
    reconcile_error: str | None = None  # of the last nightly comparison, None when it went well
    second_subscriptions: Sequence[Mapping[str, Any]] = ()  # that customers had, found in the last seven days


def signatures_failing(now: Readings) -> str | None:
    """Whether more than 5 % of the signed requests carried a wrong signature."""
    if now.signatures_bad <= MAX_BAD_SIGNATURES * now.signatures_checked:
        return None
    share = now.signatures_bad / now.signatures_checked
    return f"{share:.0%} of {now.signatures_checked} signed requests in the last hour carried a wrong signature"


def deliveries_refused(now: Readings) -> str | None:
    """Whether addresses at which services post to us took nothing, for want of our token or signature."""
    if not now.routes_refusing:
        return None
    where = ", ".join(now.routes_refusing)
    return f"nothing that came to {where} in the last hour was taken: it had no token or signature of ours"


def dlq_deep(now: Readings) -> str | None:
    """Whether more than 100 items wait in the dead-letter queue."""
    return f"{now.dlq_depth} items wait in the dead-letter queue" if now.dlq_depth > MAX_DLQ_DEPTH else None


def refresh_failed(now: Readings) -> str | None:
    """Whether the last refresh of the list that may be called went wrong."""
    return now.refresh_error and f"the 05:30 refresh of api.mv_contactable_leads failed: {now.refresh_error}"


def feeder_failed(now: Readings) -> str | None:
    """Whether the last run of the campaign feeder went wrong."""
    return now.feeder_error and f"the 06:00 campaign feeder failed: {now.feeder_error}"


def permits_failed(now: Readings) -> str | None:
    """Whether a portal of permits could not be read."""
    return now.permits_error and f"a portal of permits could not be read: {now.permits_error}"


def duplicate_uploads(now: Readings) -> str | None:
    """Whether uploads that we already have come in at a rate that looks like an attack or a broken client."""
    if now.duplicate_uploads <= MAX_DUPLICATE_UPLOADS:
        return None
    return f"{now.duplicate_uploads} uploads in the last ten minutes repeated one that we already have"


def meetings_unattended(now: Readings) -> str | None:
    """Whether somebody booked a meeting that no broker could have."""
    if not now.meetings_unattended:
        return None
    return f"meetings to come without a broker: {now.meetings_unattended}; nobody was told, nothing is billed"


def usage_refused(now: Readings) -> str | None:
    """Whether the payment service refuses usage, so that nobody is charged for it."""
    return f"{now.usage_refused} lines of usage were refused by the payment service" if now.usage_refused else None


def usage_differs(now: Readings) -> str | None:
    """Whether our ledger and the payment service count differently, or could not be compared."""
    if now.reconcile_error:
        return f"the 02:30 comparison of usage failed: {now.reconcile_error}"
    if not now.usage_differences:
        return None
    first = now.usage_differences[0]
    more = f", and {len(now.usage_differences) - 1} more" if len(now.usage_differences) > 1 else ""
    counts = f"{first['ours']:g} in our ledger, {first['theirs']:g} at the payment service"
    return f"usage of {first['broker']} ({first['customer']}) on {first['day']}: {counts}{more}"


def subscription_doubled(now: Readings) -> str | None:
    """Whether a customer had two subscriptions, each of which invoices all the leads."""
    if not now.second_subscriptions:
        return None
    first = now.second_subscriptions[0]
    more = f", and {len(now.second_subscriptions) - 1} more" if len(now.second_subscriptions) > 1 else ""
    invoice = f"its last invoice is {first['invoice']}" if first["invoice"] else "it had invoiced nothing"
    return (
        f"{first['broker']} ({first['customer']}) had a second subscription, {first['ended']}, which was found and"
        f" ended on {first['day']}; {invoice}{more}"
    )


# The name is what `app.alerts.name` holds and what a receiver of the webhook switches on.
RULES: Final[Mapping[str, Callable[[Readings], str | None]]] = {
    "signatures_failing": signatures_failing,
    "deliveries_refused": deliveries_refused,
    "dlq_deep": dlq_deep,
    "refresh_failed": refresh_failed,
    "feeder_failed": feeder_failed,
    "permits_failed": permits_failed,
    "duplicate_uploads": duplicate_uploads,
    "meetings_unattended": meetings_unattended,
    "usage_refused": usage_refused,
    "usage_differs": usage_differs,
    "subscription_doubled": subscription_doubled,
}

# What the person who is woken should do first.
ADVICE: Final[Mapping[str, str]] = {
    "signatures_failing": "Look for a client with an old secret or a wrong clock; if none is yours, revoke the key.",
    "deliveries_refused": "See that the service posts to today's address with today's secret; if it does, it is junk.",
    "dlq_deep": "Run `penstock dlq list`, mend the cause it names, then `penstock dlq retry --all`.",
    "refresh_failed": "Mend what the error names; it is tried again every ten minutes. The call list is yesterday's.",
    "feeder_failed": "Mend what the error names; it is tried again every ten minutes and made up once.",
    "permits_failed": "Mend what the error names; it is tried again every ten minutes. Nothing read is lost.",
    "duplicate_uploads": "Look at /v1/uploads for the key that repeats itself; revoke it if it is not yours.",
    "meetings_unattended": "Add a broker, or make one active again: the meetings then are theirs, told and billed.",
    "usage_refused": "Look at meter_error in app.usage_events; mend the cause, then `penstock usage retry`.",
    "usage_differs": "Run `penstock usage reconcile`; correct the named days in the payment service.",
    "subscription_doubled": "Look at the customer in the payment service; refund what the ended one has invoiced.",
}


def judge(now: Readings) -> dict[str, str]:
    """The alerts that hold now, each with what is the matter."""
    verdicts = {name: rule(now) for name, rule in RULES.items()}
    return {name: message for name, message in verdicts.items() if message}


async def evaluate(ctx: Context, org_id: int) -> int:
    """Judge an org's numbers, record what began and what ended, queue the messages; gives how many alerts changed.

    Called each minute by any number of workers. The open-alert index makes each beginning happen once, the update of
    the open row each end; the messages are written in the same transaction, so each is said once.
    """
    async with ctx.db.tenant(org_id) as db:
        now = await read(db)
        holding = judge(now)
        details = json.dumps(asdict(now))
        begun = await rows(
            db, SQL["fire"], org_id=org_id, rules=list(holding), values=list(holding.values()), details=details
        )
        ended = await rows(db, SQL["resolve"], holding=list(holding))
        for alert in begun:
            await _tell(ctx, db, org_id, dict(alert), "fired")
        for alert in ended:
            await _tell(ctx, db, org_id, dict(alert), "resolved")
        return len(begun) + len(ended)


async def read(db: AsyncConnection) -> Readings:
    """The numbers of the transaction's org."""
    row = await one(db, SQL["readings"])
    assert row is not None
    return Readings(
        signatures_checked=row["signatures_checked"],
        signatures_bad=row["signatures_bad"],
        dlq_depth=row["dlq_depth"],
        refresh_error=(row["refresh_error"] or "no reason given") if row["refresh_failed"] else None,
        feeder_error=(row["feeder_error"] or "no reason given") if row["feeder_failed"] else None,
        permits_error=(row["permits_error"] or "no reason given") if row["permits_failed"] else None,
        routes_refusing=row["routes_refusing"],
        duplicate_uploads=row["duplicate_uploads"],
        meetings_unattended=row["meetings_unattended"],
        usage_refused=row["usage_refused"],
        usage_differences=row["usage_differences"] or (),
        second_subscriptions=row["second_subscriptions"] or (),
        reconcile_error=(row["reconcile_error"] or "no reason given") if row["reconcile_failed"] else None,
    )


async def _tell(ctx: Context, db: AsyncConnection, org_id: int, alert: Mapping[str, Any], change: str) -> None:
    """Queue the webhook and the mail that the org asked for; nobody is told where nobody is named."""
    to = await one(db, SQL["receivers"])
    if to is None:
        return
    payloads = {
        "webhook": (to["alert_webhook_url"], webhook_payload(alert, change)),
        "mail": (to["alert_email"], mail_payload(alert, change, org=to["name"])),
    }
    for channel, (target, payload) in payloads.items():
        if not target:
            continue
        await execute(
            db,
            SQL["notify"],
            org_id=org_id,
            channel=channel,
            target_sealed=ctx.sealer.seal(org_id, target),
            secret_sealed=to["alert_secret_sealed"] if channel == "webhook" else None,
            payload_sealed=ctx.sealer.seal(org_id, json.dumps(payload)),
            dedupe_key=f"alert:{alert['id']}:{change}:{channel}",
        )
    await journey.wake(db, org_id, {"notification_queued"})


def webhook_payload(alert: Mapping[str, Any], change: str) -> dict[str, Any]:
    """What is posted: `type` is alert.fired or alert.resolved."""
    resolved = alert.get("resolved_at")
    return {
        "type": f"alert.{change}",
        "timestamp": (resolved or alert["fired_at"]).isoformat(),
        "data": {
            "alert": alert["rule"],
            "message": alert["value"],
            "advice": ADVICE[alert["rule"]],
            "fired_at": alert["fired_at"].isoformat(),
            "resolved_at": resolved.isoformat() if resolved else None,
        },
    }


def mail_payload(alert: Mapping[str, Any], change: str, *, org: str) -> dict[str, str]:
    """What is mailed: subject and text."""
    text = (
        f"{alert['value']}.\n\nSince {alert['fired_at']:%Y-%m-%d %H:%M} UTC.\n\nWhat to do: {ADVICE[alert['rule']]}\n"
    )
    return {"subject": f"[{org}] {alert['rule'].replace('_', ' ')}: {change}", "text": text}
