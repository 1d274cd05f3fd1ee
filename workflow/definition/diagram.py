"""A ticket type as a picture: Mermaid text that GitHub, editors and wikis draw."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from workflow.definition.resolve import State, TicketType, timeout_trigger

CURRENT = "classDef current fill:#1f6feb,stroke:#0b3d91,color:#ffffff,stroke-width:3px"
VISITED = "classDef visited fill:#dbeafe,stroke:#1f6feb,color:#0b3d91"
Move = tuple[str, str, str]
_HARMLESS = frozenset(" .,?!()/+'_-，。、？！（）《》")


@dataclass(frozen=True, slots=True)
class _Arrow:
    """A move from one place to another; the place is a state or, where all its states agree, a stage."""

    source: str
    dest: str
    label: str
    walked: bool


def diagram(
    ticket_type: TicketType,
    *,
    lang: str = "en",
    current: str | None = None,
    visited: Collection[Move] = (),
) -> str:
    """Return a ticket type as a Mermaid `stateDiagram-v2`.

    A stage of several states is a box around them; a ⏱ marks what a timeout does by itself. `current` is the state a
    ticket is in and `visited` the moves (source, trigger, dest) it has made, where `timeout_trigger` names those of a
    timeout: both are coloured, and marked with ● and ✓. No label can break the syntax.
    """
    states = ticket_type.states
    been = {name for source, _, dest in visited for name in (source, dest)} - {current}
    lines = ["stateDiagram-v2", f"    {CURRENT}", f"    {VISITED}", f"    [*] --> {_id(ticket_type.initial)}"]
    rooms: defaultdict[str, list[State]] = defaultdict(list)
    for state in states.values():
        rooms[state.stage].append(state)
    for stage, inside in rooms.items():
        boxed = [line for state in inside for line in _state(state, lang, current)]
        if inside[0].name == stage:
            lines += [f"    {line}" for line in boxed]
        else:
            spec = ticket_type.spec.stages[inside[0].stage]
            lines.append(f'    state "{escape(spoken(spec.label if spec else {}, stage, lang))}" as {stage} {{')
            lines += [f"        {line}" for line in boxed]
            lines.append("    }")
    for arrow in _arrows(ticket_type, rooms, lang, visited):
        lines.append(f"    {_id(arrow.source)} --> {_id(arrow.dest)} : {'✓ ' if arrow.walked else ''}{arrow.label}")
    lines += [f"    {_id(state.name)} --> [*]" for state in rooms["archive"]]
    lines += [f"    class {_id(name)} visited" for name in states if name in been]
    if current and current in states:
        lines.append(f"    class {_id(current)} current")
    return "\n".join(lines) + "\n"


def spoken(label: Mapping[str, str], name: str, lang: str) -> str:
    """Return a label in a language, else in English, else the name in plain words."""
    words = (label.get(lang, "").strip(), label.get("en", "").strip(), name.rpartition(".")[2].replace("_", " "))
    return next(filter(None, words))


def escape(text: str) -> str:
    """Return a text whose every character that could mean something to Mermaid is written as an entity.

    >>> escape('a "b"; c')
    'a #34;b#34;#59; c'
    """
    shown = " ".join("".join(" " if letter.isspace() else letter for letter in text).split())
    return "".join(
        letter if letter.isalnum() or letter in _HARMLESS else f"#{ord(letter)};"
        for letter in shown
        if not unicodedata.category(letter).startswith("C")
    )


def _state(state: State, lang: str, current: str | None) -> Iterator[str]:
    mark = "● " if state.name == current else ""
    yield f'state "{mark}{escape(spoken(state.label, state.name, lang))}" as {_id(state.name)}'
    for timeout in state.timeouts.values():
        if timeout.branch.dest is None:
            yield f"{_id(state.name)} : ⏱ {timeout.after} {escape(spoken(timeout.label, timeout.name, lang))}"


def _arrows(
    ticket_type: TicketType, rooms: Mapping[str, list[State]], lang: str, visited: Collection[Move]
) -> Iterator[_Arrow]:
    """Yield every move once, drawn from the whole stage where each of its states has it."""
    for stage, inside in rooms.items():
        sources: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        for state in inside:
            for trigger, dest, label in _moves(state, lang):
                if state.name not in (known := sources[trigger, dest, label]):
                    known.append(state.name)
        for (trigger, dest, label), names in sources.items():
            walked = [name for name in names if (name, trigger, dest) in visited]
            together = 1 < len(names) == len(inside) and ticket_type.stage_of(dest) != stage
            for source in [stage] if together else names:
                yield _Arrow(source, dest, label, walked=bool(walked) if together else source in walked)


def _moves(state: State, lang: str) -> Iterator[tuple[str, str, str]]:
    """Yield each way out of a state or back into it: its trigger, its dest, and what is written on the arrow."""
    for trigger in state.triggers.values():
        for branch in trigger.branches:
            if branch.dest:
                yield trigger.name, branch.dest, escape(spoken(trigger.label, trigger.name, lang))
    for timeout in state.timeouts.values():
        if timeout.branch.dest:
            label = f"⏱ {timeout.after} {escape(spoken(timeout.label, timeout.name, lang))}"
            yield timeout_trigger(timeout.name), timeout.branch.dest, label


def _id(name: str) -> str:
    return name.replace(".", "_")
