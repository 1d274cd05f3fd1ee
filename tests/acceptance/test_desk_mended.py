"""What once went wrong, each as a small story: a regression here is a fault that a desk would feel."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.store.small import DESK, MINUTE, NOON
from workflow.clock import SystemClock, VirtualClock
from workflow.desk.desk import Desk
from workflow.errors import BadValue, Conflict, DefinitionChanged, NotFound
from workflow.store.engine import Store

HEAD = "ticket_type: job\nversion: {version}\nskips: [classify, handle, review, callback]\nfields: {fields}\nstages:\n"
FIELDS = "{statement: {type: text}, secret: {type: int, pii: true}}"
PLAIN = "  intake: {team: front, transitions: {end: archive}}\n  archive: {}\n"
TIMED = """
  intake:
    team: front
    timeouts: {soon: {after: 10m, actions: [escalate]}}
    transitions: {end: archive}
  archive: {}
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a desk's folder anew: its people, and one type."""

    def folder(stages: str = PLAIN, *, desk: str = DESK, version: int = 1, fields: str = FIELDS) -> Path:
        path = tmp_path / "mended"
        path.mkdir(exist_ok=True)
        (path / "desk.yaml").write_text(desk)
        (path / "job.yaml").write_text(HEAD.format(version=version, fields=fields) + stages)
        return path

    return folder


def test_a_team_that_is_gone_stops_no_run(database_url: str, write: Write) -> None:
    timed = TIMED.replace("[escalate]", "[{assign: back}, escalate]")
    clock = VirtualClock(NOON)
    with Desk.connect(database_url, definitions=write(timed), clock=clock) as desk:
        desk.open("job", actor="ann")
        without = re.sub(r"  back: .*\n", "", DESK)
        desk.apply(write(desk=without, version=2))
        desk.open("job", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 10 * MINUTE).fired == 1
        assert [entry.kind for entry in desk.history(1)] == ["opened", "fired", "escalated", "unattended"]


def test_a_desk_that_pinned_tickets_could_not_live_with_is_refused(database_url: str, write: Write) -> None:
    asks = PLAIN.replace("archive}", """{dest: archive, conditions: 'customer.company != "x"'}}""", 1)
    with Desk.connect(database_url, definitions=write(asks), clock=VirtualClock(NOON)) as desk:
        desk.open("job", actor="ann", customer={"company": "Acme", "phone": "13800"})
        less = DESK.replace("    company: {type: text}\n", "").replace("[[phone], [name, company]]", "[[phone]]")
        with pytest.raises(DefinitionChanged, match="does not fit this desk"):
            desk.apply(write(desk=less, version=2))
        assert desk.advance(1, "end", actor="ann").state == "archive"
        other = DESK.replace("phone: {type: text", "phone: {type: date")
        desk.apply(write(desk=other, version=2))
        customer = desk.get(1).customer
        assert customer is not None
        assert customer.fields["phone"] == "13800"  # what was written stays readable


def test_a_field_or_trigger_called_help_is_part_of_the_meaning(database_url: str, write: Write) -> None:
    fields = "{statement: {type: text}, help: {type: text}}"
    with Desk.connect(database_url, definitions=write(fields=fields), clock=VirtualClock(NOON)) as desk:
        desk.open("job", actor="ann")
        with pytest.raises(DefinitionChanged):
            desk.apply(write(fields=fields.replace("help: {type: text}", "help: {type: int, pii: true}")))
        words = fields.replace("help: {type: text}", "help: {type: text, label: Help, help: {en: x}}")
        assert [change.change for change in desk.apply(write(fields=words)).changes] == ["relabelled", "unchanged"]


def test_an_event_happens_when_its_lock_is_held(postgres_url: str, write: Write) -> None:
    with Desk.connect(postgres_url, definitions=write()) as desk:
        ticket = desk.open("job", actor="ann")
        released: list[float] = []
        store = Store(postgres_url)
        with store.engine.begin() as holding:
            holding.execute(text("SELECT id FROM ticketflow_tickets FOR UPDATE"))
            waiting = threading.Thread(target=lambda: desk.note(ticket.id, "waited", actor="ann"))
            waiting.start()
            time.sleep(0.5)
            released.append(SystemClock().now().timestamp())
        waiting.join()
        store.close()
        assert desk.history(ticket.id)[-1].happened_at.timestamp() >= released[0]


def test_an_opening_and_an_apply_do_not_pass_each_other(postgres_url: str, write: Write) -> None:
    with Desk.connect(postgres_url, definitions=write()) as desk, Desk.connect(postgres_url) as other:
        store = Store(postgres_url)
        outcome: list[object] = []

        def edit() -> None:
            try:
                outcome.append(other.apply(write(PLAIN.replace("end", "stop"))))
            except DefinitionChanged as error:
                outcome.append(error)

        with store.engine.begin() as host:
            ticket = desk.within(host).open("job", actor="ann")
            applying = threading.Thread(target=edit)
            applying.start()
            applying.join(0.5)
            assert applying.is_alive()  # it waits for whoever is opening
        applying.join()
        store.close()
        assert isinstance(outcome[0], DefinitionChanged)
        assert desk.advance(ticket.id, "end", actor="ann").state == "archive"


def test_a_missed_limit_is_overdue_until_the_ticket_moves_on(database_url: str, write: Write) -> None:
    clock = VirtualClock(NOON)
    with Desk.connect(database_url, definitions=write(TIMED), clock=clock) as desk:
        desk.open("job", actor="ann")
        clock.advance(timedelta(hours=1))
        assert len(desk.find(overdue=True).tickets) == 1
        desk.run_timeouts()
        assert [ticket.next_due_at for ticket in desk.find(overdue=True).tickets] == [NOON + 10 * MINUTE]
        assert [timer.kind for timer in desk.agenda().timers] == ["rung"]  # which is not shown as due
        desk.advance(1, "end", actor="ann")
        assert (desk.find(overdue=True).tickets, desk.next_due()) == ((), None)


def test_linking_to_nothing_keeps_the_catch_up_and_links_can_be_read(database_url: str, write: Write) -> None:
    clock = VirtualClock(NOON)
    with Desk.connect(database_url, definitions=write(TIMED), clock=clock) as desk:
        desk.open("job", actor="ann")
        desk.open("job", actor="ann")
        clock.advance(timedelta(hours=1))
        with pytest.raises(NotFound):
            desk.link(1, 99, actor="ann")
        assert [entry.kind for entry in desk.history(1)] == ["opened", "fired", "escalated"]
        desk.link(1, 2, actor="ann", kind="same caller")
        assert [(link.other, link.kind) for link in desk.links(1)] == [(2, "same caller")]
        assert [link.other for link in desk.links(2)] == [1]


def test_a_private_value_that_does_not_fit_is_not_repeated(database_url: str, write: Write) -> None:
    with Desk.connect(database_url, definitions=write(), clock=VirtualClock(NOON)) as desk:
        with pytest.raises(BadValue) as caught:
            desk.open("job", actor="ann", fields={"secret": "4401 1987"})
        assert "4401" not in caught.value.message
        with pytest.raises(NotFound):
            desk.open("job", actor="timer")


def test_emptying_a_field_is_another_call_than_leaving_it(database_url: str, write: Write) -> None:
    with Desk.connect(database_url, definitions=write(), clock=VirtualClock(NOON)) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
        desk.advance(1, "end", actor="ann", key="k")
        with pytest.raises(Conflict):
            desk.advance(1, "end", actor="ann", key="k", fields={"statement": None})
        assert desk.advance(1, "end", actor="ann", key="k").replayed


def test_a_ticket_that_only_seems_due_is_mended_by_the_run(database_url: str, write: Write) -> None:
    with Desk.connect(database_url, definitions=write(), clock=VirtualClock(NOON)) as desk:
        desk.open("job", actor="ann")
        store = Store(database_url)
        with store.write() as connection:
            connection.execute(text("UPDATE ticketflow_tickets SET next_timer_at = opened_at"))
        store.close()
        assert desk.run_timeouts().fired == 0
        assert desk.next_due() is None


def test_long_facts_of_a_customer_fit_every_database(database_url: str, write: Write) -> None:
    with Desk.connect(database_url, definitions=write(), clock=VirtualClock(NOON)) as desk:
        facts = {"name": "吴" * 5000, "company": "A" * 5000}
        first, second = (desk.open("job", actor="ann", customer=facts).customer for _ in range(2))
        assert first is not None
        assert second is not None
        assert first.id == second.id
