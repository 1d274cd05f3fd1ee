"""The host's own classifiers and answering bots: asked before the transaction, and never waited for too long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from workflow.core.classify import Facts, Fault, Verdict, Voice
from workflow.core.model import NOTHING
from workflow.definition.desk import DeskSpec
from workflow.definition.model import PRIORITIES
from workflow.definition.resolve import TicketType
from workflow.definition.rules import PROPOSED

HostClassifier: TypeAlias = Callable[[Facts], Verdict | None]
SAID = (*PROPOSED, "answer")
PATIENCE = 5.0  # seconds
GIVE_UP = 3  # after so many failures in a row


class Machines:
    """The classifiers of a host, for one verb: one that fails again and again is not asked again.

    Nothing that a machine does loses a contact: what it raises, how long it takes and nonsense that it says become
    faults.
    """

    def __init__(self, functions: Mapping[str, HostClassifier] = NOTHING) -> None:
        self._functions = functions
        self._failures = dict.fromkeys(functions, 0)

    def __bool__(self) -> bool:
        return bool(self._functions)

    def ask(self, facts: Facts, desk: DeskSpec, types: Mapping[str, TicketType]) -> list[Voice | Fault]:
        """Return what each classifier says of a contact."""
        said: list[Voice | Fault] = []
        for name, function in self._functions.items():
            by = f"machine:{name}"
            if self._failures[name] >= GIVE_UP:
                said.append(Fault(by, "it failed several times in a row and is not asked any more"))
                continue
            try:
                verdict = _within(PATIENCE, function, facts)
                says = _says(verdict, desk, types) if verdict is not None else {}
            except Exception as error:  # whatever a host's own code raises
                self._failures[name] += 1
                said.append(Fault(by, str(error) if isinstance(error, _Useless) else type(error).__name__))
                continue
            self._failures[name] = 0
            if says:
                said.append(Voice(by, says))
        return said


class _Useless(Exception):
    """A machine's answer that is of no use."""


def _within(seconds: float, function: HostClassifier, facts: Facts) -> Verdict | None:
    """Call a host's function; raise what it raises, or _Useless where it takes too long. It then goes on unheard."""
    outcome: list[Any] = []

    def call() -> None:
        try:
            outcome.append((function(facts), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=call, name="classifier", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise _Useless(f"it took longer than {seconds:g} s")
    verdict, error = outcome[0]
    if error is not None:
        raise error if isinstance(error, Exception) else _Useless(type(error).__name__)
    return verdict  # type: ignore[no-any-return]  # `_says` refuses anything else


def _says(verdict: object, desk: DeskSpec, types: Mapping[str, TicketType]) -> dict[str, Any]:
    """Return what a verdict proposes; raise _Useless where it names what the desk does not have."""
    if not isinstance(verdict, Verdict):
        raise _Useless(f"it returned {type(verdict).__name__}, not a Verdict")
    named: tuple[tuple[str, Collection[str]], ...] = (
        ("type", types),
        ("priority", PRIORITIES),
        ("team", desk.teams),
        ("risk", ("escalation",)),
    )
    for name, known in named:
        value = getattr(verdict, name)
        if value is not None and value not in known:
            raise _Useless(f"there is no {name} {value!r}")
    texts: list[Any] = [*verdict.tags, verdict.category or "-", verdict.answer or "-"]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise _Useless("a tag, a category or an answer is no text")
    says = {name: value for name in SAID if (value := getattr(verdict, name))}
    return says | ({"tags": tuple(verdict.tags)} if verdict.tags else {})
