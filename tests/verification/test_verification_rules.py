"""What result codes mean for a point, and which check follows."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ground import START
from penstock.playbook import Check
from penstock.providers.checks import UNDECIDED, WORST_FIRST, Meaning, Verdict, judge, settle
from penstock.verification.rules import Plan, plan

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


PROBE = Check("email", "email", "mailprobe", "probe", Decimal(0), recheck_days=90, gray_hours=24)
VENDOR = Check(
    "email", "email", "zerobounce", "check", Decimal(1),
    after=frozenset({"yellow", "gray"}), recheck_days=30, gray_hours=24,
)  # fmt: skip
LAST = Check("email", "email", "neverbounce", "check", Decimal(1), after=frozenset({"gray"}))
CHAIN = (PROBE, VENDOR, LAST)
ALL = (True, True, True)
COLOURS = st.sampled_from(WORST_FIRST)


def then(step: int, colour: str, *, rounds: int = 0, charged: bool = False, runnable: tuple[bool, ...] = ALL) -> Plan:
    return plan(CHAIN, runnable, step, colour, at=START, gray_rounds=rounds, charged=charged)


def test_a_colour_leads_to_the_next_check_that_waits_for_it() -> None:
    assert then(0, "yellow") == Plan(1, START)
    assert then(1, "gray") == Plan(2, START)
    assert then(0, "green") == Plan(0, START + timedelta(days=90))
    assert then(1, "yellow") == Plan(0, START + timedelta(days=30))
    assert then(0, "red") == Plan(0, None)
    assert then(2, "green") == Plan(0, None)  # this check wants no re-check


def test_a_vendor_who_is_not_connected_is_passed_over() -> None:
    assert then(0, "gray", runnable=(True, False, True)) == Plan(2, START)
    assert then(0, "yellow", runnable=(True, False, True)) == Plan(0, START + timedelta(days=90))


def test_gray_is_asked_again_after_a_day_and_five_times_at_most() -> None:
    assert then(1, "gray", runnable=(True, True, False)) == Plan(0, START + timedelta(hours=24), 1)
    assert then(1, "gray", rounds=4, runnable=(True, True, False)).due_at is not None
    assert then(1, "gray", rounds=5, runnable=(True, True, False)).due_at is None


def test_a_gray_answer_that_was_paid_for_is_not_bought_again_within_its_window() -> None:
    assert then(1, "gray", charged=True, runnable=(True, True, False)).due_at == START + timedelta(days=30)


def test_the_last_check_that_could_decide_has_the_word() -> None:
    yellow, green, red = Verdict(False, "yellow"), Verdict(True, "green"), Verdict(False, "red")
    assert settle(yellow, green, guessed=False) == green
    assert settle(yellow, UNDECIDED, guessed=False) == yellow
    assert settle(yellow, red, guessed=True) == red
    assert settle(UNDECIDED, green, guessed=True) == green
    assert settle(None, UNDECIDED, guessed=False) == UNDECIDED


def test_a_guess_at_a_domain_that_accepts_all_never_turns_green() -> None:
    assert settle(Verdict(False, "yellow"), Verdict(True, "green"), guessed=True).status == "yellow"


@given(st.lists(st.tuples(COLOURS, st.booleans()), min_size=1, max_size=40), st.tuples(*[st.booleans()] * 3))
def test_a_chain_always_moves_on_and_comes_to_rest(answers: list[tuple[str, bool]], runnable: tuple[bool, ...]) -> None:
    step, rounds, at = 0, 0, START
    for colour, charged in answers:
        made = plan(CHAIN, runnable, step, colour, at=at, gray_rounds=rounds, charged=charged)
        assert made.step == 0 or (made.step > step and runnable[made.step] and made.due_at == at)
        assert made.step or made.due_at is None or made.due_at >= at + timedelta(hours=24)
        assert (colour != "red") or (made.due_at is None)
        assert made.gray_rounds <= 6
        if made.due_at is None:
            return
        step, rounds, at = made.step, made.gray_rounds, made.due_at
