"""Planted faults: what a wrong product would say, and which test notices. A fault is one small change of the source.

`plant` makes every later import of the module see the changed text; nothing is written to disk.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

UNIT, LAWS, LATE = "tests/unit/core/", "tests/property/test_laws.py::test_", "tests/property/test_late.py::test_"
LATE_IS_PUNCTUAL = f"{LATE}any_schedule_of_runs_leaves_what_a_punctual_one_leaves"
CROSSINGS = f"{LAWS}every_crossing_of_the_goal_in_force_has_one_firing_at_that_instant"
MIGRATION = "tests/acceptance/test_migrate.py::test_"
MOVING_IN = "tests/acceptance/test_moving_in.py::test_"
LOCKS = "tests/acceptance/test_within_locks.py::test_"


@dataclass(frozen=True)
class Fault:
    """In `module`, `right` becomes `wrong`; `test` must then fail."""

    name: str
    module: str
    right: str
    wrong: str
    test: str


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "no catch-up before an event", "workflow.core.unit",
            "    unit.catch_up_through(newer)\n    if event is not None:",
            "    if event is None:\n        unit.catch_up_through(newer)\n    if event is not None:",
            LATE_IS_PUNCTUAL,
        ),
        Fault(
            "<= for <: a timer due at the very time of an event goes first", "workflow.core.instants",
            "return lambda instant: instant < limit", "return lambda instant: instant <= limit",
            f"{UNIT}test_unit.py::test_a_person_at_the_very_due_time_is_in_time",
        ),
        Fault(
            "a run leaves what is due at its very time", "workflow.core.unit",
            "inclusive=event is None", "inclusive=False", f"{LAWS}after_a_run_nothing_is_due",
        ),
        Fault(
            "of two due timers the first by name fires first", "workflow.core.unit",
            "timer = min(self.timers.values(), key=lambda timer: timer.order)",
            "timer = min((t for t in self.timers.values() if is_due(t.due_at)), key=lambda t: t.key, "
            "default=min(self.timers.values(), key=lambda t: t.order))",
            LATE_IS_PUNCTUAL,
        ),
        Fault(
            "merging passes every other timer", "workflow.core.firing",
            "(self.others is not None and (due, self.timer.position) > self.others[:2])", "False",
            f"{UNIT}test_unit.py::test_merging_never_passes_another_timer",
        ),
        Fault(
            "merging passes the event", "workflow.core.firing",
            "return self.is_due(due) and not (", "return due <= self.fired_at and not (",
            f"{UNIT}test_unit.py::test_merging_never_passes_the_event",
        ),
        Fault(
            "the occurrence that opens a ladder is merged", "workflow.core.firing",
            "return self.ticket.ladder is None and", "return False and", LATE_IS_PUNCTUAL,
        ),
        Fault(
            "a timer happens when it fires, not when it is due", "workflow.core.firing",
            "branch, people.TIMER, last.due_at, cause", "branch, people.TIMER, turn.fired_at, cause", LATE_IS_PUNCTUAL,
        ),
        Fault(
            "conditions read the wall clock", "workflow.core.firing",
            "judge = Judge(rules, ticket, people.TIMER, timer.due_at)",
            "judge = Judge(rules, ticket, people.TIMER, turn.fired_at)",
            f"{UNIT}test_unit.py::test_now_is_the_due_time_for_a_timer_however_late_it_runs",
        ),
        Fault(
            "a skipped timer stays due", "workflow.core.firing",
            "drop=(timer,), arm=again(turn.rules, timer, timeout, ticket.entered_at), skipped=1",
            "skipped=1",
            f"{LAWS}no_timer_fires_twice_and_none_becomes_an_incident",
        ),
        Fault(
            "the microsecond after a firing is missing", "workflow.core.instants",
            "ticket.last_fired_due + TICK if", "ticket.last_fired_due if", LATE_IS_PUNCTUAL,
        ),
        Fault(
            "a refused event loses its catch-up", "workflow.core.unit",
            "if decision.refusal and not decision.entries:\n            return",
            "if decision.refusal and not decision.entries:\n            self.entries.clear()\n            return",
            f"{UNIT}test_unit.py::test_a_late_person_finds_the_ticket_where_the_timer_put_it",
        ),
        Fault(
            "a conflict loses its catch-up", "workflow.core.unit",
            "        if if_version is not None and unit.ticket.entry != ticket.entry:\n",
            "        if if_version is not None and unit.ticket.entry != ticket.entry:\n"
            "            unit.ticket, unit.timers = ticket, {each.key: each for each in timers}\n",
            f"{LAWS}expecting_a_version_never_conflicts_for_ever",
        ),
        Fault(
            "what was overtaken is done all the same", "workflow.core.settling",
            "if effect in overtaken:", "if False:",
            f"{UNIT}test_unit.py::test_what_a_person_overtakes_is_recorded_and_not_done",
        ),
        Fault(
            "walks of timers are never forgotten", "workflow.core.moves",
            '{"walks": NOTHING} if by_person else {}', "{}",
            f"{UNIT}test_unit.py::test_a_loop_that_only_timers_walk_ends_and_begins_anew_when_a_person_moves",
        ),
        Fault(
            "walks of timers have no bound", "workflow.core.moves",
            "timeout.branch.dest and timeout.times and walked >= timeout.times", "False",
            f"{UNIT}test_unit.py::test_a_loop_that_only_timers_walk_ends_and_begins_anew_when_a_person_moves",
        ),
        Fault(
            "the cause is the stay before the firing", "workflow.core.moves",
            'f"entry:{ticket.entry}" if timed', 'f"entry:{before.entry}" if timed',
            f"{UNIT}test_ladder.py::test_the_cause_of_a_limit_that_moves_is_the_stay_after_its_firing",
        ),
        Fault(
            "a ladder never ends by itself", "workflow.core.unit",
            "if ended := ladder.settled(", "if ended := False and ladder.settled(",
            f"{UNIT}test_ladder.py::test_a_ladder_ends_when_its_last_cause_has_ended",
        ),
        Fault(
            "nobody on duty ends the climb", "workflow.core.ladder",
            "if to or number == len(spec.rungs):", "if True:",
            f"{UNIT}test_ladder.py::test_nobody_on_duty_is_recorded_and_the_next_rung_raised_at_once",
        ),
        Fault(
            "rungs count from when they were due", "workflow.core.ladder",
            '(wall if spec.counts_from == "raised" else at)', "at",
            f"{UNIT}test_ladder.py::test_an_outage_does_not_wake_three_levels_at_once",
        ),
        Fault(
            "an acknowledged person goes on being a cause", "workflow.core.ladder",
            "if on != PERSON}", "}",
            f"{UNIT}test_ladder.py::test_a_person_who_escalates_is_a_cause_until_acknowledged",
        ),
        Fault(
            "verdict by what was counted, not by the due instant", "workflow.core.stopwatch",
            'return "missed" if clock.breached or late else "met"',
            'return "missed" if banked(clock, self.calendar, self.at).elapsed > clock.goal else "met"',
            f"{UNIT}test_sla.py::test_a_goal_used_up_at_closing_is_missed_in_the_night_although_no_more_was_counted",
        ),
        Fault(
            "a pause is ignored", "workflow.core.stopwatch",
            "pauses = self.rule.pauses_in(self.entry.state)", "pauses = False", CROSSINGS,
        ),
        Fault(
            "a reset does not end the cycle", "workflow.core.stopwatch",
            "clock = self.begin(self.end(clock, self.verdict(clock)))",
            "clock = self.run(replace(clock, elapsed=NO_TIME, breached=False))",
            f"{UNIT}test_sla.py::test_a_reset_ends_the_cycle_and_starts_the_next_at_zero",
        ),
        Fault(
            "spent levels fire again", "workflow.core.sla",
            "if turns and not level.repeat:", "if False:",
            f"{UNIT}test_sla.py::test_a_miss_that_was_told_is_not_followed_by_its_warning",
        ),
        Fault(
            "a goal put in the future arms nothing", "workflow.core.stopwatch",
            "spent = {} if ahead else dict(clock.spent)", "spent = dict(clock.spent)", CROSSINGS,
        ),
        Fault(
            "a breach is forgotten with its goal", "workflow.core.stopwatch",
            "spent=spent, at_risk=clock.at_risk and not ahead", "spent=spent, breached=clock.breached and not ahead",
            f"{UNIT}test_sla.py::test_once_breached_a_cycle_ends_missed_whatever_its_goal_becomes",
        ),
        Fault(
            "every level that is past fires on a goal change", "workflow.core.stopwatch",
            "spent.get(at, 0) < turns and not (found == highest and place > NO_TIME)", "False",
            f"{UNIT}test_sla.py::test_of_levels_past_on_a_goal_change_only_the_highest_fires",
        ),
        Fault(
            "a priority changes no goal", "workflow.core.stopwatch",
            'self.clock.is_open and "priority" in entry.data', "False", CROSSINGS,
        ),
        Fault(
            "the archive lets clocks run", "workflow.core.stopwatch", "elif stops or archived:", "elif stops:",
            f"{UNIT}test_sla.py::test_the_archive_stops_every_clock",
        ),
        Fault(
            "a timer satisfies a first response", "workflow.core.stopwatch",
            'counts = rule.stop_by == "anyone" or entry.actor not in AUTOMATIC_ACTORS', "counts = True",
            f"{UNIT}test_sla.py::test_only_a_person_satisfies_a_clock_that_says_so",
        ),
        Fault(
            "a rebuild forgets the revisions", "workflow.core.sla",
            'if entry.kind == "rearmed":\n            old', "if False:\n            old",
            f"{LAWS}the_clocks_stored_are_those_that_history_tells",
        ),
        Fault(
            "a revision leaves armed timers as they were", "workflow.core.firing",
            "return replace(timer, due_at=after.add(at, before.elapsed(at, timer.due_at)))", "return timer",
            f"{UNIT}test_revise.py::test_what_has_elapsed_stays_as_counted_and_what_remains_counts_anew",
        ),
        Fault(
            "a revision counts from when it is met", "workflow.core.unit",
            "at = not_before_its_last(self.ticket, applied_at)", "at = not_before_its_last(self.ticket, limit)",
            LATE_IS_PUNCTUAL,
        ),
        Fault(
            "a migration fires again what has fired", "workflow.core.migrate",
            "occurrence, since = turns.get(name, (0, ticket.entered_at))", "occurrence, since = 0, ticket.entered_at",
            f"{MIGRATION}open_tickets_follow_a_new_version[sqlite]",
        ),
        Fault(
            "a migration loses what a clock has counted", "workflow.core.stopwatch",
            "clock = replace(banked(clock, calendar, self.at), breached=breached)",
            "clock = replace(clock, elapsed=NO_TIME, since=clock.since and self.at, breached=breached)",
            f"{MIGRATION}open_tickets_follow_a_new_version[sqlite]",
        ),
        Fault(
            "a rebuild forgets the migrations", "workflow.core.sla",
            'if entry.kind == "migrated":\n            kind', "if False:\n            kind",
            f"{LAWS}the_clocks_stored_are_those_that_history_tells",
        ),
        Fault(
            "a clock brought in has counted nothing elsewhere", "workflow.core.stopwatch",
            "now, self.at = self.at, since", "now = self.at",
            f"{MOVING_IN}each_comes_in_in_its_state_with_its_time_from_then[sqlite]",
        ),
        Fault(
            "what came in mid-flow demands nothing of who may open", "workflow.desk.reception",
            'verb="intake" if state else verb', "verb=verb", f"{MOVING_IN}a_host_opens_one_so_too[sqlite]",
        ),
        Fault(
            "an event takes no lock on its ticket", "workflow.store.tickets",
            '.where(tickets.c.id == bindparam("id")).with_for_update(of=tickets)',
            '.where(tickets.c.id == bindparam("id"))',
            f"{LOCKS}who_waits_for_the_host_finds_what_it_did",
        ),
        Fault(
            "a run fires without a claim", "workflow.store.claims",
            '    .limit(bindparam("most"))\n    .with_for_update(skip_locked=True)\n)\n_COUNT',
            '    .limit(bindparam("most"))\n)\n_COUNT',
            f"{LOCKS}a_ticket_is_locked_until_the_hosts_transaction_ends",
        ),
    )
}  # fmt: skip


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module's text with the fault in it, never a compiled file."""

    fault: Fault

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader is one module's
        text = self.get_data(self.path).decode()
        assert text.count(self.fault.right) == 1, f"{self.fault.name}: the text to change is not there once"
        changed = text.replace(self.fault.right, self.fault.wrong)
        code: CodeType = compile(changed, self.path, "exec", dont_inherit=True)
        return code


class _Finder:
    """Finds the one module that has the fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.fault.module:
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = _Loader(name, spec.origin)
        spec.loader.fault = self.fault
        found: importlib.machinery.ModuleSpec = spec
        return found


def plant(name: str) -> None:
    """Let every later import see the fault of this name."""
    sys.meta_path.insert(0, _Finder(FAULTS[name]))
