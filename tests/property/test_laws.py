"""The laws of time on random worlds: what must hold of every history, however late its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings

from tests.property.worlds import END, HOURS, PLACES, World, at_tick, play, rebuilt, replay, standing, told, worlds
from workflow.core import armed
from workflow.core.events import Note
from workflow.core.guard import Rules
from workflow.core.instants import event_time
from workflow.core.model import HistoryEntry
from workflow.core.people import TIMER, actor_of
from workflow.core.unit import run_unit
from workflow.errors import Conflict

DAY, NONE = timedelta(days=1), timedelta()
FEWER = settings(max_examples=max(25, settings().max_examples // 4))


@FEWER
@given(worlds())
def test_history_never_goes_back_and_every_entry_stands_in_its_place(world: World) -> None:
    played = play(world)
    state, stay = "", 0
    assert [entry.seq for entry in played.entries] == list(range(1, len(played.entries) + 1))
    assert all(one.happened_at <= two.happened_at for one, two in pairwise(played.entries))
    for entry in played.entries:
        if entry.dest is not None:
            assert entry.source == (state or None)
            state, stay = entry.dest, stay + 1
        if entry.kind == "migrated":
            assert (entry.data["from"], entry.version) == (["world", 3 - entry.version, state], entry.data["to"][1])
            state = entry.data["to"][2]
        assert (entry.state, entry.entry) == (state, stay)


# -- every crossing of a goal has its firing ------------------------------------------------------------------------


def opens(hours: int) -> list[tuple[timedelta, timedelta]]:
    """Return when a day's hours open and close, read here and not by the product."""
    ends = [[timedelta(hours=int(h), minutes=int(m)) for h, m in (x.split(":") for x in text.split("-"))]
            for text in HOURS[hours]]  # fmt: skip
    return [(begin, end) for begin, end in ends]


def stretches(hours: int | None, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield what is open from an instant on; None is every hour."""
    if hours is None:
        yield since, since + 100 * DAY
        return
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        for begin, end in opens(hours):
            if midnight + end > since:
                yield max(since, midnight + begin), midnight + end
        midnight += DAY


def passed(hours: int | None, since: datetime, until: datetime) -> timedelta:
    total = NONE
    for begin, end in stretches(hours, since):
        if begin >= until:
            return total
        total += min(end, until) - begin
    return total


def reached(hours: int | None, since: datetime, left: timedelta) -> datetime:
    if left <= NONE:
        return since
    for begin, end in stretches(hours, since):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    raise AssertionError("never")


NEVER: dict[str, Any] = {
    "goal": {"high": "0m", "default": "0m"}, "calendar": "always", "start": None, "stop": None, "pause": [],
    "reset": [], "levels": [{"at": "100%", "repeat": False}],
}  # fmt: skip


class Watch:
    """One clock read off the history alone: what crosses its goal, and when."""

    def __init__(self, name: str, spec: dict[str, Any] | None, hours: int) -> None:
        self.name, self.spec, self.hours = name, spec or NEVER, hours
        self.status, self.cycle, self.told, self.breached, self.loose = "idle", 0, 0, False, False
        self.counted, self.since, self.extra, self.priority = NONE, at_tick(0), NONE, "normal"
        self.found: list[tuple[int, str]] = []

    @property
    def repeats(self) -> bool:
        return bool(next(level["repeat"] for level in self.spec["levels"] if level["at"] == "100%"))

    @property
    def goal(self) -> timedelta:
        text = self.spec["goal"]["high" if self.priority == "high" else "default"]
        return timedelta(minutes=int(text[:-1])) + self.extra

    @property
    def calendar(self) -> int | None:
        return self.hours if self.spec["calendar"] == "office" else None

    @property
    def crossing(self) -> datetime | None:
        if self.status != "running" or self.loose or (self.told and not self.repeats):
            return None
        return reached(self.calendar, self.since, (self.told + 1) * self.goal - self.counted)

    def bank(self, at: datetime) -> None:
        if self.status == "running":
            self.counted += passed(self.calendar, self.since, at)
        self.since = at

    def see(self, entry: HistoryEntry, world: World) -> None:
        at, due = entry.happened_at, self.crossing
        own = entry.kind == "fired" and entry.timer is not None and entry.timer[1] == f"{self.name}/100%"
        if own:
            for fired in map(datetime.fromisoformat, entry.data.get("merged", [at.isoformat()])):
                due = self.crossing
                assert self.loose or due == fired, f"{self.name} fires at {fired}, its goal is crossed at {due}"
                self.told, self.breached = self.told + 1, True
        else:
            assert due is None or due >= at, f"{self.name} crossed its goal at {due}, and nothing fired"
        if "opened_at" in entry.data:
            self.come_in(entry)
        elif entry.kind in ("opened", "advanced", "fired", "repaired") and not (
            entry.timer and entry.timer[0] == "sla"
        ):
            self.move(entry)
        if entry.kind == "rearmed":
            self.bank(at)
        if entry.kind == "migrated":
            self.follow(entry, world.version(entry.version)["sla"].get(self.name))
        if "priority" in entry.data:
            self.change(at, entry.data["priority"], self.extra)
        if entry.kind == "extended" and entry.data["sla"] == self.name:
            self.change(at, self.priority, self.extra + timedelta(seconds=entry.data["by"]))

    def move(self, entry: HistoryEntry) -> None:
        live, dest = self.status in ("running", "paused"), entry.dest
        stops, resets = dest in (self.spec["stop"], "archive"), entry.trigger in self.spec["reset"]
        if live and (stops or resets):
            self.bank(entry.happened_at)
            self.status = "missed" if self.breached else "met"
            self.found.append((self.cycle, self.status))
        if (live and resets and not stops) or (not live and not stops and dest == self.spec["start"]):
            self.status, self.cycle, self.told, self.breached, self.loose = "running", self.cycle + 1, 0, False, False
            self.counted, self.since, self.extra = NONE, entry.happened_at, NONE
        paused = entry.state in self.spec["pause"]
        if self.status in ("running", "paused") and paused != (self.status == "paused"):
            self.bank(entry.happened_at)
            self.status = "paused" if paused else "running"

    def come_in(self, entry: HistoryEntry) -> None:
        """Begin on the way: here where the clock starts here, otherwise when the ticket was opened elsewhere."""
        if spans(self.spec, entry.state):
            at = entry.happened_at
            self.since = at if self.spec["start"] == entry.state else datetime.fromisoformat(entry.data["opened_at"])
            self.status, self.cycle = "running", 1
            self.bank(at)
            self.status = "paused" if entry.state in self.spec["pause"] else "running"
            self.breached = self.counted > self.goal
            self.loose = self.repeats and self.counted >= self.goal

    def follow(self, entry: HistoryEntry, spec: dict[str, Any] | None) -> None:
        """Go on under another version: as it was counted, by another goal; or begin, or end."""
        old, before, at, live = self.spec, self.goal, entry.happened_at, self.status in ("running", "paused")
        repeated = self.repeats
        self.bank(at)
        self.spec = spec or NEVER
        if spec is None:
            if live:
                self.status = "missed" if self.breached else "cancelled"
                self.found.append((self.cycle, self.status))
            return
        if self.status == "cancelled":
            self.status, before = "running", NONE if before == self.goal else before
            self.found.pop()
        elif self.status == "idle" and spans(spec, entry.state) and not spans(old, entry.data["from"][2]):
            self.status, self.cycle = "running", 1
            self.counted, self.since = NONE, at
            before = self.goal
        if self.status in ("running", "paused"):
            self.status = "paused" if entry.state in spec["pause"] else "running"
            if self.goal != before and self.goal > self.counted:
                self.told, self.loose = 0, False
            elif self.repeats or repeated:
                self.loose = self.goal != before or self.repeats != repeated or self.loose

    def change(self, at: datetime, priority: str, extra: timedelta) -> None:
        before = self.goal
        self.priority, self.extra = priority, extra
        if self.status in ("running", "paused") and self.goal != before:
            self.bank(at)
            if self.goal > self.counted:
                self.told, self.loose = 0, False
            elif self.repeats:  # which of the further full goals were told is not read here
                self.loose = True


def spans(spec: dict[str, Any], state: str) -> bool:
    if spec["start"] is None:
        return False
    order = ("intake", *PLACES, "archive", None)
    return order.index(spec["start"]) <= order.index(state) < order.index(spec["stop"])


@given(worlds(beyond=False))
def test_every_crossing_of_the_goal_in_force_has_one_firing_at_that_instant(world: World) -> None:
    played = play(world)
    watches = [Watch(name, world.definition["sla"].get(name), world.hours[0]) for name in ("s", "u", "w")]
    for entry in played.entries:
        for watch in watches:
            watch.see(entry, world)
            watch.hours = world.hours[entry.desk_revision]
    for watch in watches:
        due = watch.crossing
        assert due is None or due > at_tick(END), f"{watch.name} crossed its goal at {due}, and nothing fired"
        ended = [(clock.cycle, clock.status) for clock in played.ticket.clocks if clock.name == watch.name]
        assert [found for found in ended if found[1] not in ("running", "paused")] == watch.found
        live = played.ticket.clock(watch.name)
        if live is not None and live.is_open:
            assert (live.status, live.breached) == (watch.status, watch.breached)


# -- the other laws -------------------------------------------------------------------------------------------------


@FEWER
@given(worlds())
def test_the_clocks_stored_are_those_that_history_tells(world: World) -> None:
    played = play(world)
    assert rebuilt(played) == played.ticket.clocks


@FEWER
@given(worlds())
def test_what_waits_is_what_history_says_must_wait(world: World) -> None:
    played = play(world)
    rules = played.rules(played.ticket)
    wanted = armed.wanted(rules, played.ticket, played.ticket.clocks, played.entries, played.rules_of)
    unlike, right = armed.compare(played.outcome.timers, wanted, (), at_tick(END))
    assert (unlike, sorted(right, key=lambda timer: timer.order)) == ([], list(played.outcome.timers))


@FEWER
@given(worlds())
def test_no_timer_fires_twice_and_none_becomes_an_incident(world: World) -> None:
    played = play(world)
    keys = [entry.timer for entry in played.entries if entry.timer]
    assert len(keys) == len(set(keys))
    assert not [entry for entry in played.entries if entry.kind == "incident"]


@FEWER
@given(worlds())
def test_after_a_run_nothing_is_due(world: World) -> None:
    for step in play(world).units:
        if step.kind == "run":
            assert all(timer.due_at > step.limit for timer in step.outcome.timers)


@FEWER
@given(worlds())
def test_after_escalate_a_ladder_is_open(world: World) -> None:
    played = play(world)
    ladder = 0
    for entry, following in pairwise([*played.entries, None]):
        assert entry is not None
        if entry.kind == "ladder_ended":
            ladder = 0
        elif entry.kind in ("escalated", "unattended") and "ladder" in entry.data:
            ladder = entry.data["ladder"]
        asked: Any = entry.kind == "raised" or entry.trigger == "ask"
        definition = world.version(entry.version)
        if entry.kind == "fired" and entry.timer and entry.timer[0] == "sla":
            name, _, at = entry.timer[1].partition("/")
            asked = any("escalate" in lev["actions"] for lev in definition["sla"][name]["levels"] if lev["at"] == at)
        elif entry.kind == "fired" and entry.timer and entry.timer[0] == "timeout":
            asked = "escalate" in definition["stages"][entry.source]["timeouts"][entry.timer[1]].get("actions", ())
        ended = following is not None and following.kind == "ladder_ended" and entry.dest is not None
        if asked and entry.state != "archive" and not ended and (ladder == 0):
            further = [  # what it opens comes next, after what is used up in the state it enters
                each for each in played.entries[entry.seq :] if each.kind != "used_up"
            ]
            assert further, "an escalation that opened nothing"
            assert further[0].kind in ("escalated", "unattended")
            assert further[0].data["ladder"] > 0


@FEWER
@given(worlds())
def test_what_timers_alone_walk_ends(world: World) -> None:
    bound = sum(
        timeout["times"]
        for definition in (world.definition, world.other)
        for room in definition["stages"].values()
        for timeout in room.get("timeouts", {}).values()
        if timeout.get("dest")
    )
    walked = 0
    for entry in play(world).entries:
        if entry.dest is not None:
            walked = walked + 1 if entry.actor == TIMER.name else 0
        assert walked <= bound


@FEWER
@given(worlds())
def test_a_revision_that_changes_no_hours_changes_nothing(world: World) -> None:
    played = play(world)
    ticket, timers = played.ticket, played.outcome.timers
    now = at_tick(END) + timedelta(minutes=3)
    assume(event_time(ticket, now, None) == now and all(timer.due_at > now for timer in timers))
    rules = played.rules(ticket)
    same = Rules(rules.compiled, rules.desk, rules.desk_revision + 1)
    outcome = run_unit(rules, ticket, timers, limit=now, fired_at=now, newer=[(now, same)])
    assert outcome.timers == timers
    assert [(clock.status, clock.due_at, clock.goal, clock.fired) for clock in outcome.ticket.clocks] == [
        (clock.status, clock.due_at, clock.goal, clock.fired) for clock in ticket.clocks
    ]
    assert outcome.ticket.next_due_at == ticket.next_due_at
    assert [entry.kind for entry in outcome.entries] in ([], ["rearmed"])


@FEWER
@given(worlds())
def test_a_version_that_means_the_same_changes_nothing(world: World) -> None:
    played = play(replace(world, other={**world.definition, "version": 2}))
    ticket, timers = played.ticket, played.outcome.timers
    now = at_tick(END) + timedelta(minutes=3)
    assume(event_time(ticket, now, None) == now and all(timer.due_at > now for timer in timers))
    assume(ticket.stage != "archive")
    for version in (ticket.version, 3 - ticket.version):
        event, actor = played.event(("migrate", version, False), now)
        who = actor_of(played.world.desk(0), actor)
        outcome = run_unit(played.rules(ticket), ticket, timers, limit=now, fired_at=now, event=event, actor=who)
        seq, at = (ticket.seq, ticket.updated_at) if version == ticket.version else (outcome.ticket.seq, now)
        assert {entry.kind for entry in outcome.entries} <= ({"migrated", "used_up"} if seq > ticket.seq else set())
        assert outcome.ticket == replace(ticket, version=version, seq=seq, updated_at=at)
        assert outcome.timers == timers


@FEWER
@given(worlds())
def test_a_refused_event_keeps_its_catch_up_and_is_refused_again(world: World) -> None:
    played = play(world)
    refused = [
        (step, act)
        for step, act in zip(
            [step for step in played.units if step.kind == "act"],
            [act for act in played.recorded if act[1][0] != "apply"],
            strict=True,
        )
        if step.outcome.refusal is not None
    ]
    for step, (when, act) in refused:
        found = step.outcome
        event, actor = played.event(act, when)
        rules = played.rules(found.ticket)
        again = run_unit(
            rules, found.ticket, found.timers, limit=when, fired_at=when, event=event, actor=actor_of(rules.desk, actor)
        )
        assert type(again.refusal) is type(found.refusal)
        assert (again.ticket, again.timers, again.entries) == (found.ticket, found.timers, ())


@FEWER
@given(worlds())
def test_expecting_a_version_never_conflicts_for_ever(world: World) -> None:
    for step in play(world).units:
        rules, limit = step.rules, max(step.limit, event_time(step.ticket, step.limit, None))
        ann = actor_of(rules.desk, "ann")
        ticket, timers = step.ticket, step.timers
        for attempt in range(2):
            outcome = run_unit(
                rules, ticket, timers, limit=limit, fired_at=limit, event=Note("x"), actor=ann,
                if_version=ticket.ticket_version,
            )  # fmt: skip
            if not isinstance(outcome.refusal, Conflict):
                break
            assert attempt == 0, "a conflict keeps its catch-up, so that the second try finds none"
            assert outcome.ticket.entry != ticket.entry
            ticket, timers = replace(outcome.ticket, ticket_version=ticket.ticket_version + 1), outcome.timers


@FEWER
@given(worlds())
def test_what_was_overtaken_is_not_done_and_its_miss_stands(world: World) -> None:
    played = play(world)
    for step in played.units:
        for entry in step.outcome.entries:
            if entry.kind != "overtaken":
                continue
            cause, action = entry.data["cause"], entry.data["action"]
            done = [message for message in step.outcome.messages if message.reason == cause]
            assert not [message for message in done if message.kind == action]
            assert not [
                other for other in step.outcome.entries if other.kind == "assigned" and other.data.get("cause") == cause
            ]
            if not cause.startswith("rung:"):
                _, name, _, occurrence = cause.split(":")
                assert any(
                    fired.kind == "fired"
                    and fired.timer
                    and (fired.timer[1], str(fired.timer[3])) == (name, occurrence)
                    for fired in played.entries
                )


@FEWER
@given(worlds())
def test_a_clock_that_runs_ahead_changes_no_state(world: World) -> None:
    ahead = play(replace(world, skew=DAY))
    right = replay(ahead)
    assert told(right.entries) == told(ahead.entries)
    assert standing(right) == standing(ahead)


def test_hours_are_counted_here_as_they_should_be() -> None:
    assert passed(0, at_tick(0), at_tick(0) + DAY) == timedelta(hours=9)
    assert reached(0, at_tick(0), timedelta(hours=4)) == at_tick(30)
