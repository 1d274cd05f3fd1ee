"""The strategy record 策略记录表: one page that says who asked for what, what was done and said, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from workflow.core.guard import Rules
from workflow.core.model import HistoryEntry, Ticket, Value
from workflow.core.speech import Words
from workflow.definition.resolve import TicketType
from workflow.definition.speech import Guidance

LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Strategy record", "ticket": "Ticket", "name": "Name", "contact": "Contact", "order": "Order number",
        "type": "Type", "words": "Customer's words", "demand": "Core demand", "strategy": "Strategy and script",
        "result": "Result", "feedback": "Customer's feedback", "state": "Follow-up state", "time": "Follow-up time",
        "open": "being handled", "closed": "closed", "due": "due", "promised": "Promised until {until}",
    },
    "zh": {
        "title": "策略记录表", "ticket": "工单", "name": "姓名", "contact": "联系方式", "order": "订单号",
        "type": "问题类型", "words": "客户原话", "demand": "核心诉求", "strategy": "应对策略与话术",
        "result": "处理结果", "feedback": "客户反馈", "state": "跟进状态", "time": "跟进时间",
        "open": "处理中", "closed": "已结案", "due": "到期", "promised": "承诺 {until} 前答复",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StrategyStep:
    """One thing that a person did on the ticket, with the words that the customer was told by it or answered."""

    at: str
    who: str
    what: str
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StrategyRecord:
    """The strategy record of a ticket: every value in words of one language, times in the desk's zone, "" for none.

    Personal data is masked unless it was asked for unmasked. `labels` are the words of the form itself.
    """

    ticket: int
    name: str
    contact: str
    order: str
    type: str
    words: str
    demand: str
    strategy: tuple[StrategyStep, ...]
    result: str
    feedback: str
    state: str
    time: str
    labels: Mapping[str, str]


def strategy_record(
    guidance: Guidance,
    rules: Rules,
    ticket: Ticket,
    history: Iterable[HistoryEntry],
    *,
    lang: str,
    reveal: bool = False,
) -> StrategyRecord:
    """Return the record of a ticket as it stands. The desk's guidance says which fields answer for which row."""
    words, labels, rows = (
        Words(rules, ticket, lang, reveal=reveal),
        LABELS.get(lang, LABELS["en"]),
        guidance.situations.form,
    )
    definition = rules.compiled.definition
    outcome = words.shown("outcome")
    over = ticket.stage == "archive"
    state = (
        f"{labels['closed' if over else 'open']} · {definition.states[ticket.state].label.get(lang) or ticket.state}"
    )
    due = f"{labels['due']} {words.moment(ticket.next_due_at)}" if ticket.next_due_at and not over else ""
    return StrategyRecord(
        ticket=ticket.id,
        name=words.shown("customer.name"),
        contact=words.first(rows.contact),
        order=words.first(rows.order),
        type=definition.spec.label.get(lang) or ticket.type,
        words=words.first(rows.words),
        demand=words.first(rows.demand),
        strategy=tuple(_steps(guidance, definition, history, words, labels)),
        result=words.first(rows.result),
        feedback="; ".join(filter(None, map(words.labelled, rows.feedback))),
        state=" · ".join(filter(None, (state, outcome if over else ""))),
        time=" · ".join(filter(None, (words.moment(ticket.entered_at), due))),
        labels=labels,
    )


def _steps(
    guidance: Guidance, definition: TicketType, history: Iterable[HistoryEntry], words: Words, labels: Mapping[str, str]
) -> Iterable[StrategyStep]:
    triggers = {name: trigger for state in definition.states.values() for name, trigger in state.triggers.items()}
    for entry in history:
        if entry.actor in ("timer", "system"):
            continue
        held = {**entry.data, **entry.private}
        said: dict[str, Value] = {
            name: held[f"fields.{name}"]
            for name in (*guidance.situations.told, *guidance.situations.form.answers)
            if held.get(f"fields.{name}")
        }
        told = [words.of(name, value) for name, value in said.items()]
        told += [words.free(str(held[name])) for name in ("note", "reason") if held.get(name)]
        if entry.trigger:
            known = triggers.get(entry.trigger)
            what = (known.label.get(words.lang) if known else None) or entry.trigger
        elif entry.kind == "promised":
            what = labels["promised"].format(until=words.moment(datetime.fromisoformat(str(entry.data["until"]))))
        elif told:
            what = ""
        else:
            continue
        yield StrategyStep(words.moment(entry.happened_at), words.member(entry.actor), what, tuple(told))
