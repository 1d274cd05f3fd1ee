"""P31: simple questions are answered by the bot, people take the rest; who is not satisfied by it gets a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.acceptance.processes.steps import situations
from workflow import Contact, Desk, Facts, Ticket, Verdict, VirtualClock
from workflow.testing import memory_desk


def bot(facts: Facts) -> Verdict | None:
    return Verdict(type="inquiry", answer="我们周一至周五 9:00 开门。") if "几点" in facts.text else None


def test_what_the_bot_said_and_that_it_was_a_bot_is_recorded() -> None:
    with memory_desk(classifiers={"kb": bot}) as desk:
        ticket = answered(desk)
        assert ticket.fields["bot_answer"] == "我们周一至周五 9:00 开门。"
        opened, moved = desk.history(ticket.id)
        assert (opened.actor, opened.data["machine"], opened.private["answer"]) == (
            "agent_01", "machine:kb", ticket.fields["bot_answer"],
        )  # fmt: skip
        assert (moved.actor, moved.trigger) == ("machine", "bot_answered")
        assert desk.rules_report().rules[-2].rule == "machine:kb"


def test_who_is_not_satisfied_by_it_gets_a_person() -> None:
    with memory_desk(classifiers={"kb": bot}) as desk:
        ticket = answered(desk)
        assert "bot" in situations(desk, ticket.id)
        ticket = desk.advance(ticket.id, "person_wanted", actor="agent_01")
        assert (ticket.state, ticket.team, ticket.fields["satisfied"]) == ("handle.answering", "frontline", False)


def test_who_is_helped_or_says_nothing_more_is_archived() -> None:
    with memory_desk(classifiers={"kb": bot}) as desk:
        helped = desk.advance(answered(desk).id, "bot_helped", actor="agent_01")
        silent = answered(desk)
        assert isinstance(desk.clock, VirtualClock)
        desk.clock.advance(timedelta(hours=24))
        desk.run_timeouts()
        assert [helped.fields["outcome"], desk.get(silent.id).fields["outcome"]] == ["resolved", "silent"]


def test_what_the_bot_does_not_know_goes_to_people_by_the_rules() -> None:
    with memory_desk(classifiers={"kb": bot}) as desk:
        ticket = desk.open(actor="agent_01", fields={"statement": "投诉你们乱扣费"})
        assert (ticket.type, ticket.state) == ("complaint", "intake")


def raises(_: Facts) -> Verdict:
    raise RuntimeError("张三 13812345678")  # what a host raises may tell of customers


def dawdles(_: Facts) -> Verdict:
    time.sleep(0.2)
    return Verdict(type="complaint")


def talks_nonsense(_: Facts) -> Verdict:
    return Verdict(type="praise")


@pytest.mark.parametrize("broken", [raises, dawdles, talks_nonsense, lambda _: "inquiry"])
def test_a_machine_that_fails_loses_no_contact(
    broken: Callable[[Facts], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.desk.machines.PATIENCE", 0.05)
    with memory_desk(classifiers={"model": broken}) as desk:
        contacts = [Contact(line, {"statement": "请问几点开门"}) for line in range(5)]
        assert desk.intake(contacts, actor="agent_01").opened == 5
        first, *_, last = (desk.proposal(number) for number in range(1, 6))
        assert first is not None
        assert last is not None
        assert (first.by["type"], [fault.by for fault in first.faults]) == ("asks", ["machine:model"])
        assert "13812345678" not in first.faults[0].reason
        assert "not asked any more" in last.faults[0].reason


def test_nothing_is_asked_inside_the_transaction(tmp_path: Path) -> None:
    """So that a slow model holds up nobody who writes."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    with Desk.connect(url) as other:

        def busy(_: Facts) -> Verdict:
            other.open("inquiry", actor="agent_01", fields={"statement": "meanwhile"})
            return Verdict(type="complaint")

        with Desk.connect(url, classifiers={"model": busy}, busy_timeout=0.1) as desk:
            assert desk.open(actor="agent_01", fields={"statement": "hm"}).type == "complaint"


def answered(desk: Desk) -> Ticket:
    ticket = desk.open(actor="agent_01", fields={"statement": "请问几点开门"})
    assert ticket.state == "handle.bot"
    return ticket
