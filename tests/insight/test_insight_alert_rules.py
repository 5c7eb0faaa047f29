"""Each alert begins exactly above its line, and only it."""

import pytest

from penstock.insight.alerts import ADVICE, RULES, Readings, judge

DIFFERENCE = {"broker": "Bea", "customer": "cus_1", "day": "2026-11-30", "ours": 3.0, "theirs": 2.0}
SECOND = {"broker": "Bea", "customer": "cus_1", "ended": "sub_2", "invoice": "in_1", "day": "2026-11-30"}
EDGES = [
    ("signatures_failing", Readings(100, 5), Readings(100, 6)),
    ("dlq_deep", Readings(dlq_depth=100), Readings(dlq_depth=101)),
    ("refresh_failed", Readings(), Readings(refresh_error="lock timeout")),
    ("permits_failed", Readings(), Readings(permits_error="austin: it has lost the column issue_date")),
    ("feeder_failed", Readings(), Readings(feeder_error="division by zero")),
    ("deliveries_refused", Readings(), Readings(routes_refusing=["/webhooks/mail"])),
    ("duplicate_uploads", Readings(duplicate_uploads=10), Readings(duplicate_uploads=11)),
    ("meetings_unattended", Readings(), Readings(meetings_unattended=1)),
    ("usage_refused", Readings(), Readings(usage_refused=1)),
    ("usage_differs", Readings(usage_differences=()), Readings(usage_differences=(DIFFERENCE,))),
    ("subscription_doubled", Readings(), Readings(second_subscriptions=(SECOND,))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "quiet", "loud"), EDGES, ids=[edge[0] for edge in EDGES])
def test_an_alert_begins_just_above_its_line(name: str, quiet: Readings, loud: Readings) -> None:
    assert judge(quiet) == {}
    assert list(judge(loud)) == [name]


def test_a_difference_of_usage_names_customer_and_day() -> None:
    says = judge(Readings(usage_differences=(DIFFERENCE, DIFFERENCE)))["usage_differs"]
    assert says == ("usage of Bea (cus_1) on 2026-11-30: 3 in our ledger, 2 at the payment service, and 1 more")


def test_a_second_subscription_is_named_with_what_it_invoiced() -> None:
    says = judge(Readings(second_subscriptions=(SECOND, SECOND)))["subscription_doubled"]
    assert says.startswith("Bea (cus_1) had a second subscription, sub_2, which")
    assert says.endswith("on 2026-11-30; its last invoice is in_1, and 1 more")


def test_nothing_measured_is_nothing_wrong() -> None:
    assert judge(Readings()) == {}


def test_every_alert_says_what_to_do() -> None:
    assert ADVICE.keys() == RULES.keys() == {edge[0] for edge in EDGES}
