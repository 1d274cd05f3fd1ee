"""What to say on a ticket now: the situations that hold, in words with the ticket's data in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from workflow.core.guard import Judge, Rules
from workflow.core.masking import mask_text, mask_value
from workflow.core.model import Actor, HistoryEntry, Ticket, Value
from workflow.core.phrases import marks_of
from workflow.definition.expressions import Condition, ConditionError, compile_condition
from workflow.definition.model import Condition as WrittenCondition
from workflow.definition.speech import Guidance, Situation, is_about, readable
from workflow.definition.texts import fill, outline

Filler: TypeAlias = str | bool | int
LONGEST_VALUE = 2_000  # characters of one value: a text may fill in a letter


@dataclass(frozen=True, slots=True)
class Line:
    """What one situation asks for: what to `say` to the customer, what else to `do`. `lang` is the text's language."""

    situation: str
    label: str
    say: str
    do: str
    lang: str


@dataclass(frozen=True, slots=True)
class Speech:
    """What to say on a ticket as of an instant, in the order of the situations."""

    ticket: Ticket
    as_of: datetime
    waited: timedelta
    lines: tuple[Line, ...]


class _Gap(str):
    """The place in a text for something that is not known yet: shown by its label, and false where it is asked for."""

    def __bool__(self) -> bool:
        return False


def waited_since(guidance: Guidance, ticket: Ticket, history: Iterable[HistoryEntry]) -> datetime:
    """Return when the customer last heard from us: by a promise or a contact, else when the ticket was opened."""
    contacts = guidance.situations.contacts
    heard = [entry.happened_at for entry in history if entry.kind == "promised" or entry.trigger in contacts]
    return max(heard, default=ticket.opened_at)


def what_to_say(
    guidance: Guidance,
    rules: Rules,
    ticket: Ticket,
    history: Iterable[HistoryEntry],
    *,
    actor: Actor,
    at: datetime,
    lang: str,
    reveal: bool = False,
) -> Speech:
    """Return what to say on a ticket as it stands at an instant, personal data masked unless `reveal` is set.

    A text that the language lacks is taken from another.
    """
    since = waited_since(guidance, ticket, history)
    teller = _Teller(guidance, rules, ticket, actor, at, since)
    lines, said = [], set()
    for name, situation in guidance.situations.situations.items():
        if situation.group in said or not teller.holds(situation):
            continue
        if situation.group:
            said.add(situation.group)
        lines += teller.lines(name, lang, reveal=reveal)
    return Speech(ticket, at, at - since, tuple(lines))


class _Teller:
    """Asks and fills in for one ticket."""

    def __init__(
        self, guidance: Guidance, rules: Rules, ticket: Ticket, actor: Actor, at: datetime, since: datetime
    ) -> None:
        self.guidance, self.rules, self.ticket, self.actor = guidance, rules, ticket, actor
        fields = rules.compiled.definition.fields
        self.variables = tuple(readable(guidance.situations, fields, rules.desk).items())
        self.judge = Judge(rules, ticket, actor, at)
        marks = marks_of(guidance, ticket)
        self.own: dict[str, object] = {mark: mark in marks for mark in guidance.situations.marks}
        self.own |= {"waited": int((at - since).total_seconds() // 60), "due_at": ticket.next_due_at}
        self.own |= {"promised": ticket.promise is not None, "promised_at": ticket.promise and ticket.promise.until}

    def holds(self, situation: Situation) -> bool:
        """Say whether a situation is here: what its conditions leave open does not hold."""
        if not is_about(situation, self.ticket.type, self.ticket.state):
            return False
        return all(self._ask(condition) is True for condition in situation.conditions) and all(
            self._ask(condition) is False for condition in situation.unless
        )

    def _ask(self, source: WrittenCondition) -> bool | frozenset[str] | None:
        try:
            condition = _compiled(str(source), self.variables)
        except ConditionError:  # an earlier version of the type has no such field
            return None
        values = {name: value for name in condition.names if (value := self._read(name)) is not None}
        return condition.holds(values)

    def _read(self, name: str) -> object:
        return self.own[name] if name in self.own else self.judge.read(name)

    def lines(self, name: str, lang: str, *, reveal: bool) -> list[Line]:
        """Return what to say in a situation; nothing where no language has words for it."""
        order = sorted(self.guidance.languages, key=lambda known: known != lang)
        found = next((known for known in order if name in self.guidance.languages[known].texts), None)
        if found is None:
            return []
        saying = self.guidance.languages[found].texts[name]
        values = self.values(found, reveal=reveal)
        values |= {
            unknown: _gap(unknown)  # to an earlier version of the type
            for text in (saying.say, saying.do)
            for unknown, _ in outline(text).names
            if unknown not in values
        }
        say, do = (fill(text, values).strip() for text in (saying.say, saying.do))
        return [Line(name, saying.label or name, say, do, found)]

    def values(self, lang: str, *, reveal: bool) -> dict[str, Filler]:
        """Return all that a text may fill in, in words of its language; what is not known is a gap to fill."""
        ticket, words = self.ticket, Words(self.rules, self.ticket, lang, reveal=reveal)
        found: dict[str, Filler] = {name: words.filler(name) for name in words.specs}
        found |= {
            "ticket": ticket.id,
            "agent": words.member(self.actor.name),
            "actor": self.actor.name,
            "team": words.team(ticket.team),
            "assignee": words.member(ticket.assignee) if ticket.assignee else _gap("assignee"),
            "state": self.rules.compiled.definition.states[ticket.state].label.get(lang) or ticket.state,
            "priority": ticket.priority,
            "channel": ticket.channel or _gap("channel"),
            "tags": ", ".join(ticket.tags),
        }
        for name in ("opened_at", "entered_at", "now", "promised_at", "due_at"):
            when = self._read(name)
            found[name] = words.moment(when) if isinstance(when, datetime) else _gap(_TIME.get(lang, "time"))
        return found | {name: value for name, value in self.own.items() if isinstance(value, bool | int)}


class Words:
    """What is known of a ticket in words of one language, personal data masked unless `reveal` is set."""

    def __init__(self, rules: Rules, ticket: Ticket, lang: str, *, reveal: bool = False) -> None:
        self.rules, self.lang, self.reveal = rules, lang, reveal
        customer = {f"customer.{name}": spec for name, spec in rules.desk.customer.fields.items()}
        self.specs = {**rules.compiled.definition.fields, **customer}
        held = ticket.customer.fields if ticket.customer else {}
        self.held = {**ticket.fields, **{f"customer.{name}": value for name, value in held.items()}}

    def filler(self, name: str) -> Filler:
        """Return a field as a text fills it in: a truth or a number as it is, a gap where it is not set."""
        value = self.held.get(name)
        if value is None:
            return _gap(self.label(name))
        if isinstance(value, bool | int):
            return value
        text = self.of(name, value)
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"

    def shown(self, name: str) -> str:
        """Return a field in words, or nothing."""
        value = self.held.get(name)
        return "" if value is None else self.of(name, value)

    def first(self, names: Iterable[str]) -> str:
        """Return the first of some fields that is set."""
        return next(filter(None, map(self.shown, names)), "")

    def labelled(self, name: str) -> str:
        """Return a field with its label, or nothing."""
        value = self.shown(name)
        return value and f"{self.label(name)}{COLON.get(self.lang, ': ')}{value}"

    def label(self, name: str) -> str:
        """Return what a field is called."""
        spec = self.specs.get(name)
        return (spec.label.get(self.lang) if spec else None) or name.rpartition(".")[2]

    def of(self, name: str, value: Value) -> str:
        """Return a value of a field in words."""
        spec = self.specs.get(name)
        if not self.reveal and (spec is None or spec.pii):
            return str(mask_value(str(value), spec))
        words = self._worded(value, spec.choices if spec else {})
        return self.free(words) if isinstance(value, str) else words

    def free(self, text: str) -> str:
        """Return what somebody wrote, with what is telling in it masked."""
        return text if self.reveal else mask_text(text)

    def moment(self, when: datetime) -> str:
        """Return an instant to the minute in the desk's zone."""
        return f"{when.astimezone(self.rules.zone):%Y-%m-%d %H:%M}"

    def member(self, name: str) -> str:
        """Return what a member is called."""
        member = self.rules.desk.members.get(name)
        return (member.label.get(self.lang) if member else None) or name

    def team(self, name: str | None) -> str:
        """Return what a team is called; without one, a gap."""
        team = self.rules.desk.teams.get(name or "")
        return (team.label.get(self.lang) if team else None) or name or _gap("team")

    def _worded(self, value: Value, choices: Mapping[str, Mapping[str, str]]) -> str:
        match value:
            case bool():
                return TRUTHS.get(self.lang, ("no", "yes"))[value]
            case datetime():
                return self.moment(value)
            case Decimal():
                return format(value, "f")
            case tuple():
                return COMMA.get(self.lang, ", ").join(self._worded(item, choices) for item in value)
            case str() if value in choices:
                return choices[value].get(self.lang) or value
        return str(value)


COLON, COMMA, TRUTHS = {"zh": "："}, {"zh": "、"}, {"zh": ("否", "是")}
_TIME = {"zh": "时间"}


def _gap(label: str) -> _Gap:
    return _Gap(f"[{label}]" if label.isascii() else f"【{label}】")


@lru_cache(maxsize=512)
def _compiled(source: str, variables: tuple[tuple[str, str], ...]) -> Condition:
    return compile_condition(source, dict(variables))
