"""Whether rules.yaml makes sense: what it names exists, every rule asks for something and says something."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping

from workflow.definition.conditions import ConditionCheck
from workflow.definition.desk import DeskSpec
from workflow.definition.expressions import compile_pattern, rule_variables
from workflow.definition.model import FieldSpec, TicketTypeSpec
from workflow.definition.resolve import categories
from workflow.definition.rules import Answers, Rule, RulesSpec, When
from workflow.definition.sheet import Sheet
from workflow.definition.tree import Path


def check_rules(
    rules: RulesSpec, desk: DeskSpec | None, types: Mapping[str, TicketTypeSpec], sheet: Sheet, *, whole: bool = True
) -> None:
    """Report what is wrong with rules.yaml.

    Without a `desk` its names go unchecked. Where parts did not fit, so that it is not `whole`, no rule is said to ask
    for nothing, or to propose nothing.
    """
    customer = desk.customer.fields if desk else {}
    variables = rule_variables((spec.fields for spec in types.values()), customer)
    conditions = ConditionCheck(variables, _domains(types, desk), desk, sheet)
    sheet.expect(("default",), "unknown-type", rules.default, types)
    if rules.answers:
        _check_answers(rules.answers, types, sheet)
    for name, rule in rules.rules.items():
        path: Path = ("rules", name)
        if whole and not _asks(rule.when):
            sheet.report((*path, "when"), "rule-of-all", name)
        if whole and not rule.says:
            sheet.report(path, "idle-rule", name, key=True)
        _check_when(rule.when, (*path, "when"), desk, sheet)
        conditions.check((*path, "when", "conditions"), rule.when.conditions)
        _check_says(rule, path, desk, types, sheet)


def _asks(when: When) -> bool:
    words = when.words
    return any((when.channels, words.start, words.any, words.all, when.patterns, when.conditions))


def _check_when(when: When, path: Path, desk: DeskSpec | None, sheet: Sheet) -> None:
    if desk and desk.channels:
        for at, channel in enumerate(when.channels):
            sheet.expect((*path, "channels", at), "unknown-channel", channel, desk.channels)
    for kind in ("start", "any", "all", "none"):
        for at, word in enumerate(getattr(when.words, kind)):
            if not word.strip():
                sheet.report((*path, "words", kind, at), "blank-word")
    for at, pattern in enumerate(when.patterns):
        _check_pattern(pattern, (*path, "patterns", at), sheet)


def _check_pattern(pattern: str, path: Path, sheet: Sheet) -> None:
    for at, letter in enumerate(pattern):
        if (folded := unicodedata.normalize("NFKC", letter)) != letter:
            sheet.report(path, "unfolded-pattern", letter, offset=at, folded=folded)
            return
    try:
        holds = compile_pattern(pattern)
    except ValueError as error:
        sheet.report(path, "bad-pattern", pattern, reason=str(error))
        return
    if holds(""):
        sheet.report(path, "pattern-of-all", pattern)


def _check_says(
    rule: Rule, path: Path, desk: DeskSpec | None, types: Mapping[str, TicketTypeSpec], sheet: Sheet
) -> None:
    known = not rule.type or sheet.expect((*path, "type"), "unknown-type", rule.type, types)
    if rule.category and known:
        meant = [types[rule.type]] if rule.type else types.values()
        choices = [choice for spec in meant for choice in categories(spec)]
        sheet.expect((*path, "category"), "unknown-category", rule.category, choices)
    if desk and rule.team:
        sheet.expect((*path, "team"), "unknown-team", rule.team, desk.teams)
    if desk and rule.risk and desk.ladder is None and "no-ladder" not in sheet.codes:
        sheet.report((*path, "risk"), "no-ladder")


def _check_answers(answers: Answers, types: Mapping[str, TicketTypeSpec], sheet: Sheet) -> None:
    fields: dict[str, Collection[str]] = {}
    for spec in types.values():
        stage = spec.stages.get("intake")
        state = next(iter(stage.states.values()), None) if stage else None
        for transitions in (room.transitions for room in (spec, stage, state) if room):
            fields |= {trigger: spec.fields for trigger, transition in transitions.items() if transition}
    if sheet.expect(("answers", "trigger"), "unknown-first-trigger", answers.trigger, fields):
        sheet.expect(("answers", "field"), "unknown-field", answers.field, fields[answers.trigger])


def _domains(types: Mapping[str, TicketTypeSpec], desk: DeskSpec | None) -> dict[str, Collection[str]]:
    fields: dict[str, FieldSpec] = {}
    domains: dict[str, list[str]] = {"open_types": list(types)}
    for spec in types.values():
        fields |= spec.fields
        for name, field in spec.fields.items():
            if field.choices:
                domains.setdefault(name, []).extend(field.choices)
    if desk:
        customer = {f"customer.{name}": field for name, field in desk.customer.fields.items()}
        domains |= {name: list(field.choices) for name, field in customer.items() if field.choices}
        domains["filled"] = [*fields, *customer]
        if desk.channels:
            domains["channel"] = list(desk.channels)
    return dict(domains)
