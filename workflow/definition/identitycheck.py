"""Whether what is demanded of a caller can be met: the facts exist, the fields are there, the numbers add up."""

from __future__ import annotations

from workflow.definition.desk import DeskSpec
from workflow.definition.identity import IdentityDemand
from workflow.definition.model import Branch
from workflow.definition.resolve import ALWAYS
from workflow.definition.sheet import Sheet
from workflow.definition.timekeeping import check_duration
from workflow.definition.tree import Path


def check_facts(desk: DeskSpec, sheet: Sheet) -> None:
    """Report what is wrong with the facts of desk.yaml, and with the fields of customers that demand some."""
    if desk.identity:
        for name, fact in desk.identity.facts.items():
            personal = [known for known, spec in desk.customer.fields.items() if spec.pii and spec.type == "text"]
            sheet.expect(("identity", "facts", name, "field"), "unknown-personal-field", fact.field, personal)
    for name, spec in desk.customer.fields.items():
        path = ("customer", "fields", name)
        if spec.identity and not spec.pii:
            sheet.report((*path, "identity"), "identity-of-public", name, key=True)
        _check_identity(spec.identity, path, desk, sheet)


def check_demands(branch: Branch, path: Path, fields: list[str], desk: DeskSpec | None, sheet: Sheet) -> None:
    """Report what a branch demands in vain; `fields` are the truths that a ticket can hold."""
    for key in ("consent", "self_service"):
        if name := getattr(branch, key):
            sheet.expect((*path, key), "unknown-bool-field", name, fields)
    _check_identity(branch.identity, path, desk, sheet)


def _check_identity(demand: IdentityDemand | None, path: Path, desk: DeskSpec | None, sheet: Sheet) -> None:
    if demand is None:
        return
    path = (*path, "identity")
    if desk:
        for at, fact in enumerate(demand.facts):
            sheet.expect((*path, "facts", at), "unknown-fact", fact, desk.identity.facts if desk.identity else ())
    if demand.at_least > len(set(demand.facts)):
        sheet.report((*path, "at_least"), "too-few-facts", str(demand.at_least), count=len(set(demand.facts)))
    if demand.within:
        check_duration((*path, "within"), demand.within, ALWAYS, desk, sheet)
