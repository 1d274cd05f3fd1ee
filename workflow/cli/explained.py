"""The JSON form of an explanation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workflow.cli.views import View

if TYPE_CHECKING:
    from workflow import Explanation
    from workflow.core.explain import ClockStory, Wake


def explained(view: View, found: Explanation) -> dict[str, Any]:
    """Return the stable JSON form of an explanation."""
    return {
        "as_of": found.as_of,
        "ticket": view.ticket(found.ticket),
        "calendar": found.calendar,
        "stayed": found.stayed,
        "counted": found.counted,
        "owner": found.owner,
        "lead": found.lead,
        "given": found.given and view.entry(found.given),
        "queue": found.queue,
        "moves": [view.entry(entry) for entry in found.moves],
        "repairs": [view.entry(entry) for entry in found.repairs],
        "unwritten": [view.entry(entry) for entry in found.unwritten],
        "unwritten_messages": [message._asdict() for message in found.unwritten_messages],
        "timers": [_wake_json(view, wake) for wake in found.timers],
        "clocks": [_clock_json(story) for story in found.clocks],
        "ladder": found.ticket.ladder and found.ticket.ladder._asdict(),
        "duties": [asdict(duty) for duty in found.duties],
        "promise": found.ticket.promise and found.ticket.promise._asdict(),
        "triggers": [view.option(option) for option in found.options],
        "messages": [
            {"id": row.id, "to": row.to, "kind": row.kind, "reason": row.reason, "state": row.state,
             "created_at": row.created_at, "attempts": row.attempts, "next_try_at": row.next_try_at,
             "last_error": row.last_error}
            for row in found.messages
        ],
        "incidents": [asdict(row) for row in found.incidents],
        "links": [asdict(link) for link in found.links],
    }  # fmt: skip


def _wake_json(view: View, wake: Wake) -> dict[str, Any]:
    from workflow.cli.calendar import step_json

    timer = wake.timer
    return {
        "kind": timer.kind, "name": timer.name, "cycle": timer.cycle, "occurrence": timer.occurrence,
        "due_at": timer.due_at, "label": dict(wake.label), "length": wake.length, "before": wake.before,
        "counts": [
            {"calendar": count.calendar, "begin": count.begin, "end": count.end, "counted": count.counted,
             "steps": [step_json(step) for step in count.steps]}
            for count in wake.counts
        ],
        "fate": wake.fate, "state": wake.state, "entries": [view.entry(entry) for entry in wake.entries],
        "messages": [message._asdict() for message in wake.messages], "unannounced": wake.unannounced,
    }  # fmt: skip


def _clock_json(story: ClockStory) -> dict[str, Any]:
    facts = story.clock._asdict()
    more = {"label": dict(story.label), "calendar": story.calendar, "elapsed": story.elapsed, "left": story.left}
    return facts | more | {"stretches": [asdict(part) for part in story.stretches]}
