"""Who gets a ticket: which of the teams that serve a queue, and who of its members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from workflow.core.guard import Rules
from workflow.core.model import NOTHING, Effect, HistoryEntry, Ticket
from workflow.core.text import searchable
from workflow.definition.desk import Member, Team
from workflow.errors import Refused

GIVE = "give"  # what a ticket asks for that comes to a team and is nobody's yet
MANUAL = "manual"
_NAMED = ("line", "region")


class Roster:
    """What the policies go by: how many open tickets each member has, and who of a team was given the last one.

    One for each transaction. A team is read when somebody of it is first looked for, and never again: what the units
    of the transaction do is counted on from there. Without anything to read everybody has nothing.
    """

    def __init__(
        self,
        loads: Callable[[Sequence[str]], Mapping[str, int]] = lambda _: NOTHING,
        last: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._read_loads, self._read_last = loads, last
        self._loads: dict[str, int] = {}
        self._since: Counter[str] = Counter()
        self._last: dict[str, str | None] = {}
        self.turns: dict[str, str] = {}
        self.fault: Exception | None = None  # what reading it raised

    def least_loaded(self, names: Sequence[str]) -> str:
        """Return who has the fewest open tickets, the first named of equals; where there is a choice, that is read."""
        if len(names) == 1:
            return names[0]
        if strangers := [name for name in names if name not in self._loads]:
            known = self._read_loads(strangers)
            self._loads |= {name: known.get(name, 0) for name in strangers}
        return min(names, key=lambda name: self._loads[name] + self._since[name])

    def after_the_last(self, team: str, order: Sequence[str], names: Iterable[str]) -> str:
        """Return whose turn it is: the first of `names` after whoever of the team's order was given one last."""
        if team not in self._last:
            self._last[team] = self._read_last(team)
        chosen = next(name for name in _from(order, self._last[team]) if name in names)
        self._last[team] = self.turns[team] = chosen
        return chosen

    def follow(self, before: Ticket | None, after: Ticket) -> None:
        """Count what a unit did to a ticket."""
        was, now = _holder(before), _holder(after)
        if was != now:
            self._since.update({name: step for name, step in ((was, -1), (now, 1)) if name})


def _holder(ticket: Ticket | None) -> str | None:
    return ticket.assignee if ticket is not None and ticket.stage != "archive" else None


def _from(order: Sequence[str], last: str | None) -> Sequence[str]:
    """Return the names in their order, beginning after one of them."""
    start = order.index(last) + 1 if last in order else 0
    return [*order[start:], *order[:start]]


def words_of(ticket: Ticket, become: Mapping[str, Any] = NOTHING) -> frozenset[str]:
    """Return the words that say what a ticket is about: its tags, and the line and region of it or of its customer."""
    tags, fields = become.get("tags", ticket.tags), become.get("fields", ticket.fields)
    customer = ticket.customer.fields if ticket.customer else NOTHING
    named = [each[name] for each in (fields, customer) for name in _NAMED if name in each]
    return frozenset(map(searchable, (*tags, *map(str, named))))


def queue(rules: Rules, ticket: Ticket, team: str | None, become: Mapping[str, Any] = NOTHING) -> str | None:
    """Return which team a ticket goes to that comes where `team` is at work.

    A team that serves it keeps what it has. Else it is, of the teams that serve it, the one that fits best: what a team
    says of lines and regions must fit, and of those that fit the one with most in common with the ticket is meant,
    `team` itself where nothing speaks for another.
    """
    serving = rules.serving.get(team or "", ())
    if not serving or ticket.team in serving:
        return ticket.team if serving else team
    words = words_of(ticket, become)
    teams = rules.desk.teams
    best = max(serving, key=lambda name: _fit(teams[name], words))  # the first of equals
    return best if _fit(teams[best], words) > 0 else team


def _fit(team: Team, words: frozenset[str]) -> int:
    """Return in how many ways a team is the right one: its lines, regions and skills; below 0 if it is the wrong."""
    asked = [[searchable(word) for word in some] for some in (team.lines, team.regions)]
    if any(some and words.isdisjoint(some) for some in asked):
        return -1
    return sum(map(bool, asked)) + (not words.isdisjoint(map(searchable, team.skills)))


def give(
    rules: Rules, ticket: Ticket, cause: str, seq: int, *, timed: bool = False, but: str | None = None
) -> tuple[Effect, ...]:
    """Return what a ticket asks for that is nobody's and has come to a team that gives its tickets out.

    It goes to anybody `but` whom it has just left.
    """
    team = rules.desk.teams.get(ticket.team or "")
    if ticket.assignee is not None or ticket.stage == "archive" or team is None or team.assignment == MANUAL:
        return ()
    return (Effect(GIVE, ticket.team, cause, ticket.entry, timed, seq=seq, data={"but": but} if but else NOTHING),)


def demand_skill(rules: Rules, to: str | None, skill: str) -> None:
    """Raise Refused unless a member, or somebody of a team, has a skill."""
    teams, members = rules.desk.teams, rules.desk.members
    able = [name for name, member in members.items() if searchable(skill) in map(searchable, member.skills)]
    if not able or (to not in able and not any(name in able for name in (teams[to].members if to in teams else ()))):
        raise Refused(
            "{to} has nobody with the skill {skill}", "those who have it are: {known}", rule="skill", to=to or "-",
            skill=skill, known=", ".join(able) or "-",
        )  # fmt: skip


def choose(rules: Rules, ticket: Ticket, at: datetime, roster: Roster, but: str | None) -> str | None:
    """Return who of the ticket's team gets it by the team's policy, anybody `but` one: somebody on duty, or None.

    Whoever has most of the skills that the ticket's words name is meant first: a hard case goes to an expert.
    """
    team = rules.desk.teams.get(ticket.team or "")
    if team is None:
        return None
    order = _from(team.members, but)
    free = [name for name in order if name != but and rules.on_duty(name, at)]
    free = _ablest(rules.desk.members, free, ticket)
    if not free:
        return None
    match team.assignment:
        case "round_robin":
            return roster.after_the_last(ticket.team or "", team.members, free)
        case "least_loaded":
            return roster.least_loaded(free)
    return free[0]


def is_untouched(ticket: Ticket, history: Sequence[HistoryEntry]) -> bool:
    """Say whether a team gave a ticket to somebody by its policy who has done nothing with it since."""
    given = next((entry for entry in reversed(history) if "assignee" in entry.data), None)
    if given is None or "policy" not in given.data:
        return False
    return not any(entry.actor == ticket.assignee for entry in history if entry.seq > given.seq)


def _ablest(members: Mapping[str, Member], names: list[str], ticket: Ticket) -> list[str]:
    if not any(members[name].skills for name in names):
        return names
    words = words_of(ticket)
    able = {name: len(words.intersection(map(searchable, members[name].skills))) for name in names}
    most = max(able.values())
    return [name for name in names if able[name] == most]
