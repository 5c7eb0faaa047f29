"""The rule tables, the consent texts and the chain: what is accepted, and what is refused."""

import re
from importlib.resources import files
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import geocoder

from penstock.compliance import ledger, ruleset, wording
from penstock.compliance.gates import GATES
from penstock.compliance.ruleset import RulesRefused, parse
from penstock.compliance.standing import CLAUSES
from penstock.compliance.zones import Location, place


def texts() -> dict[str, str]:
    home = files("penstock.compliance") / "rules"
    return {name: (home / f"{name}.yaml").read_text() for name in ("manifest", *ruleset.TABLES)}


def test_the_tables_of_this_release_load_and_match_their_manifest() -> None:
    rules = ruleset.load()
    assert (rules.version, rules.fault) == ("rules-2026-11-21", None)
    assert (rules.review_due - rules.effective_from).days == 90
    assert len(rules.states) == 38


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("states", '"AL":', '"XX":'),
        ("states", "ai_mode: BLOCK", "ai_mode: MAYBE"),
        ("states", 'weekday: "09-18"', 'weekday: "18-09"'),
        ("states", "own_list: true", "own_lst: true"),
        ("states", '"**":', '"NJ":'),
        ("holidays", "{easter: -47}", "{eastr: -47}"),
        ("reasons", "kind: A", "kind: B"),
        ("reasons", "number: 11", "number: 10"),
        ("limits", "registry_max_age_days: 31", "registry_max_age_days: many"),
        ("limits", "reply_messages: 2\n", ""),
        ("policy", "guard_minutes: 5", "guard_minutes: -5"),
        ("policy", "registry_lists: [US]", "registry_lists: 5"),
        ("policy", "registry_lists: [US]", "registry_lists: [US"),
        ("manifest", "version:", "verzion:"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: str, old: str, new: str) -> None:
    changed = texts()
    assert old in changed[table]
    changed[table] = changed[table].replace(old, new, 1)
    with pytest.raises(RulesRefused):
        parse(changed)


def test_q18_a_table_edited_without_a_new_version_loads_with_a_fault() -> None:
    changed = texts()
    changed["policy"] = changed["policy"].replace("guard_minutes: 5", "guard_minutes: 0")
    assert parse(changed).fault == "changed without a new version: policy"


def test_every_gate_has_a_reason_and_every_action_has_a_cure() -> None:
    reasons = ruleset.load().reasons
    assert {gate.code for gate in GATES} <= reasons.keys()
    assert all(reason.cure for reason in reasons.values() if reason.kind != "T")


NAMES = {
    "Washington State": "WA",
    "Washington D.C.": "DC",
    "Puerto Rico": "PR",
    "Guam": "GU",
    "U.S. Virgin Islands": "VI",
}
STATE_NAMES = (
    "Alabama AL,Alaska AK,Arizona AZ,Arkansas AR,California CA,Colorado CO,Connecticut CT,Delaware DE,Florida FL,"
    "Georgia GA,Hawaii HI,Idaho ID,Illinois IL,Indiana IN,Iowa IA,Kansas KS,Kentucky KY,Louisiana LA,Maine ME,"
    "Maryland MD,Massachusetts MA,Michigan MI,Minnesota MN,Mississippi MS,Missouri MO,Montana MT,Nebraska NE,Nevada NV,"
    "New Hampshire NH,New Jersey NJ,New Mexico NM,New York NY,North Carolina NC,North Dakota ND,Ohio OH,Oklahoma OK,"
    "Oregon OR,Pennsylvania PA,Rhode Island RI,South Carolina SC,South Dakota SD,Tennessee TN,Texas TX,Utah UT,"
    "Vermont VT,Virginia VA,West Virginia WV,Wisconsin WI,Wyoming WY"
)
NAMES |= {entry[:-3]: entry[-2:] for entry in STATE_NAMES.split(",")}


def test_the_state_of_every_area_code_agrees_with_the_phone_librarys_own_description() -> None:
    wrong, seen = [], 0
    for code in range(200, 1000):
        number = phonenumbers.parse(f"+1{code}5550123")
        name = geocoder.description_for_number(number, "en")
        expected = NAMES.get(name) or (name[-2:] if re.search(r", [A-Z]{2}$", name) else None)
        if expected and phonenumbers.region_code_for_number(number) in ruleset.load().limits.phone_regions:
            seen += 1
            if place(Location(phone=f"+1{code}5550123"), ruleset.load()).states != (expected,):
                wrong.append((code, expected))
    assert wrong == []
    assert seen > 350


def test_the_current_consent_text_carries_every_clause_a_channel_needs() -> None:
    text = wording.current()
    for clauses in CLAUSES.values():
        assert clauses <= text.flags
    shown = text.render(
        {
            "seller": "A & B <Lending>",
            "purpose": "home equity",
            "messages_a_month": "8",
            "revoke_url": "u",
            "revoke_email": "e",
            "revoke_phone": "p",
        }
    )
    assert "A &amp; B &lt;Lending&gt;" in shown
    for phrase in (
        "artificial or AI-generated voice",
        "automated marketing texts",
        "do not have to agree",
        "do-not-call list",
        "recorded",
    ):
        assert phrase in shown
    with pytest.raises(KeyError):
        text.render({"seller": "A"})


def test_the_chain_gives_the_rule_sheets_hashes() -> None:
    entries = [
        {"type": "CONSENT_CAPTURED", "cid": "c1"},
        {"type": "DECISION", "verdict": "ALLOW", "lead": "l1"},
        {"type": "OPT_OUT", "lead": "l1"},
    ]
    assert [each.hex() for each in ledger.chain(entries)] == [
        "4c42efef5f9d5f3faf648effd431ccf3ba45310f828f531f9a5d0c1aec6a1a62",
        "ad1df52c3393d069470ab25dae6bd2b6fbd08b0fcc1a7a8709d6107b273576b4",
        "7c1cc77c9d76deb4450fb6d4a21e516d3f3777703e5a808140d6e37f07da4ee5",
    ]


def test_a_changed_swapped_or_missing_entry_changes_every_hash_after_it() -> None:
    entries = [{"n": n} for n in range(6)]
    whole = list(ledger.chain(entries))
    changed = list(ledger.chain([*entries[:3], {"n": 99}, *entries[4:]]))
    assert changed[:3] == whole[:3]
    assert not set(changed[3:]) & set(whole)
    assert list(ledger.chain(entries[2:], previous=whole[1], first=3)) == whole[2:]


def test_the_reference_page_says_of_every_reason_whether_its_gate_stands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "compliance-rules.md").read_text()
    standing = {gate.code for gate in GATES} | {"SYS_CLOCK"}
    for reason in ruleset.load().reasons.values():
        row = re.search(rf"\| {reason.number:03d} \| `{reason.code}` \|.*", page)
        assert row and f"| {'in' if reason.code in standing else 'waits'} |" in row.group(), reason.code
    for name in ruleset.TABLES:
        assert f"`{name}.yaml`" in page
