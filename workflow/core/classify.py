"""What a contact is: the rules of the desk asked about it, and what a host's machine says of it, put together.

Pure: the same rules, facts and answers of machines always give the same proposal. In it

- a machine goes before the rules, and a rule before those below it in the file: of type, category and team the first
  that is said holds, of categories the first that the type knows;
- the highest priority holds, all tags do, and a risk that anybody sees;
- what nobody gives a type has the default one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from workflow.core.events import Advance, Assign, Event, SetFields, Tag, Transfer
from workflow.core.migrate import Migrate
from workflow.core.model import NOTHING, Ticket, Value
from workflow.core.text import searchable
from workflow.core.values import coerce
from workflow.definition.desk import DeskSpec
from workflow.definition.expressions import Condition, compile_condition, compile_pattern, rule_variables
from workflow.definition.model import PRIORITIES, FieldSpec
from workflow.definition.resolve import TicketType
from workflow.definition.rules import Rule
from workflow.errors import BadValue, ConditionFault

DEFAULT = "default"
RISK_TAG = "risk"
FIRST_LINE = 60  # characters of it at most
_LATIN = "0-9a-z\u00df-\u024f"
_EDGES = (re.compile(f"^[{_LATIN}]"), re.compile(f"[{_LATIN}]$"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a contact that is to be sorted.

    `text` is all that the customer wrote; `fields` and `customer` are as given. `customer_tags` are those of a customer
    whom the desk knows; `open_types` has the type, `open_tags` the tags of each of their open tickets.
    """

    text: str = ""
    channel: str | None = None
    fields: Mapping[str, object] = NOTHING
    customer: Mapping[str, object] = NOTHING
    tags: tuple[str, ...] = ()
    opened_at: datetime | None = None
    customer_tags: tuple[str, ...] = ()
    open_types: tuple[str, ...] = ()
    open_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a host's classifier says of a contact; what it does not know it leaves out.

    With `answer` it answers the customer: see `answers` in rules.yaml.
    """

    type: str | None = None
    category: str | None = None
    priority: str | None = None
    tags: tuple[str, ...] = ()
    team: str | None = None
    risk: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A rule, or a machine (`machine:NAME`), that spoke: what it proposes, and the words and patterns it found."""

    by: str
    says: Mapping[str, Any]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule or a machine that could not say anything, and why."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a contact is sorted: what is `proposed` (type, category, …) and `by` whom, every voice, every fault.

    `corrected` is what a person of the desk has changed since: the new value, and `by` whom.
    """

    proposed: Mapping[str, Any]
    by: Mapping[str, str]
    voices: tuple[Voice, ...] = ()
    faults: tuple[Fault, ...] = ()
    answer: tuple[str, str] | None = None
    corrected: Mapping[str, Mapping[str, Any]] = NOTHING

    @property
    def defaulted(self) -> bool:
        """Whether no rule and no machine knew the type."""
        return self.by.get("type") == DEFAULT


class Classifier:
    """The rules of a desk, ready to be asked; it may be shared between threads."""

    def __init__(self, desk: DeskSpec, types: Mapping[str, TicketType]) -> None:
        self.desk, self.types, self.rules = desk, types, desk.rules
        self.zone = ZoneInfo(desk.zone)
        fields = [kind.fields for kind in types.values()]
        self.fields: dict[str, FieldSpec] = {name: spec for each in fields for name, spec in each.items()}
        self._texts = {name for each in fields for name, spec in each.items() if spec.type == "text"}
        variables = rule_variables(fields, desk.customer.fields)
        rules = desk.rules.rules if desk.rules else {}
        self.asked = [_Asked(name, rule, variables) for name, rule in rules.items()]
        self.risky = [asked for asked in self.asked if asked.rule.risk]

    @property
    def names(self) -> list[str]:
        """The rules' names, in the order of their file."""
        return [asked.name for asked in self.asked]

    def text_of(self, fields: Mapping[str, object]) -> str:
        """Return what the customer wrote: the fields that some type declares as text."""
        return "\n".join(value for name, value in fields.items() if name in self._texts and isinstance(value, str))

    def customer_of(self, said: Mapping[str, object]) -> dict[str, Value]:
        """Return what is sound of what a contact says of its customer."""
        specs = self.desk.customer.fields
        found = {name: self._sound(specs, name, value) for name, value in said.items()}
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def reads_customer(self) -> bool:
        """Whether a rule asks for what the desk knows of the customer already."""
        known = {"customer_tags", "open_types", "open_tags"}
        return any(condition.names & known for asked in self.asked for condition in asked.conditions)

    def propose(
        self, facts: Facts, machines: Sequence[Voice | Fault] = (), *, ticket_type: str | None = None
    ) -> Proposal | None:
        """Sort a contact; where its type is known, only look for a risk, and return None if there is none.

        `machines` are what the host's classifiers said.
        """
        if ticket_type is not None and not self.risky:
            return None
        voices, faults = self._hear(facts, self.asked if ticket_type is None else self.risky)
        voices = [*(each for each in machines if isinstance(each, Voice)), *voices]
        faults = [*(each for each in machines if isinstance(each, Fault)), *faults]
        if ticket_type is not None and not voices:
            return None
        return self._put_together(voices, faults, ticket_type)

    def _hear(self, facts: Facts, rules: Iterable[_Asked]) -> tuple[list[Voice], list[Fault]]:
        voices, faults = list[Voice](), list[Fault]()
        text, known = searchable(facts.text), list[dict[str, object]]()

        def values() -> Mapping[str, object]:
            if not known:  # to coerce every field costs more than most rules
                known.append(self._values(facts))
            return known[0]

        for asked in rules:
            try:
                words = asked.hear(facts.channel, text, values)
            except ConditionFault as fault:
                faults.append(Fault(asked.name, str(fault)))
                continue
            if words is not None:
                voices.append(Voice(asked.name, asked.rule.says, words))
                if self.rules and self.rules.match == "first":
                    break
        return voices, faults

    def _put_together(self, voices: list[Voice], faults: list[Fault], known: str | None) -> Proposal:
        proposed: dict[str, Any] = {}
        by: dict[str, str] = {}

        def take(name: str, fits: Callable[[Any], bool] = lambda _: True) -> None:
            for voice in voices:
                if name in voice.says and fits(voice.says[name]):
                    proposed[name], by[name] = voice.says[name], voice.by
                    return

        if known is None:
            take("type")
            if "type" not in proposed and self.rules:
                proposed["type"], by["type"] = self.rules.default, DEFAULT
        kind = self.types.get(known or proposed.get("type", ""))
        take("category", lambda value: kind is not None and value in kind.categories)
        highest = max(
            (PRIORITIES.index(voice.says["priority"]) for voice in voices if "priority" in voice.says), default=-1
        )
        take("priority", lambda value: PRIORITIES.index(value) == highest)
        take("team")
        take("tags")
        take("risk")
        if "tags" in proposed or "risk" in proposed:
            tags = {tag for voice in voices for tag in voice.says.get("tags", ())}
            proposed["tags"] = tuple(sorted(tags | ({RISK_TAG} if "risk" in proposed else set())))
            by.setdefault("tags", by.get("risk", DEFAULT))
        answer = next(((voice.by, voice.says["answer"]) for voice in voices if "answer" in voice.says), None)
        return Proposal(proposed, by, tuple(voices), tuple(faults), answer)

    def _values(self, facts: Facts) -> dict[str, object]:
        """Return what conditions see; what does not fit its field is left out, for the opening to refuse."""
        known = {name: self._plain(self.fields, name, value) for name, value in facts.fields.items()}
        customer = self.desk.customer.fields
        known |= {f"customer.{name}": self._plain(customer, name, value) for name, value in facts.customer.items()}
        known = {name: value for name, value in known.items() if value is not None}
        known["filled"] = list(known)
        for name in ("tags", "customer_tags", "open_types", "open_tags"):
            known[name] = list(getattr(facts, name))
        return known | {name: value for name in ("channel", "opened_at") if (value := getattr(facts, name)) is not None}

    def _sound(self, specs: Mapping[str, FieldSpec], name: str, raw: object) -> Value | None:
        try:
            return coerce(name, specs[name], raw, self.zone) if name in specs else None
        except BadValue:
            return None

    def _plain(self, specs: Mapping[str, FieldSpec], name: str, raw: object) -> object:
        value = self._sound(specs, name, raw)
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), self.zone)
        return list(value) if isinstance(value, tuple) else value


class _Asked:
    """One rule, compiled."""

    def __init__(self, name: str, rule: Rule, variables: Mapping[str, str]) -> None:
        self.name, self.rule = name, rule
        words = rule.when.words
        self.start, self.any, self.all, self.none = (
            list(map(_Word, some)) for some in (words.start, words.any, words.all, words.none)
        )
        self.conditions: list[Condition] = [compile_condition(text, variables) for text in rule.when.conditions]
        self.patterns = [(pattern, compile_pattern(pattern)) for pattern in rule.when.patterns]

    def hear(
        self, channel: str | None, text: str, values: Callable[[], Mapping[str, object]]
    ) -> tuple[str, ...] | None:
        """Return the words and patterns found, or None where the rule does not hold. What costs most is asked last."""
        if self.rule.when.channels and channel not in self.rule.when.channels:
            return None
        if any(word.stands_in(text) for word in self.none) or not all(word.stands_in(text) for word in self.all):
            return None
        head = text[:FIRST_LINE].partition("\n")[0]
        first = [word.shown for word in self.start if word.stands_in(head)]
        found = [word.shown for word in self.any if word.stands_in(text)]
        if (self.start and not first) or (self.any and not found):
            return None
        if not all(condition.holds(values()) is True for condition in self.conditions):
            return None
        fitting = [pattern for pattern, fits in self.patterns if fits(text)]
        if self.patterns and not fitting:
            return None
        return (*(word.shown for word in self.all), *first, *found, *fitting)


class _Word:
    """A word as texts are searched for it: anywhere among Chinese characters, as a whole among Latin letters."""

    def __init__(self, shown: str) -> None:
        self.shown, self.folded = shown, searchable(shown).strip()
        before, after = (bool(edge.search(self.folded)) for edge in _EDGES)
        self._whole: re.Pattern[str] | None = None
        if before or after:
            start, end = f"(?<![{_LATIN}])" * before, f"(?![{_LATIN}])" * after
            self._whole = re.compile(start + re.escape(self.folded) + end)

    def stands_in(self, text: str) -> bool:
        return self.folded in text and (self._whole is None or self._whole.search(text) is not None)


def may_correct(event: Event | Migrate, category: str | None) -> bool:
    """Say whether an event can be about what was proposed."""
    if isinstance(event, Advance):
        return category in event.fields
    return isinstance(event, SetFields | Assign | Transfer | Tag | Migrate)


def corrections(
    proposal: Proposal, ticket: Ticket, event: Event | Migrate, category: str | None
) -> dict[str, Any] | None:
    """Return how a person's event leaves what was proposed, by attribute: the new value, or None where it agrees again.

    None as a whole says that the event is about nothing of this. Taking away a proposed tag corrects, adding one more
    does not.
    """
    now: dict[str, Any] = {}
    fields = event.fields if isinstance(event, SetFields | Advance | Migrate) else {}
    if category in fields:
        now["category"] = ticket.fields.get(category or "")
    if isinstance(event, Migrate):
        now["type"] = ticket.type
    if isinstance(event, SetFields) and event.priority:
        now["priority"] = ticket.priority
    if isinstance(event, Assign | Transfer):
        now["team"] = ticket.team
    if isinstance(event, Tag):
        now["tags"] = ticket.tags
    about = {name: value for name, value in now.items() if name in proposal.proposed}

    def agrees(name: str, value: Any) -> bool:
        wanted = proposal.proposed[name]
        return set(wanted) <= set(value) if name == "tags" else value == wanted

    return {name: None if agrees(name, value) else value for name, value in about.items()} or None
