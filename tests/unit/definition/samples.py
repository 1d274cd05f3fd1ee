"""The smallest desk and ticket type that have nothing wrong with them, and a way to load what a test makes of them."""

from __future__ import annotations

from pathlib import Path

from workflow.definition.parse import load_definitions
from workflow.definition.resolve import Definitions
from workflow.errors import Problem

DESK = """\
desk: d
zone: Asia/Shanghai
channels: [phone, web]
roles:
  agent: {may: [open, advance, acknowledge]}
teams:
  front: {lead: li, members: [li]}
members:
  li: {roles: [agent], os_user: li}
customer:
  fields:
    phone: {type: text}
  same_by: [[phone]]
ladder: {rungs: [{to: lead, after: 1h}, {to: li, after: 2h}]}
calendars: {office: {weekly: {mon-fri: 09:00-18:00}}}
"""
TYPE = """\
ticket_type: t
version: 1
skips: [classify, review, callback]
fields:
  kind: {type: choice, choices: [a, b]}
  n: {type: int}
  fees: {type: decimal}
  note: {type: text}
  ok: {type: bool}
  day: {type: date}
  words: {type: list}
stages:
  intake:
    team: front
    transitions:
      accept: handle
  handle:
    transitions:
      done: archive
  archive: {}
timeouts: {forgotten: {after: 2160h, actions: [notify: owner]}}
"""


def load(
    folder: Path, desk: str | bytes | None = DESK, **types: str | bytes
) -> tuple[Definitions | None, list[Problem]]:
    """Load a folder with the given files, the smallest type among them unless others are given."""
    files = {"desk.yaml": desk} | {f"{name}.yaml": text for name, text in (types or {"t": TYPE}).items()}
    for name, text in files.items():
        if text is not None:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    definitions, problems = load_definitions(folder, conditions={"is_vip"}, actions={"print_form"})
    return definitions, list(problems)


def marked(text: str) -> tuple[str, tuple[int, int]]:
    """Return a text without its mark », and the line and column where the mark stood."""
    before, _, after = text.partition("»")
    assert text.count("»") == 1, "a text has one mark"
    return before + after, (before.count("\n") + 1, len(before) - before.rfind("\n"))
