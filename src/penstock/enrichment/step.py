"""One step of a waterfall, as the pump and the writing of facts hand it to one another."""

from dataclasses import dataclass
from typing import Final

from penstock.playbook import Playbook, WaterfallStep
from penstock.providers.contacts import ContactFinder

STAGE: Final = "enrichment"


@dataclass(frozen=True, slots=True)
class Step:
    """The `index`-th step of a playbook's waterfall for one org, with the vendor that does it."""

    org_id: int
    playbook: Playbook
    index: int
    terms: WaterfallStep
    finder: ContactFinder

    @property
    def source(self) -> str:
        """Where the points it finds are said to come from."""
        return "email_pattern" if self.terms.capability == "finder" else self.terms.vendor
