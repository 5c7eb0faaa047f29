"""Which rules hold for which company: those of its playbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penstock.playbook import Playbook
from penstock.signals.rules import Action, Rule, Rules, rules_of

NO_BOOK = ""  # the common rules alone, for companies of no playbook that is installed


@dataclass(frozen=True, slots=True)
class Books:
    """Rules by playbook. `only`: the playbook of companies that name none, where the installation has just one."""

    rules: Mapping[str, Rules]
    only: str

    def of(self, playbook: str | None) -> Rules:
        return self.rules.get(playbook or self.only) or self.rules[NO_BOOK]

    def terms(self) -> dict[str, list[str]]:
        """What follows from which reason in which book, as columns."""
        lines = [
            (book, reason, rule.then) for book, rules in self.rules.items() for reason, rule in rules.by_reason.items()
        ]
        return {name: [line[n] for line in lines] for n, name in enumerate(("books", "reasons", "actions"))}

    def follows(self, playbook: str | None, reason: str) -> Action:
        rule = self.of(playbook).by_reason.get(reason)
        return rule.then if rule else "none"

    def windows(self) -> Iterator[tuple[str, Rule]]:
        for book, rules in self.rules.items():
            for rule in rules.windows():
                yield book, rule


def books_of(playbooks: Mapping[str, Playbook]) -> Books:
    """The rules of every playbook about companies. Raises NotConfigured for a rules file that makes no sense."""
    about_companies = {name: playbook for name, playbook in playbooks.items() if playbook.subject == "company"}
    rules = {NO_BOOK: rules_of(None), **{name: rules_of(playbook) for name, playbook in about_companies.items()}}
    return Books(rules, next(iter(about_companies)) if len(about_companies) == 1 else NO_BOOK)
