"""A digest: what many messages to the same would have said, in one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from workflow.definition.desk import DeskSpec
from workflow.definition.model import PRIORITIES
from workflow.delivery.notice import LABELS, Notice, local, why

WORDS = {
    "en": ("{count} messages at once", "and {more} more"),
    "zh": ("{count} 条消息汇总", "另有 {more} 条"),
}


@dataclass(frozen=True, slots=True)
class Digest(Notice):
    """Several messages to the same addressee as one, with the first `ticket` and the oldest `happened_at` of them.

    The same messages have the same `key`, however often they are sent.
    """

    notices: tuple[Notice, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the stable form in which a digest is posted to a webhook."""
        parts = ("key", "kind", "reason", "happened_at", "ticket", "data")
        messages = [{name: each[name] for name in parts} for each in map(Notice.as_dict, self.notices)]
        return Notice.as_dict(self) | {"messages": messages}


def digest(notices: Sequence[Notice], desk: DeskSpec, *, lang: str, room: int) -> Digest:
    """Return one message that lists many, the urgent first, then the oldest; its text takes at most `room` bytes."""
    ordered = sorted(notices, key=lambda each: (-PRIORITIES.index(each.ticket.priority), each.happened_at, each.key))
    title, rest = WORDS[lang]
    head, zone = title.format(count=len(ordered)), ZoneInfo(desk.zone)
    lines = [_line(each, zone, lang) for each in ordered]
    shown = _fitting(lines, room - len(f"{head}\n\n{rest.format(more=len(lines))}\n".encode()))
    more = [rest.format(more=len(lines) - shown)] if shown < len(lines) else []
    first, since = ordered[0], min(each.happened_at for each in ordered)
    keys = hashlib.sha256(" ".join(sorted(each.key for each in ordered)).encode()).hexdigest()
    return Digest(
        f"digest-{keys[:16]}", first.to, "digest", "digest", since, first.ticket,
        subject=head, text="\n".join((head, "", *lines[:shown], *more)) + "\n", notices=tuple(ordered),
    )  # fmt: skip


def _line(notice: Notice, zone: ZoneInfo, lang: str) -> str:
    *_, reason, since, due = LABELS[lang]
    facts = [f"{reason}: {why(notice.reason)}", f"{since}: {local(notice.happened_at, zone)}"]
    if notice.ticket.next_due_at:
        facts.append(f"{due}: {local(notice.ticket.next_due_at, zone)}")
    return "; ".join((notice.subject, *facts))


def _fitting(lines: Sequence[str], room: int) -> int:
    """Return how many of the lines fit into so many bytes."""
    for shown, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            return shown
    return len(lines)
