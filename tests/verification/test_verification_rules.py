"""What result codes mean for a point."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.verification.rules import UNDECIDED, Meaning, Verdict, judge

MAP = {
    "ES01": Meaning(True, "green"),
    "ES03": Meaning(False, "gray"),
    "ES07": Meaning(False, "yellow"),
    "EE04": Meaning(False, "red"),
    "PS07": Meaning(True, "green", "mobile"),
}


def test_a_deliverable_mailbox_is_green_and_verified() -> None:
    assert judge(("ES01",), MAP) == Verdict(True, "green")


def test_a_dead_mailbox_is_red_whatever_else_was_said() -> None:
    assert judge(("ES01", "EE04"), MAP) == Verdict(False, "red")


def test_an_accept_all_domain_is_yellow_and_proves_no_mailbox() -> None:
    assert judge(("ES07",), MAP) == Verdict(False, "yellow")


def test_informative_codes_change_nothing() -> None:
    assert judge(("ES21", "ES01", "ES37"), MAP) == Verdict(True, "green")


def test_unknown_or_no_codes_leave_the_point_undecided() -> None:
    assert judge((), MAP) == judge(("XX99",), MAP) == UNDECIDED


def test_a_code_can_tell_the_line_type() -> None:
    assert judge(("PS07",), MAP).line_type == "mobile"


@given(st.lists(st.sampled_from([*MAP, "XX"])), st.sampled_from(list(MAP)))
def test_order_does_not_matter_and_red_is_never_verified(codes: list[str], more: str) -> None:
    verdict = judge([*codes, more], MAP)
    assert verdict.status == judge([more, *codes], MAP).status
    assert not (verdict.status == "red" and verdict.verified)
