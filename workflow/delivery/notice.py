"""What is told: a message with what its ticket is now. No personal data and no free text of the ticket is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from workflow.core.model import NOTHING, Ticket
from workflow.definition.desk import DeskSpec
from workflow.definition.resolve import TicketType

VERSION = 1
KINDS = {
    "en": {"escalate": "Escalated", "notify": "To your notice", "call": "Call"},
    "zh": {"escalate": "上报", "notify": "通知", "call": "调用"},
}
PRIORITIES = {"low": "低", "normal": "普通", "high": "高", "urgent": "紧急"}
TO_CUSTOMER = {
    "en": {
        "promise": "We will get back to you by {until}.",
        "instead": "We will get back to you by {until}, not by {instead_of} as we had said.",
        "extended": "This takes us longer than we thought. Your case is being worked on.",
        "other": "There is news about your case.",
        "because": "The reason: {reason}",
        "subject": "Your case {ticket}",
    },
    "zh": {
        "promise": "我们将在 {until} 前答复您。",
        "instead": "我们将在 {until} 前答复您，而不是之前告知的 {instead_of}。",
        "extended": "您的事项需要更长时间，我们正在处理。",
        "other": "您的事项有新的进展。",
        "because": "原因：{reason}",
        "subject": "您的事项 {ticket}",
    },
}
LABELS = {
    "en": ("Ticket", "Type", "State", "Priority", "With", "Why", "Since", "Due"),
    "zh": ("工单", "类型", "状态", "优先级", "负责", "原因", "时间", "到期"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One message on its way: what a host's action is called with, and what the senders tell.

    `key` is the same however often the message is sent. `to` is `member:NAME`, `team:NAME`, `customer` or `host:NAME`.
    `ticket` is the ticket as it stands when the message leaves.
    """

    key: str
    to: str
    kind: str
    reason: str
    happened_at: datetime
    ticket: Ticket
    data: Mapping[str, Any] = NOTHING
    subject: str = ""
    text: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the stable form in which the message is posted to a webhook."""
        ticket = self.ticket
        return {
            "version": VERSION,
            "key": self.key,
            "to": self.to,
            "kind": self.kind,
            "reason": self.reason,
            "happened_at": _iso(self.happened_at),
            "ticket": {
                "id": ticket.id,
                "type": ticket.type,
                "state": ticket.state,
                "priority": ticket.priority,
                "team": ticket.team,
                "assignee": ticket.assignee,
                "next_due_at": ticket.next_due_at and _iso(ticket.next_due_at),
            },
            "data": dict(self.data),
            "text": self.text,
        }

    def as_json(self) -> bytes:
        """Return the same as JSON in UTF-8."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def words(
    desk: DeskSpec, definition: TicketType, ticket: Ticket, *, kind: str, reason: str, at: datetime, lang: str
) -> tuple[str, str]:
    """Return the subject and the text in which people are told of a message, in the desk's zone and a language."""
    zone = ZoneInfo(desk.zone)
    state = definition.states.get(ticket.state)
    values = (
        str(ticket.id),
        definition.spec.label.get(lang) or ticket.type,
        (state.label.get(lang) if state else None) or ticket.state,
        PRIORITIES.get(ticket.priority, ticket.priority) if lang == "zh" else ticket.priority,
        ticket.assignee or ticket.team,
        why(reason),
        local(at, zone),
        ticket.next_due_at and local(ticket.next_due_at, zone),
    )
    lines = [f"{label}: {value}" for label, value in zip(LABELS[lang], values, strict=True) if value]
    what = KINDS[lang].get(kind, kind)
    subject = f"[{LABELS[lang][0]} {ticket.id}] {what}: {values[1]}, {values[2]}"
    return subject, "\n".join((what, "", *lines)) + "\n"


def words_to_customer(
    desk: DeskSpec, row: Mapping[str, Any], *, kind: str, ticket: int, reason: str | None, lang: str
) -> tuple[str, str]:
    """Return the subject and the text that a customer is told: what was promised, and why that changed."""
    zone, said = ZoneInfo(desk.zone), TO_CUSTOMER[lang]
    values = {name: local(datetime.fromisoformat(row[name]), zone) for name in ("until", "instead_of") if name in row}
    what = "instead" if "instead_of" in row else kind if kind in said else "other"
    lines = [said[what].format_map(values)]
    if reason:
        lines.append(said["because"].format(reason=reason))
    return said["subject"].format(ticket=ticket), "\n".join(lines) + "\n"


def why(reason: str) -> str:
    """Return a cause without its counters: a timer's name, a trigger, or a word like `raised`."""
    kind, _, rest = reason.partition(":")
    return rest.partition(":")[0] if kind in ("timeout", "sla", "promise") else kind


def _iso(instant: datetime) -> str:
    return instant.isoformat()


def local(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant as people of a zone write it."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
