"""A small desk for the core's tests, written down here so that each test can be read alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflow.core.events import Event
from workflow.core.guard import HostCondition, Rules
from workflow.core.model import Actor, Outcome, Ticket, Timer
from workflow.core.opening import open_ticket
from workflow.core.people import actor_of
from workflow.core.unit import opened, run_unit
from workflow.definition.desk import DeskSpec
from workflow.definition.inheritance import resolve
from workflow.definition.machine import compile_type
from workflow.definition.model import VERBS, TicketTypeSpec

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEADS_ONLY = ("acknowledge", "approve", "excuse")
DESK: dict[str, Any] = {
    "desk": "trial",
    "zone": "Asia/Shanghai",
    "channels": ["phone", "web"],
    "roles": {
        "agent": {"may": [verb for verb in VERBS if verb not in LEADS_ONLY]},
        "lead": {"may": list(VERBS)},
        "guest": {"may": ["note"]},
    },
    "teams": {
        "front": {"lead": "li", "members": ["ann", "bob", "cem"], "assignment": "manual"},
        "back": {"lead": "lu", "members": ["dan"], "assignment": "manual"},
        "solo": {"lead": "li", "members": ["eve"], "assignment": "manual"},
    },
    "members": {
        **{name: {"roles": ["agent"]} for name in ("ann", "bob", "cem", "dan", "eve")},
        "li": {"roles": ["lead"]},
        "lu": {"roles": ["lead"]},
        "gus": {"roles": ["guest"]},
    },
    "ladder": {"rungs": [{"to": "lead", "after": "30m"}, {"to": "lu", "after": "1h"}]},
    "customer": {"fields": {"name": {"type": "text", "pii": True}, "level": {"type": "int"}}},
}


class Trial:
    """One ticket of one type, driven through the pure core as the desk drives it."""

    def __init__(
        self,
        definition: dict[str, Any],
        hosts: dict[str, HostCondition] | None = None,
        desk_says: dict[str, Any] | None = None,
        **opening: Any,
    ) -> None:
        desk = DeskSpec.model_validate({**DESK, **(desk_says or {})})
        spec = TicketTypeSpec.model_validate({"ticket_type": "trial", "version": 1, **definition})
        self.rules = Rules(compile_type(resolve(spec), desk), desk, 1, hosts or {})
        self.now = NINE
        self.outcome = opened(
            self.rules, open_ticket(self.rules, self.who("ann"), NINE, **opening), self.who("ann"), wall=NINE
        )
        self.entries = list(self.outcome.entries)

    def who(self, name: str) -> Actor:
        return actor_of(self.rules.desk, name)

    @property
    def ticket(self) -> Ticket:
        return self.outcome.ticket

    @property
    def timers(self) -> tuple[Timer, ...]:
        return self.outcome.timers

    def does(self, event: Event, actor: str = "ann", after: timedelta = timedelta(), **more: Any) -> Outcome:
        """Let somebody do something some time later; the timers due by then fire first."""
        self.now += after
        return self._keep(
            run_unit(
                self.rules, self.ticket, self.timers, limit=self.now, fired_at=self.now, event=event,
                actor=self.who(actor), **more,
            )
        )  # fmt: skip

    def runs(self, after: timedelta = timedelta(), **more: Any) -> Outcome:
        """Let a timeout run come some time later."""
        self.now += after
        return self._keep(run_unit(self.rules, self.ticket, self.timers, limit=self.now, fired_at=self.now, **more))

    def revised(self, **desk_says: Any) -> Rules:
        """Return the rules as a later revision of the desk has them."""
        spec = self.rules.desk.model_dump(exclude_unset=True)
        desk = DeskSpec.model_validate({**spec, **desk_says})
        return Rules(self.rules.compiled, desk, self.rules.desk_revision + 1, self.rules.hosts)

    def _keep(self, outcome: Outcome) -> Outcome:
        self.outcome = outcome
        self.entries += outcome.entries
        return outcome


@pytest.fixture
def trial() -> Callable[..., Trial]:
    """Make a ticket of a type whose stages are given; the six stages are filled up with plain ones."""

    def make(stages: dict[str, Any], **more: Any) -> Trial:
        opening = {key: more.pop(key) for key in ("fields", "tags", "priority", "channel") if key in more}
        declared = more.pop("declare", {})
        hosts = more.pop("hosts", None)
        desk_says = more.pop("desk_says", None)
        plain: dict[str, Any] = {name: {} for name in ("classify", "handle", "review", "callback", "archive")}
        definition = {"fields": declared, "stages": {"intake": {"team": "front"}, **plain, **stages}, **more}
        return Trial(definition, hosts, desk_says, **opening)

    return make
