"""What a step of a waterfall asks about: an owner at an address, or a person at a company."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import RowMapping

from penstock.core.context import Context
from penstock.enrichment.finding import PatternFinder
from penstock.playbook import Playbook, WaterfallStep
from penstock.providers import account, append, skiptrace
from penstock.providers.contacts import ContactFinder, Subject

REGISTRIES = {"append": append.REGISTRY, "skiptrace": skiptrace.REGISTRY}


@dataclass(frozen=True, slots=True)
class Question:
    """Names of the queries that claim leads and pass over those that cannot be asked about, and how a row becomes the
    question, in words for the vendor and as a key for the ledger."""

    claim: str
    pass_over: str
    subject: Callable[[RowMapping], Subject]
    key: Callable[[RowMapping, Subject], str]


def _owner(lead: RowMapping) -> Subject:
    names = ("first_name", "last_name", "line1", "unit", "city", "state", "postal_code")
    return Subject(**{name: lead[name] for name in names})


def _owner_key(lead: RowMapping, subject: Subject) -> str:
    """The address hash tells spellings of one address apart from two addresses."""
    where = lead["addr_hash"] or subject.key()
    return f"{where}|{Subject(subject.first_name, subject.last_name).key()}"


def _colleague(lead: RowMapping) -> Subject:
    first, last = lead["first_name"], lead["last_name"]
    whole = {"first_name": first, "last_name": last} if first and last else {"last_name": lead["full_name"]}
    return Subject(**whole, domain=lead["domain"], reference=str(lead["lead_id"]))


def _colleague_key(lead: RowMapping, subject: Subject) -> str:
    return subject.key()


PLACE = Question("claim", "pass_unaskable", _owner, _owner_key)
WORK = Question("claim_people", "pass_unfindable", _colleague, _colleague_key)
OF = {"append": PLACE, "skiptrace": PLACE, "finder": WORK}


def connect(ctx: Context, org_id: int, playbook: Playbook, terms: WaterfallStep) -> ContactFinder:
    """Whoever does the step. Raises NotConfigured."""
    if terms.capability == "finder":
        return PatternFinder(ctx, org_id, playbook)
    vendor = account(ctx.settings, terms.vendor, capability=terms.capability)
    return REGISTRIES[terms.capability][terms.vendor](ctx.http, vendor)
