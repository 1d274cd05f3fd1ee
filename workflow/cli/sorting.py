"""Sorting contacts: what the rules say of one, and how they have done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.intake import contacts_of, progress, reading
from workflow.cli.shell import Command, Group, pass_session

if TYPE_CHECKING:
    from workflow import Proposal
    from workflow.core.classify import Voice

ATTRIBUTES = {
    "type": "type", "category": "category", "priority": "priority", "tags": "tags", "team": "team", "risk": "risk",
    "answer": "answer",
}  # fmt: skip
PROPOSED = ("what", "proposed", "proposed by")
VOICES = ("rule", "found", "proposes")
FIGURES = ("rule", "label", "spoke", "share", "agreed", "corrected")


class Sorting:
    """Shows proposals in the words of the desk."""

    def __init__(self, session: Session) -> None:
        self.session, self.types = session, session.desk.types
        self.rules = session.spec.rules.rules if session.spec.rules else {}

    def who(self, by: str) -> str:
        """Return a rule's or a machine's name, in Chinese the rule's label."""
        if self.session.lang != "en" and by in self.rules:
            return self.session.label(self.rules[by].label, by)
        return self.session.tell("default") if by == "default" else by

    def proposed(self, found: Proposal) -> Iterator[tuple[object, ...]]:
        """Yield what is proposed, with whose word it is."""
        for name, value in found.proposed.items():
            line = self.session.tell(ATTRIBUTES[name]), self._value(name, value), self.who(found.by[name])
            if found.corrected:
                now = found.corrected.get(name)
                yield (*line, f"{self._value(name, now['to'])} ({now['by']})" if now else None)
            else:
                yield line

    def voice(self, voice: Voice) -> tuple[object, ...]:
        """Return a line for what one rule or machine said."""
        says = [f"{self.session.tell(ATTRIBUTES[name])}={self._value(name, item)}" for name, item in voice.says.items()]
        return self.who(voice.by), voice.words, "; ".join(says)

    def _value(self, name: str, value: Any) -> str:
        if name == "type" and value in self.types and self.session.lang != "en":
            return self.session.label(self.types[value].spec.label, value)
        if name in ("priority", "risk"):
            return self.session.tell(value)
        return self.session.plain(tuple(value) if isinstance(value, list) else value)

    def write(self, found: Proposal) -> None:
        """Write a proposal with everybody who spoke."""
        columns = (*PROPOSED, "corrected") if found.corrected else PROPOSED
        self.session.table(columns, self.proposed(found), fold=True)
        if found.voices:
            self.session.heading("Who spoke")
            self.session.table(VOICES, map(self.voice, found.voices), fold=True)
        for fault in found.faults:
            self.session.say("{who} could not be asked: {why}", who=self.who(fault.by), why=fault.reason)


def as_json(found: Proposal) -> dict[str, Any]:
    """Return a proposal's stable JSON form."""
    return {
        "proposed": dict(found.proposed),
        "by": dict(found.by),
        "defaulted": found.defaulted,
        "voices": [asdict(voice) for voice in found.voices],
        "faults": [asdict(fault) for fault in found.faults],
        "corrected": dict(found.corrected),
    }


@click.command("classify", cls=Command)
@click.option("--text", default="", metavar="TEXT", help="What the customer wrote; @FILE reads it from a file.")
@click.option("--channel", metavar="NAME", help="Where the contact came from.")
@options.fields("A field of the ticket; @FILE reads it from a file. Repeatable.")
@options.customer("A field of the customer. Repeatable.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Repeatable.")
@pass_session
def classify(session: Session, text: str, **given: Any) -> None:
    """Explain how a contact would be sorted.

    Each rule that speaks is shown, with the words that it found and what it proposes. Nothing is written. The rules in
    force are asked: after an edit, `ticketflow apply` puts them in force.

        ticketflow classify --channel weibo --text "再不处理我就找工信部"
    """
    found = session.desk.classify(options.text_of("--text", text) or "", **given)
    if session.json:
        session.dump(as_json(found))
    elif not found.proposed:
        session.say("The desk has no rules.yaml: nothing is proposed.")
    else:
        Sorting(session).write(found)
    hint_at_edits(session)


def hint_at_edits(session: Session) -> None:
    """Say so where the files are not what is in force."""
    if session.desk.definitions_changed:
        session.hint("The definition files differ from what is in force; see `ticketflow apply --dry-run`.")


@click.group("rules", cls=Group)
def rules() -> None:
    """See how the rules that sort contacts do."""


@rules.command("report")
@click.argument("file", required=False)
@reading
@pass_session
def report(session: Session, file: str | None, **form: Any) -> None:
    """Count how often each rule spoke, and how often a person agreed.

    Over the contacts of FILE, read as `intake` reads them, or over the desk's own tickets that were sorted when opened.
    A person agreed who moved a ticket on without changing what the rule had proposed; in a file, its column `type` is
    the person's opinion. What no rule gave a type is counted as default. Nothing is written.

        ticketflow rules report calls.csv --map statement=text,type=sorted_by_hand
    """
    if file is None:
        found = session.desk.rules_report()
    else:
        reader = contacts_of(session, file, **form)
        with reader, progress(session, reader) as contacts:
            found = session.desk.rules_report(contacts)
    if session.json:
        session.dump(asdict(found))
        return
    view = Sorting(session)
    session.table(FIGURES, ([*row] for row in _figures(view, asdict(found))))
    session.say(
        "{contacts} contacts were sorted: {types}", contacts=found.contacts,
        types=[f"{kind} {count}" for kind, count in found.types.items()],
    )  # fmt: skip
    if found.faults:
        session.say("{faults} times a rule or a machine could not be asked", faults=found.faults)
    hint_at_edits(session)


def _figures(view: Sorting, found: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for figures in found["rules"]:
        rule, share = figures["rule"], figures["spoke"] / found["contacts"] if found["contacts"] else 0
        label = view.session.label(view.rules[rule].label, "") if rule in view.rules else ""
        yield rule, label, figures["spoke"], f"{share:.1%}", figures["agreed"], figures["corrected"]
