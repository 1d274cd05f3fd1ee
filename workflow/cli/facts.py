"""What the facts of a history entry are called; those that are QUIET are of no use to people."""

from __future__ import annotations

QUIET = ("due_at", "fired_at", "cause", "ladder", "number")
FACTS = {
    "action": "action",
    "as": "as",
    "assignee": "assignee",
    "back": "back",
    "came_at": "came at",
    "channel": "channel",
    "customer": "customer",
    "by": "by",
    "cycle": "cycle",
    "desk_revision": "desk revision",
    "entries": "of entries",
    "external_id": "external id",
    "facts": "facts",
    "faults": "could not be asked",
    "instead_of": "instead of",
    "causes_ended": "no cause any more",
    "late_by": "late by",
    "opened_at": "came in on its way, opened",
    "linked": "linked",
    "machine": "answered by",
    "note": "note",
    "of_customer": "of the customer",
    "party": "caller",
    "policy": "policy",
    "priority": "priority",
    "promise": "promise",
    "proposal": "sorted by",
    "reason": "reason",
    "redacted": "redacted",
    "rebuilt": "rebuilt",
    "resumed": "goes on",
    "rung": "rung",
    "separate": "not joined because",
    "sla": "clock",
    "tagged": "tagged",
    "team": "team",
    "timer": "timer",
    "to": "told",
    "until": "until",
    "untagged": "untagged",
    "why": "why",
}
FLAGS = {
    "announced": "the customer was told", "late": "late", "repeat": "repeat contact",
    "on_attach": "was past when its goal was set",
}  # fmt: skip
STEPS = {"goal": "new goal"}
