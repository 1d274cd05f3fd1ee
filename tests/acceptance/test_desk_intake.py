"""Taking in contacts: each one a ticket, once, however often and however badly it is done."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.store.small import MINUTE, NOON, Books, opened, timed, write
from workflow.clock import VirtualClock
from workflow.core.model import NOTHING
from workflow.desk.contacts import Contact, read_contacts
from workflow.desk.desk import Desk
from workflow.desk.intake import IntakeReport
from workflow.errors import BadValue, Forbidden, NotFound, TicketflowError, UsageError
from workflow.store import tickets
from workflow.store.engine import Store

VICTIM = """
import os, signal, sys
from datetime import UTC, datetime
from workflow import Contact, Desk, VirtualClock

def contacts():
    for number in range(60):
        if number == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield Contact(number, {"statement": str(number)}, {"phone": str(number % 7)}, external_id=f"e{number}")

clock = VirtualClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
with Desk.connect(sys.argv[1], definitions=sys.argv[2], clock=clock) as desk:
    desk.intake(contacts(), actor="boss", ticket_type="job", batch=20)
"""


def contact(number: int, **more: Any) -> Contact:
    given: dict[str, Any] = {"external_id": f"e{number}", "ticket_type": "job", "fields": {"statement": str(number)}}
    return Contact(number, **(given | more))


def counts(report: IntakeReport) -> tuple[int, int, int]:
    return report.opened, report.known, len(report.rejected)


def test_every_contact_becomes_a_ticket_once(desk: Desk, books: Books) -> None:
    some = [contact(number) for number in range(7)]
    assert counts(desk.intake(some, actor="boss", batch=3)) == (7, 0, 0)
    before = books.rows()
    assert counts(desk.intake(some, actor="boss", batch=2)) == (0, 7, 0)
    assert books.rows() == before
    assert counts(desk.intake([*some, contact(7)], actor="boss")) == (1, 7, 0)
    assert [ticket.external_id for ticket in desk.find().tickets] == [f"e{number}" for number in range(8)]
    books.assert_balanced()


def test_a_contact_comes_in_whole(desk: Desk, books: Books) -> None:
    whole = contact(
        1, fields={"statement": "投诉 😀", "fees": "12.50", "words": "一,two"}, channel="web", priority="urgent",
        customer={"name": "Li", "phone": "138"}, tags=("b", "a"), opened_at=NOON - 5 * MINUTE,
    )  # fmt: skip
    desk.intake([whole], actor="boss")
    taken = desk.get(1)
    assert (taken.channel, taken.priority, taken.tags, taken.external_id) == ("web", "urgent", ("a", "b"), "e1")
    assert (taken.opened_at, taken.next_due_at) == (NOON - 5 * MINUTE, NOON + 5 * MINUTE)
    assert taken.customer is not None
    assert taken.customer.fields == {"name": "Li", "phone": "138"}
    (entry,) = desk.history(1)
    assert (entry.kind, entry.actor, entry.happened_at) == ("opened", "boss", NOON - 5 * MINUTE)
    books.assert_balanced()


def test_the_same_id_twice_in_one_file_is_one_ticket(desk: Desk) -> None:
    twice = [contact(1), contact(2), contact(1, fields={"statement": "again"}), contact(2)]
    assert counts(desk.intake(twice, actor="boss")) == (2, 2, 0)
    assert counts(desk.intake(twice, actor="boss", batch=1)) == (0, 4, 0)
    assert desk.get(1).fields["statement"] == "1"


def test_contacts_without_an_id_come_in_each_time(desk: Desk) -> None:
    some = [contact(1, external_id=None), contact(2, external_id=None)]
    assert [counts(desk.intake(some, actor="boss")) for _ in range(2)] == [(2, 0, 0), (2, 0, 0)]


def test_an_id_that_was_opened_by_hand_is_known(desk: Desk) -> None:
    desk.open("job", actor="ann", fields={"statement": "x"}, external_id="e1")
    assert counts(desk.intake([contact(1), contact(2)], actor="boss")) == (1, 1, 0)


def test_contacts_of_one_customer_share_the_record(desk: Desk, books: Books) -> None:
    some = [contact(n, customer={"phone": "138", "name": f"Li {n}"}) for n in range(3)]
    assert counts(desk.intake([*some, contact(9)], actor="boss")) == (4, 0, 0)
    assert books.count("customers") == 1
    assert desk.get(4).customer is None


def test_bad_contacts_are_set_aside_with_the_reason_and_the_good_ones_are_in(desk: Desk, books: Books) -> None:
    bad: list[tuple[Contact, type[TicketflowError], str | None]] = [
        (contact(1, error=UsageError("the row has {cells} cells", cells=3)), UsageError, None),
        (contact(2, fields={}), BadValue, "statement"),
        (contact(3, fields={"statement": "x", "amount": "many"}), BadValue, "amount"),
        (contact(4, fields={"statement": "x", "nope": "1"}), NotFound, "nope"),
        (contact(5, ticket_type="unheard_of"), NotFound, "type"),
        (contact(6, ticket_type=None), BadValue, "type"),
        (contact(7, opened_at=NOON + MINUTE), BadValue, None),
        (contact(8, channel="smoke"), BadValue, "channel"),
        (contact(9, priority="asap"), BadValue, "priority"),
        (contact(10, tags=("a,b",)), BadValue, "tags"),
        (contact(11, customer={"nope": "1"}), NotFound, "nope"),
        (contact(12, fields={"statement": "nul \0"}), BadValue, "statement"),
        (contact(13, external_id="nul \0"), BadValue, "external_id"),
        (contact(14, external_id="x" * 501), BadValue, "external_id"),
        (contact(15, customer={"name": "half \ud800"}), BadValue, "name"),
    ]
    good = [contact(number) for number in range(20, 35)]
    mixed = [some for pair in zip([item for item, _, _ in bad], good, strict=True) for some in pair]
    report = desk.intake(mixed, actor="boss", batch=4)
    assert counts(report) == (15, 0, 15)
    assert [rejected.contact for rejected in report.rejected] == [item for item, _, _ in bad]
    for rejected, (_, kind, field) in zip(report.rejected, bad, strict=True):
        assert isinstance(rejected.reason, kind)
        assert field is None or rejected.reason.field == field
    assert (books.count("tickets"), books.count("customers")) == (15, 0)
    assert counts(desk.intake(mixed, actor="boss")) == (0, 15, 15)
    books.assert_balanced()


@pytest.mark.parametrize(
    ("call", "kind"),
    [({"actor": "ann"}, Forbidden), ({"actor": "nobody"}, NotFound), ({"batch": 0}, UsageError),
     ({"batch": -1}, UsageError), ({"past": "forget"}, UsageError)],
)  # fmt: skip
def test_a_wrong_call_takes_nothing_in(
    desk: Desk, books: Books, call: dict[str, Any], kind: type[TicketflowError]
) -> None:
    before = books.rows()
    with pytest.raises(kind):
        desk.intake([contact(1)], **({"actor": "boss"} | call))
    assert books.rows() == before


def test_old_contacts_need_a_word_about_the_past(desk: Desk, books: Books) -> None:
    some = [contact(1), contact(2, opened_at=NOON - 11 * MINUTE)]
    before = books.rows()
    with pytest.raises(UsageError) as refused:
        desk.intake(some, actor="boss")
    assert (refused.value.field, "--past record" in refused.value.remedy) == ("past", True)
    assert books.rows() == before
    assert counts(desk.intake([contact(3, opened_at=NOON - 9 * MINUTE)], actor="boss")) == (1, 0, 0)


def test_the_past_recorded_tells_nobody(desk: Desk, books: Books, clock: VirtualClock) -> None:
    assert counts(desk.intake([contact(1, opened_at=NOON - 30 * MINUTE)], actor="boss", past="record")) == (1, 0, 0)
    assert [(entry.kind, entry.happened_at, entry.data.get("action")) for entry in desk.history(1)] == [
        ("opened", NOON - 30 * MINUTE, None),
        ("fired", NOON - 20 * MINUTE, None),
        ("suppressed", NOON - 20 * MINUTE, "reassign"),
        ("suppressed", NOON - 20 * MINUTE, "escalate"),
    ]
    assert (desk.outbox(), desk.get(1).assignee, desk.next_due()) == ((), None, None)
    clock.advance(timedelta(hours=1))
    assert desk.run_timeouts().tickets == 0
    books.assert_balanced()


def test_the_past_fired_tells_at_the_next_run(desk: Desk, books: Books) -> None:
    desk.intake([contact(1, opened_at=NOON - 30 * MINUTE), contact(2)], actor="boss", past="fire")
    assert desk.outbox() == ()
    assert desk.run_timeouts().fired == 1
    assert [(row.ticket_id, row.to) for row in desk.outbox()] == [(1, "member:boss")]
    assert desk.history(1)[1].happened_at == NOON - 20 * MINUTE
    books.assert_balanced()


def test_the_past_recorded_walks_as_far_as_timers_lead(database_url: str, tmp_path: Path, books: Books) -> None:
    walking = timed(
        "move: {after: 10m, dest: handle, actions: [escalate]}",
        elsewhere="{again: {after: 10m, every: 10m, actions: [escalate]}, end: {after: 1h, dest: archive}}",
    )
    with opened(database_url, write(tmp_path / "walking", walking)) as desk:
        old = [contact(n, ticket_type="timed", opened_at=NOON - n * 20 * MINUTE) for n in range(6)]
        assert counts(desk.intake(old, actor="boss", past="record", batch=4)) == (6, 0, 0)
        assert [desk.get(id).state for id in range(1, 7)] == ["intake", *["handle"] * 3, "archive", "archive"]
        assert desk.outbox() == ()
        assert desk.run_timeouts().tickets == 0
        assert desk.run_timeouts(as_of=NOON + 5 * MINUTE).fired == 0
        assert desk.run_timeouts(as_of=NOON + 10 * MINUTE).fired == 4 + 1
    books.assert_balanced()


def test_an_intake_that_breaks_off_keeps_its_batches(desk: Desk, books: Books) -> None:
    def breaking() -> Iterator[Contact]:
        yield from (contact(number) for number in range(5))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.intake(breaking(), actor="boss", batch=2)
    assert books.count("tickets") == 4
    assert counts(desk.intake([contact(number) for number in range(6)], actor="boss")) == (2, 4, 0)
    books.assert_balanced()


@pytest.mark.prove
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_an_intake_that_was_killed_is_finished_by_the_next(database_url: str, definitions: Path, books: Books) -> None:
    def run(kill_at: int) -> int:
        command = [sys.executable, "-c", VICTIM, database_url, str(definitions), str(kill_at)]
        return subprocess.run(command, check=False).returncode

    assert run(45) == -signal.SIGKILL
    assert books.count("tickets") == 40
    books.assert_balanced()
    assert run(99) == 0
    assert (books.count("tickets"), books.count("customers")) == (60, 7)
    assert sorted(row["external_id"] for row in books.of("tickets")) == sorted(f"e{number}" for number in range(60))
    books.assert_balanced()


def test_a_file_is_taken_in_as_it_is(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(
        "编号,statement,opened_at,customer.name\n1,宽带断线,2026/3/2 19:58,王\n2,,2026/3/2 19:58,李\n3,ok,soon,赵\n",
        encoding="utf-8-sig",
    )
    mapping = {"external_id": "编号"} | {name: name for name in ("statement", "opened_at", "customer.name")}
    with read_contacts(path, zone=ZoneInfo("Asia/Shanghai"), mapping=mapping) as contacts:
        report = desk.intake(contacts, actor="boss", ticket_type="job")
    assert counts(report) == (1, 0, 2)
    assert [rejected.contact.line for rejected in report.rejected] == [3, 4]
    assert desk.get(1).opened_at == datetime(2026, 3, 2, 11, 58, tzinfo=UTC)


def test_as_many_ids_as_there_are_can_be_asked_for(database_url: str, desk: Desk) -> None:
    desk.open("job", actor="ann", fields={"statement": "x"}, external_id="7")
    store = Store(database_url)
    with store.read() as connection:
        assert tickets.external_ids(connection, [str(number) for number in range(66_000)]) == {"7": 1}
        assert tickets.external_ids(connection, []) == {}
    store.close()


def test_nothing_taken_in_is_nothing_done(desk: Desk, books: Books) -> None:
    before = books.rows()
    assert counts(desk.intake([], actor="boss")) == (0, 0, 0)
    assert books.rows() == before
    assert Contact(1).fields is NOTHING


def test_a_file_of_nothing_but_bad_rows_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.desk.intake.MOST_REJECTED", 5_000)
    monkeypatch.setattr("workflow.desk.intake.MOST_AT_ONCE", 2_000)
    wrong = (contact(number, ticket_type="none") for number in itertools.count())
    report = desk.intake(itertools.chain([contact(1000)], wrong), actor="boss")
    assert counts(report) == (1, 0, 15)
    assert "more than can be kept" in report.rejected[-1].reason.message
