"""Why a ticket is where it is, and due when it is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options, render
from workflow.cli.context import Session
from workflow.cli.explained import explained
from workflow.cli.shell import Command, pass_session
from workflow.cli.views import View

if TYPE_CHECKING:
    from workflow import Explanation
    from workflow.cli.options import Reveal
    from workflow.core.explain import ClockStory, Count, Duty, Stretch, Wake
    from workflow.core.model import HistoryEntry
    from workflow.store.outbox import OutboxRow

WIDTH = 80
SHOWN = 8  # steps of one count


@click.command("explain", cls=Command)
@options.ticket
@options.reveal
@pass_session
def explain(session: Session, ticket_id: int, *, reveal: Reveal | None) -> None:
    """Explain ticket ID: how it came where it is, what comes next and why then, who is told.

    All of it is as of now: what is due already counts as fired, though nothing is written.

        ticketflow explain 12
    """
    view, found = View(session, reveal=reveal), session.desk.explain(ticket_id, actor=session.actor)
    found = replace(found, ticket=view.asked(found.ticket)[0])
    if session.json:
        session.dump(session.zoned(explained(view, found)))
        return
    _Page(session, view, found).write()


class _Page:
    """An explanation as a page of text, at most as wide as the terminal, or 80 columns."""

    def __init__(self, session: Session, view: View, found: Explanation) -> None:
        self.session, self.view, self.found, self.ticket = session, view, found, found.ticket
        self.width = session.width or WIDTH
        self.tell = session.tell

    def write(self) -> None:
        """Write it."""
        place = {"type": self.view.type_label(self.ticket), "state": self.state(self.ticket.state)}
        self.session.heading("Ticket {ticket}: {type}, in {state}", ticket=self.ticket.id, **place)
        self.where()
        self.session.heading("How it came here")
        self.pairs((self.session.plain(entry.happened_at), self.move(entry)) for entry in self.found.moves)
        self.session.heading("What comes next, if nobody does anything")
        for wake in self.found.timers:
            self.pairs([(self.session.plain(wake.timer.due_at), self.what_comes(wake))])
            self.counting(wake)
        if not self.found.timers:
            self.say("Nothing: no timer waits.")
        if self.found.clocks or self.ticket.promise:
            self.session.heading("Time limits")
            self.limits()
        if self.ticket.stage != "archive":
            self.session.heading("Who is told")
            self.people()
        self.session.heading("What can happen next, by {actor}", actor=self.session.actor)
        self.pairs((option.trigger, self.view.option_line(self.ticket, option)) for option in self.found.options)
        if not self.found.options:
            self.say("Nothing: it is archived.")
        self.left_over()

    def say(self, template: str, *, indent: int = 1, **values: Any) -> None:
        """Write a sentence, indented."""
        self.lines(render.wrap(self.tell(template, values), self.width - len(render.GAP) * indent), indent)

    def lines(self, lines: Iterable[str], indent: int) -> None:
        self.session.print(*(f"{render.GAP * indent}{line}".rstrip() for line in lines))

    def pairs(self, pairs: Iterable[tuple[str, str]], *, indent: int = 1) -> None:
        """Write what belongs to a time or a name beside it."""
        self.session.print(*render.details(pairs, self.width, indent=render.GAP * indent))

    def state(self, name: str) -> str:
        return self.view.state_label(self.ticket, name)

    def calendar(self, name: str) -> str:
        spec = self.session.spec.calendars.get(name)
        return self.session.label(spec.label, name) if spec and self.session.lang != "en" else name

    def where(self) -> None:
        found, ticket = self.found, self.ticket
        times: dict[str, Any] = {"since": ticket.entered_at, "stayed": _whole(found.stayed)}
        if found.counted == found.stayed:
            self.say("Here since {since}, for {stayed}.", **times)
        else:
            counted: dict[str, Any] = {"counted": _whole(found.counted), "calendar": self.calendar(found.calendar)}
            self.say("Here since {since}, for {stayed}; {counted} of that count on the calendar {calendar}.",
                     **times, **counted)  # fmt: skip
        if ticket.stage != "archive":
            who: dict[str, Any] = {"team": ticket.team, "assignee": ticket.assignee, "lead": found.lead}
            if ticket.assignee:
                self.say("{assignee} has it (team {team}, lead {lead}).", **who)
                self.given()
            else:
                self.say("Nobody of the team {team} has taken it; {lead}, the lead, answers for it.", **who)
            if found.queue:
                self.say(
                    "{team} serves the team {queue}, which works on this state.", team=ticket.team, queue=found.queue
                )
        for entry in found.repairs:
            self.say("REPAIRED: {repair}.", repair=self.view.repair(entry))
        if found.unwritten:
            self.say("Timers are due that no run has fired yet. The next run fires them, or whoever acts next; all "
                     "that follows is as if it had: {timers}.", timers=self.fired())  # fmt: skip

    def given(self) -> None:
        """Write how it came to its assignee."""
        entry, assignee = self.found.given, self.ticket.assignee
        if entry is None or entry.data["assignee"] != assignee:
            return
        values: dict[str, Any] = {"assignee": assignee, "when": entry.happened_at, "who": entry.actor}
        match entry.data.get("policy"):
            case "least_loaded":
                self.say("The team gave it to {assignee} on {when}, who had the fewest open tickets of those on duty.",
                         **values)  # fmt: skip
            case "round_robin":
                self.say("The team gave it to {assignee} on {when}: of those on duty it was their turn.", **values)
            case _ if entry.actor == assignee:
                self.say("{assignee} took it on {when}.", **values)
            case _:
                self.say("{who} gave it to {assignee} on {when}.", **values)

    def fired(self) -> list[str]:
        """Return the timers that are due and not fired yet, each once, with how often."""
        often = Counter(self.timer(entry) for entry in self.found.unwritten if entry.timer)
        return [f"{name} × {times}" if times > 1 else name for name, times in often.items()]

    def timer(self, entry: HistoryEntry) -> str:
        assert entry.timer is not None  # noqa: S101 - it was asked for by its timer
        return self.view.timer_label(entry, *entry.timer[:2])

    def move(self, entry: HistoryEntry) -> str:
        places: dict[str, Any] = {
            "source": entry.source and self.state(entry.source),
            "dest": self.state(str(entry.dest)),
        }
        if entry.kind == "opened":
            came_in = "opened_at" in entry.data
            template = "{who} took it over, in {dest}" if came_in else "{who} opened it, in {dest}"
            told = self.tell(template, {"who": entry.actor, **places})
        elif entry.trigger:
            what: dict[str, Any] = {"who": entry.actor, "trigger": self.view.trigger_label(entry, entry.trigger)}
            told = self.tell("{who}, {trigger}: {source} → {dest}", what | places)
        elif entry.kind == "repaired":
            told = self.tell("{who}, REPAIRED by hand: {source} → {dest}", {"who": entry.actor, **places})
        else:
            told = self.tell("by itself, {timer}: {source} → {dest}", {"timer": self.timer(entry), **places})
        return told + (self.tell(" (not written yet)") if entry in self.found.unwritten else "")

    def what_comes(self, wake: Wake) -> str:
        """Return what a timer is, what it does, and whom it tells."""
        parts = [self.reason(wake)]
        why: dict[str, Any] = {"why": self.why_not(wake)}
        match wake.fate:
            case "skipped":
                parts.append(self.tell("nothing is done, as things stand: {why}", why))
            case "incident":
                parts.append(self.tell("it cannot fire, as things stand: {why}", why))
            case "dropped":
                parts.append(self.tell("it does not come to that: what it is about is over by then"))
            case "fires":
                parts += self.effects(wake)
        return "; ".join(parts)

    def reason(self, wake: Wake) -> str:
        timer, ladder = wake.timer, self.ticket.ladder
        values: dict[str, Any] = {
            "timer": self.view.timer_label(self.ticket, timer.kind, timer.name), "length": wake.length,
            "number": timer.occurrence,
        }  # fmt: skip
        match timer.kind:
            case "timeout" if timer.occurrence > 1:
                return self.tell("{timer}, again {length} after the time before (number {number})", values)
            case "timeout":
                return self.tell("{timer}, {length} after it came here", values)
            case "rung" if ladder and ladder.held_by:
                return self.tell("{who} took the escalation on {length} before", {"who": ladder.held_by, **values})
            case "rung":
                return self.tell("nobody took the escalation on for {length}", values)
        return str(values["timer"])

    def why_not(self, wake: Wake) -> str:
        entry = next((entry for entry in wake.entries if entry.timer == wake.timer.key), None)
        return str(entry.data.get("why") or entry.private.get("reason")) if entry else ""

    def effects(self, wake: Wake) -> Iterator[str]:
        if wake.state:
            yield self.tell("it moves to {state}", {"state": self.state(wake.state)})
        for entry in wake.entries:
            if entry.kind == "assigned":
                yield self.tell("{who} gets it", {"who": entry.data["assignee"] or entry.data["team"]})
            elif entry.kind == "joined":
                yield self.tell("it joins the open escalation")
            elif entry.kind == "unattended" and "rung" in entry.data:
                yield self.tell("nobody is on duty on rung {rung}", {"rung": entry.data["rung"]})
            elif entry.kind == "unattended":
                yield self.tell("nobody is there to {action}", {"action": entry.data["action"]})
        told = list(dict.fromkeys(message.to.partition(":")[2] or message.to for message in wake.messages))
        if told:
            yield self.tell("told: {told}", {"told": told})

    def counting(self, wake: Wake) -> None:
        """Write how the due time of a timer is counted, where some hours do not count."""
        from workflow.core.calendar import ALWAYS

        for count in wake.counts:
            if count.calendar == ALWAYS.name:
                continue
            values: dict[str, Any] = {
                "calendar": self.calendar(count.calendar),
                "begin": count.begin,
                "before": wake.before,
            }
            if wake.before:
                self.say(
                    "counted on the calendar {calendar} from {begin}, {before} having run before:", indent=3, **values
                )
            else:
                self.say("counted on the calendar {calendar} from {begin}:", indent=3, **values)
            self.lines(self.steps(count), 4)
        if wake.unannounced:
            self.say("No public holidays are announced for that time yet; the due time may still change.", indent=3)

    def steps(self, count: Count) -> Iterator[str]:
        from workflow.cli.calendar import step_row

        headers = [self.tell("from"), self.tell("to"), self.tell("open"), self.tell("so far"), self.tell("why")]
        rows = [step_row(self.session, step) for step in count.steps]
        if len(rows) > SHOWN:
            hidden = count.steps[SHOWN // 2 : -SHOWN // 2]
            days = (hidden[-1].end - hidden[0].begin).days
            rows[SHOWN // 2 : -SHOWN // 2] = [("…", "", "", "", self.tell("{days} more days", {"days": days}))]
        return render.table(headers, rows, self.width - 4 * len(render.GAP), fold=True)

    def limits(self) -> None:
        for story in self.found.clocks:
            self.clock(story)
        if promise := self.ticket.promise:
            made: dict[str, Any] = {"until": promise.until, "who": promise.made_by, "when": promise.made_at}
            self.say("Promised to the customer until {until}, by {who} on {when}.", **made)

    def clock(self, story: ClockStory) -> None:
        clock = story.clock
        values: dict[str, Any] = {
            "clock": self.view.clock_label(self.ticket, clock.name), "cycle": clock.cycle, "due": clock.due_at,
            "elapsed": _whole(story.elapsed), "goal": clock.goal, "left": _whole(story.left), "ended": clock.ended_at,
            "calendar": self.calendar(story.calendar),
        }  # fmt: skip
        match clock.status:
            case "running" if clock.breached:
                self.say(
                    "{clock}: missed; {elapsed} have run, the goal was {goal} and due {due} ({calendar}).", **values
                )
            case "running":
                self.say("{clock}: {elapsed} of {goal} have run, {left} are left; due {due} ({calendar}).", **values)
            case "paused":
                self.say("{clock}: paused; {elapsed} of {goal} have run, {left} are left ({calendar}).", **values)
            case "met":
                self.say("{clock}, cycle {cycle}: met on {ended}, after {elapsed} of {goal}.", **values)
            case "missed" if clock.excused:
                self.say("{clock}, cycle {cycle}: missed, and excused; it ended on {ended}, after {elapsed} of {goal}.",
                         **values)  # fmt: skip
            case "missed":
                self.say("{clock}, cycle {cycle}: missed; it ended on {ended}, after {elapsed} of {goal}.", **values)
            case _:
                self.say("{clock}, cycle {cycle}: cancelled on {ended}, after {elapsed} of {goal}.", **values)
        if clock.extension:
            self.say("The goal was extended by {by}.", indent=2, by=clock.extension)
        if clock.asked:
            self.say("{by} more were asked for; a lead may approve.", indent=2, by=clock.asked)
        if clock.is_open:
            self.pairs(map(self.stretch, story.stretches), indent=2)

    def stretch(self, part: Stretch) -> tuple[str, str]:
        begin = self.session.plain(part.begin)
        label = f"{begin} – {self.session.plain(part.end) if part.end else self.tell('now')}"
        values: dict[str, Any] = {"counted": _whole(part.counted), "state": self.state(part.state)}
        return label, (
            self.tell("stood still, in {state}", values)
            if part.status == "paused"
            else self.tell("{counted} counted, from {state} on", values)
        )

    def people(self) -> None:
        ladder = self.ticket.ladder
        if ladder is None:
            self.say("No escalation is open. One would go to:")
        else:
            from workflow.delivery.notice import why

            causes = list(dict.fromkeys(map(why, ladder.causes)))
            open_one: dict[str, Any] = {
                "since": ladder.opened_at,
                "rung": ladder.rung,
                "who": ladder.addressee,
                "causes": causes,
            }
            self.say(
                "An escalation is open since {since}, because of {causes}; rung {rung} was told: {who}.", **open_one
            )
            if ladder.held_by:
                self.say("{who} has taken it on; until {until} nobody else is told.", who=ladder.held_by,
                         until=ladder.held_until)  # fmt: skip
        self.pairs(((self.tell("rung {rung}: {to}", {"rung": duty.rung, "to": duty.to}), self.duty(duty))
                    for duty in self.found.duties), indent=2)  # fmt: skip
        unsent = self.found.messages
        for to, fate in dict.fromkeys((row.to, _fate(row)) for row in unsent):
            rows = [row for row in unsent if (row.to, _fate(row)) == (to, fate)]
            values: dict[str, Any] = {"to": to, "count": len(rows), "when": rows[0].created_at}
            values |= {"reason": rows[0].last_error, "until": rows[0].next_try_at}
            if fate == "failed":
                self.say("Messages to {to} that were given up: {count}; the first, of {when}: {reason}.", **values)
            elif fate == "held":
                self.say("Messages to {to} that are held until {until}: {count}; the first is of {when}.", **values)
            elif fate == "tried":
                self.say("Messages to {to} that were not taken yet: {count}; the first, of {when}: {reason}.", **values)
            else:
                self.say("Messages to {to} that have not left yet: {count}; the first is of {when}.", **values)

    def duty(self, duty: Duty) -> str:
        now = self.tell("{who} is on duty", {"who": duty.now}) if duty.now else self.tell("nobody is on duty")
        if duty.then == duty.now or not any(each.then for each in self.found.duties):
            return now
        due = next(wake.timer.due_at for wake in self.found.timers if wake.timer.kind == "rung")
        return now + "; " + self.tell("at {due}: {who}", {"due": due, "who": duty.then})

    def left_over(self) -> None:
        if self.found.incidents or self.found.links:
            self.session.heading("Besides")
        for row in self.found.incidents:
            self.say("Incident {incident}: {timer}, due {due}, could not fire: {reason}.", incident=row.id,
                     timer=row.timer.split(":")[1], due=row.due_at, reason=row.reason)  # fmt: skip
        if self.found.links:
            self.say("Linked to: {links}.", links=[f"{link.other} ({link.kind})" for link in self.found.links])


def _fate(row: OutboxRow) -> str:
    return row.state if row.state in ("failed", "held") else "tried" if row.last_error else "waiting"


def _whole(length: timedelta) -> timedelta:
    return timedelta(seconds=int(length.total_seconds()))
