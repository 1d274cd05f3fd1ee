"""Law: for random definitions and random walks, `decide` is total and deterministic, and agrees with an independent
direct reading of the YAML, which is written here and nowhere else."""

from __future__ import annotations

from typing import Any

from hypothesis import event as event_seen
from hypothesis import given, target
from hypothesis import strategies as st

from tests.unit.core.conftest import DESK, NINE, Trial
from workflow.core.decide import decide
from workflow.core.events import Advance
from workflow.core.model import replace
from workflow.errors import NotFound, Refused

TRIGGERS = ("t1", "t2", "t3")
STATES = ("intake", "classify", "handle.a", "handle.b", "review", "callback", "archive")
PLACES = ("classify", "handle", "handle.b", "review", "callback", "archive", "intake")
ACTORS = ("ann", "bob", "cem", "li", "lu", "ann", "bob", "li", "lu", "gus")

atoms = st.sampled_from(
    ["n > 2", "n == 1", "flag", "!flag", "n > 2 || flag", "n < 5 && flag", '"n" in filled', 'actor == "ann"', "true"]
)
nothing = st.just(None)
branches = st.fixed_dictionaries(
    {
        "dest": st.sampled_from(PLACES[:-1]),
        "conditions": nothing | atoms | st.lists(atoms, min_size=1, max_size=2),
        "unless": nothing | nothing | atoms,
        "requires": nothing | st.sampled_from([["n"], ["n", "flag"]]),
        "roles": nothing | nothing | st.sampled_from([["agent"], ["lead"], ["agent", "lead"]]),
        "not_by": nothing | st.sampled_from(["intake", "handle", "handle.a"]),
    }
).map(lambda branch: {key: value for key, value in branch.items() if value is not None})
transitions = st.one_of(st.sampled_from(PLACES), branches, branches, st.lists(branches, min_size=1, max_size=3))


@st.composite
def rooms(draw: st.DrawFn, *, every: bool = False) -> dict[str, Any]:
    triggers = TRIGGERS if every else draw(st.lists(st.sampled_from(TRIGGERS), unique=True, max_size=2))
    room: dict[str, Any] = {
        "transitions": {name: draw(transitions if every else transitions | nothing) for name in triggers}
    }
    if draw(st.integers(0, 4)) == 0:
        room["roles"] = draw(st.sampled_from([["agent"], ["lead"]]))
    return room


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    stages = {name: draw(rooms()) for name in ("intake", "classify", "handle", "review", "callback")}
    stages["handle"]["states"] = {"a": draw(rooms()), "b": draw(rooms())}
    fields = {"n": {"type": "int"}, "flag": {"type": "bool"}}
    return {"fields": fields, **draw(rooms(every=True)), "stages": {**stages, "archive": {}}}


steps = st.tuples(
    st.sampled_from(ACTORS),
    st.sampled_from((*TRIGGERS, *TRIGGERS, *TRIGGERS, "unknown")),
    st.just({}) | st.fixed_dictionaries({}, optional={"n": st.integers(0, 6), "flag": st.booleans()}),
)


class Reading:
    """The YAML read directly: no classes of the product, no machine, no CEL."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self.definition, self.state = definition, "intake"
        self.fields: dict[str, Any] = {}
        self.acted: set[tuple[str, str]] = {("intake", "ann")}

    def rooms(self) -> list[dict[str, Any]]:
        if self.state == "archive":
            return [self.definition["stages"]["archive"]]
        stage, _, inner = self.state.partition(".")
        room = self.definition["stages"][stage]
        return [self.definition, room, *([room["states"][inner]] if inner else [])]

    def known(self, trigger: str) -> bool:
        every = [self.definition, *self.definition["stages"].values()]
        every += self.definition["stages"]["handle"]["states"].values()
        before, found = self.state, False
        for self.state in STATES:
            found = found or self.lookup(trigger) is not None
        self.state = before
        return found

    def lookup(self, trigger: str) -> tuple[list[dict[str, Any]], Any] | None:
        found, roles, result = None, None, None
        for room in self.rooms():
            roles = room.get("roles", roles)
            if trigger in room.get("transitions", {}):
                found = room["transitions"][trigger]
                result = None if found is None else (found, roles)
        if result is None:
            return None
        found, roles = result
        listed = [{"dest": found}] if isinstance(found, str) else found if isinstance(found, list) else [found]
        return listed, roles

    def true(self, condition: str, fields: dict[str, Any], actor: str) -> bool | None:
        n, flag = fields.get("n"), fields.get("flag")

        def both(left: bool | None, right: bool | None) -> bool | None:
            return False if left is False or right is False else None if left is None or right is None else True

        def negated(value: bool | None) -> bool | None:
            return None if value is None else not value

        more, one, less = (None if n is None else test for test in ((n or 0) > 2, n == 1, (n or 0) < 5))
        answers: dict[str, bool | None] = {
            "n > 2": more, "n == 1": one, "flag": flag, "!flag": negated(flag), "true": True,
            "n > 2 || flag": negated(both(negated(more), negated(flag))), "n < 5 && flag": both(less, flag),
            '"n" in filled': n is not None, 'actor == "ann"': actor == "ann",
        }  # fmt: skip
        return answers[condition]

    def step(self, actor: str, trigger: str, given: dict[str, Any]) -> str:
        roles_of = DESK["members"][actor]["roles"]
        if "guest" in roles_of:
            return "verb"
        if not self.known(trigger):
            return "unknown"
        found = self.lookup(trigger)
        if found is None:
            return "state"
        fields = {**self.fields, **given}
        for branch in found[0]:
            conditions = branch.get("conditions", [])
            conditions = [conditions] if isinstance(conditions, str) else conditions
            if all(self.true(one, fields, actor) is True for one in conditions) and (
                "unless" not in branch or self.true(branch["unless"], fields, actor) is False
            ):
                break
        else:
            return "conditions"
        roles = branch.get("roles", found[1])
        if roles is not None and not set(roles) & set(roles_of):
            return "roles"
        place = branch.get("not_by")
        if place and any(
            name == actor and (state == place or state.startswith(place + ".")) for state, name in self.acted
        ):
            return "not_by"
        if any(name not in fields for name in branch.get("requires", [])):
            return "requires"
        self.fields = fields
        self.acted.add((self.state, actor))
        if dest := branch.get("dest"):
            self.state = dest if dest in STATES else f"{dest}.a"
        return "done"


@given(definitions(), st.lists(steps, min_size=3, max_size=12))
def test_decide_agrees_with_a_direct_reading_of_the_yaml(definition: dict[str, Any], walk: list[Any]) -> None:
    trial, reading = Trial(definition), Reading(definition)
    done = 0
    for actor, trigger, given_fields in walk:
        event = Advance(trigger, given_fields)
        first, again = (decide(trial.rules, trial.ticket, event, trial.who(actor), NINE) for _ in range(2))
        assert replace(first, refusal=None) == replace(again, refusal=None)
        assert str(first.refusal) == str(again.refusal)
        expected = reading.step(actor, trigger, given_fields)
        outcome = trial.does(event, actor)
        if outcome.refusal is None:
            found = "done"
            done += 1
        else:
            found = "unknown" if isinstance(outcome.refusal, NotFound) else ""
            found = outcome.refusal.rule if isinstance(outcome.refusal, Refused) else found
        event_seen(found)
        assert found == expected, (trial.ticket.state, trigger, outcome.refusal)
        assert (trial.ticket.state, dict(trial.ticket.fields)) == (reading.state, reading.fields)
    target(float(done))
