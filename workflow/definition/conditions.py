"""The check of conditions: what they read exists, what they compare it with can occur, and they can go either way."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workflow.definition.desk import DeskSpec
from workflow.definition.expressions import Condition, ConditionError, compile_condition, variables_of
from workflow.definition.model import AUTOMATIC_ACTORS, PRIORITIES, Conditions, TicketTypeSpec
from workflow.definition.model import Condition as Written
from workflow.definition.sheet import Sheet
from workflow.definition.tree import Path, quoted, unquoted_condition

CHANCE = ("assignee",)


class ConditionCheck:
    """Checks the conditions of one file; equal ones are compiled once.

    `variables` are what they may read, with their CEL types; `domains` what those can hold that cannot hold any text.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        domains: Mapping[str, Collection[str]],
        desk: DeskSpec | None,
        sheet: Sheet,
        registered: Collection[str] = (),
    ) -> None:
        self.sheet, self.registered, self.desk = sheet, registered, desk
        self.variables, self.domains = variables, domains
        self.texts = {text for domain in self.domains.values() for text in domain}
        self._compiled: dict[str, Condition | ConditionError] = {}

    def check(self, path: Path, conditions: Conditions) -> None:
        """Report what is wrong with the conditions, or the `unless`, at a path."""
        for at, condition in enumerate(conditions):
            if isinstance(condition, str):
                self._check_one((*path, at), condition)
            else:
                self.sheet.expect((*path, at, "call"), "unknown-host-condition", condition.call, self.registered)

    def constant(self, condition: Written) -> bool | None:
        """Return what a condition always says; None where that depends on the ticket, or it is none."""
        found = self._compile(condition) if isinstance(condition, str) else None
        return found.constant if isinstance(found, Condition) else None

    def _compile(self, source: str) -> Condition | ConditionError:
        if source not in self._compiled:
            try:
                self._compiled[source] = compile_condition(source, self.variables)
            except ConditionError as error:
                self._compiled[source] = error
        return self._compiled[source]

    def _check_one(self, path: Path, source: str) -> None:
        node = self.sheet.node(path)
        if not node.style:
            cut = unquoted_condition(self.sheet.reader.lines[node.line - 1])
            text = cut[0] if cut else source
            self.sheet.report(path, "unquoted-condition", text, quoted=quoted(text))
            return
        found = self._compile(source)
        if isinstance(found, ConditionError):
            for fault in found.faults:
                unknown = fault.code == "condition-unknown-name"
                if unknown and fault.text in self.texts:
                    self.sheet.report(path, "condition-text-unquoted", fault.text, offset=fault.offset)
                elif not unknown or self.desk or not fault.text.startswith("customer."):
                    self.sheet.report(path, fault.code, fault.text, offset=fault.offset, **fault.values)
            return
        for each in found.comparisons:
            domain = self.domains.get(each.name)
            if domain is not None and each.literal not in domain:
                self.sheet.report(
                    path, "condition-value", each.literal, offset=each.offset, variable=each.name, known=domain
                )
        for name in sorted(found.names & set(CHANCE)):
            self.sheet.report(path, "condition-of-chance", name)
        if (answer := found.constant) is not None:
            self.sheet.report(path, "condition-always", source, answer=str(answer).lower())


def conditions_of(
    spec: TicketTypeSpec, desk: DeskSpec | None, states: list[str], sheet: Sheet, registered: Collection[str]
) -> ConditionCheck:
    """Return what checks the conditions of a ticket type."""
    variables = variables_of(spec.fields, desk.customer.fields if desk else {})
    return ConditionCheck(variables, _domains(spec, desk, states), desk, sheet, registered)


def _domains(spec: TicketTypeSpec, desk: DeskSpec | None, states: list[str]) -> dict[str, Collection[str]]:
    """Return what the variables can hold, for those that cannot hold just any text."""
    customer = desk.customer.fields if desk else {}
    fields = {**spec.fields, **{f"customer.{name}": field for name, field in customer.items()}}
    domains: dict[str, Collection[str]] = {name: field.choices for name, field in fields.items() if field.choices}
    domains |= {"priority": PRIORITIES, "state": states}
    if desk:
        domains |= {
            "filled": list(fields),
            "team": desk.teams,
            "assignee": desk.members,
            "actor": [*desk.members, *AUTOMATIC_ACTORS],
            "actor_roles": desk.roles,
        }
        if desk.channels:
            domains["channel"] = desk.channels
    return domains
