"""Whether the guidance makes sense: every situation can come, every text can be filled in, every phrase can match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from workflow.definition.conditions import ConditionCheck, conditions_of
from workflow.definition.desk import DeskSpec
from workflow.definition.expressions import compile_pattern
from workflow.definition.model import FieldSpec, TicketTypeSpec
from workflow.definition.phrases import matches
from workflow.definition.resolve import TicketType
from workflow.definition.sheet import Sheet
from workflow.definition.speech import Guidance, LanguageSpec, Situation, is_about, readable
from workflow.definition.texts import TextFault, outline
from workflow.definition.tree import Path

SHOWN = ("ticket", "agent")
UNSPOKEN = ("actor_roles", "filled")


def places_of(situation: Situation, types: Mapping[str, TicketType]) -> frozenset[tuple[str, str]]:
    """Return the types and states that a situation is about."""
    return frozenset(
        (name, state) for name, kind in types.items() for state in kind.states if is_about(situation, name, state)
    )


def fields_of(types: Iterable[TicketType]) -> dict[str, FieldSpec]:
    """Return the fields that all of some types declare alike; of choices, those of any of them."""
    first, *others = [kind.fields for kind in types] or [{}]
    common = dict(first)
    for fields in others:
        common = {
            name: spec.model_copy(update={"choices": {**fields[name].choices, **spec.choices}})
            if spec.choices
            else spec
            for name, spec in common.items()
            if name in fields and fields[name].type == spec.type
        }
    return common


class GuidanceCheck:
    """One pass over the folder `guidance`, with the sheets of its files."""

    def __init__(
        self, guidance: Guidance, desk: DeskSpec, types: Mapping[str, TicketType], sheets: Mapping[str, Sheet]
    ) -> None:
        self.spec, self.languages = guidance.situations, guidance.languages
        self.desk, self.types, self.sheets = desk, types, sheets
        self.sheet = sheets[""]
        self.places = {name: places_of(each, types) for name, each in self.spec.situations.items()}
        self.known = {name: self._known(name) for name in self.spec.situations}
        self.fields = {field: None for kind in types.values() for field in kind.fields}

    def _known(self, name: str) -> dict[str, FieldSpec]:
        about = {kind for kind, _ in self.places[name]}
        return fields_of(kind for kind in self.types.values() if kind.name in about)

    def run(self) -> None:
        """Report everything."""
        self._check_lists()
        for name, situation in self.spec.situations.items():
            self._check_situation(name, situation)
        self._check_order()
        for lang, language in self.languages.items():
            self._check_language(lang, language, self.sheets[lang])

    def _check_lists(self) -> None:
        triggers = {trigger for kind in self.types.values() for trigger in kind.triggers}
        for at, name in enumerate(self.spec.contacts):
            self.sheet.expect(("contacts", at), "unknown-trigger", name, triggers)
        for at, name in enumerate(self.spec.told):
            self.sheet.expect(("told", at), "unknown-field", name, self.fields)
        known = [*self.fields, *(f"customer.{name}" for name in self.desk.customer.fields)]
        for row in type(self.spec.form).model_fields:
            for at, name in enumerate(getattr(self.spec.form, row)):
                self.sheet.expect(("form", row, at), "unknown-field", name, known)

    def _check_situation(self, name: str, situation: Situation) -> None:
        path: Path = ("situations", name)
        for at, kind in enumerate(situation.types):
            self.sheet.expect((*path, "types", at), "unknown-type", kind, self.types)
        meant = [kind for kind in self.types.values() if not situation.types or kind.name in situation.types]
        places = {
            place: None for kind in meant for state in kind.states.values() for place in (state.stage, state.name)
        }
        for at, place in enumerate(situation.at):
            self.sheet.expect((*path, "at", at), "unknown-place", place, places)
        if situation.conditions or situation.unless:
            conditions = self._conditions(name)
            for key in ("conditions", "unless"):
                conditions.check((*path, key), getattr(situation, key))
        if not any(name in language.texts for language in self.languages.values()):
            self.sheet.report(path, "situation-without-text", name, key=True)

    def _conditions(self, name: str) -> ConditionCheck:
        spec = TicketTypeSpec(ticket_type="any", version=1, stages={}, fields=self.known[name])
        states = sorted({state for _, state in self.places[name]})
        check = conditions_of(spec, self.desk, states, self.sheet, ())
        check.variables = readable(self.spec, spec.fields, self.desk)
        return check

    def _check_order(self) -> None:
        """Report a situation that an earlier one of its group always goes before."""
        taken: dict[str | None, frozenset[tuple[str, str]]] = {}
        for name, situation in self.spec.situations.items():
            places = self.places[name]
            before = taken.get(situation.group, frozenset())
            if situation.group and places and places <= before:
                self.sheet.report(("situations", name), "situation-never", name, key=True)
            if situation.group and not (situation.conditions or situation.unless):
                taken[situation.group] = before | places

    def _check_language(self, lang: str, language: LanguageSpec, sheet: Sheet) -> None:
        for name, saying in language.texts.items():
            if not sheet.expect(("texts", name), "unknown-situation", name, self.spec.situations, key=True):
                continue
            known = readable(self.spec, self.known[name], self.desk)
            spoken = sorted({*known, *SHOWN} - {*UNSPOKEN})
            for key in ("say", "do"):
                self._check_text(("texts", name, key), getattr(saying, key), spoken, sheet)
            for phrase, found in self._offences(language, saying.say):
                sheet.report(("texts", name, "say"), "text-forbidden-phrase", found, phrase=phrase)
            if not saying.say and not saying.do:
                sheet.report(("texts", name), "text-empty", name, key=True)
        elsewhere = {name for other in self.languages.values() for name in other.texts}
        for name in self.spec.situations:
            if name in elsewhere and name not in language.texts:
                sheet.report(("texts",), "text-missing", name, key=True, language=lang)
        self._check_phrases(language, sheet)

    def _check_text(self, path: Path, text: str, known: list[str], sheet: Sheet) -> None:
        found = outline(text)
        faults = [
            *found.faults,
            *(
                TextFault("text-unknown-name", line, name, {"known": known})
                for name, line in found.names
                if name not in known
            ),
        ]
        for fault in faults:
            sheet.report(path, fault.code, fault.text, offset=_offset(text, fault), **fault.values)

    def _check_phrases(self, language: LanguageSpec, sheet: Sheet) -> None:
        for at, pattern in enumerate(language.times):
            try:
                compile_pattern(pattern)
            except ValueError as error:
                sheet.report(("times", at), "bad-pattern", pattern, reason=str(error))
        for name, phrase in language.phrases.items():
            path: Path = ("phrases", name)
            if not phrase.words and not phrase.bare:
                sheet.report(path, "phrase-without-words", name, key=True)
            if phrase.only:
                sheet.expect((*path, "only"), "undeclared-mark", phrase.only, self.spec.marks)
            for other, found in self._offences(language, phrase.instead):
                sheet.report((*path, "instead"), "text-forbidden-phrase", found, phrase=other)

    @staticmethod
    def _offences(language: LanguageSpec, text: str) -> Iterator[tuple[str, str]]:
        """Yield the phrases that the desk itself would refuse in a text of its own, with what was found."""
        for name, phrase, found in matches(language.phrases, text):
            if phrase.rule == "refuse":
                yield name, found


def _offset(text: str, fault: TextFault) -> int:
    """Return where in the text a fault stands, as far as its line and words say."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    start = starts[min(fault.line, len(starts)) - 1]
    words = re.compile(rf"(?<!\w){re.escape(fault.text)}(?!\w)") if fault.text else None
    found = words.search(text, start) if words else None
    return found.start() if found else start
