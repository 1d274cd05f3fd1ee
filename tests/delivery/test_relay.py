"""The relay on both databases: what is due leaves once, what fails comes back later, what has ended is not told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.delivery.desks import PEOPLE, TELLING, hooked, job, rung, states, telling
from tests.delivery.servers import MailHost, Receiver
from tests.store.small import MINUTE, NOON, Books, write
from workflow.clock import VirtualClock
from workflow.definition.telling import Telling
from workflow.delivery import way
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery
from workflow.delivery.way import LEASE, LONGEST_WAIT
from workflow.desk.desk import Desk
from workflow.errors import Forbidden, NotFound, Refused, UsageError
from workflow.store import outbox
from workflow.store.engine import Store
from workflow.store.outbox import OutboxRow, Takes
from workflow.testing import memory_desk


def test_a_desk_in_memory_delivers_by_the_same_ways(definitions: Path, receiver: Receiver) -> None:
    called: list[Notice] = []
    ways = {"actions": {"bell": called.append, "whistle": rung}, "delivery": hooked(receiver)}
    with memory_desk(definitions, start=NOON, **ways) as desk:  # type: ignore[arg-type]
        job(desk, "tell_customer", "ring")
        assert desk.deliver().sent == 2
    assert (len(receiver.posted), [notice.to for notice in called]) == (1, ["host:bell"])


RETRY = Telling().retry
ATTEMPTS, LONGEST_PAUSE = RETRY.tries, RETRY.longest.length
pause = partial(way.pause, retry=RETRY)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


def next_try(desk: Desk, number: int = 0) -> timedelta:
    """Return in how long a message is due."""
    due = desk.outbox()[number].next_try_at
    assert due is not None
    return due - desk.clock.now()


def test_what_is_due_leaves_once_the_oldest_first(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        for _ in range(30):
            job(desk, "tell_customer")
        report = desk.deliver()
        assert (report.sent, report.failed, report.waiting) == (30, 0, 0)
        assert [posted.message["ticket"]["id"] for posted in receiver.posted] == list(range(1, 31))
        assert desk.deliver().sent == 0
        assert all(row.state == "sent" and row.sent_at == NOON and row.attempts == 1 for row in desk.outbox())
    assert set(receiver.keys.values()) == {1}
    assert all(posted.is_genuine for posted in receiver.posted)


def test_at_most_so_many(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        job(desk, "tell_customer", "tell_customer", "tell_customer")
        assert desk.deliver(limit=2).sent == 2
        assert desk.deliver(limit=0).sent == 0
        assert states(desk) == ["sent", "sent", "waiting"]
        with pytest.raises(UsageError, match="fewer than no"):
            desk.deliver(limit=-1)


def test_a_failure_waits_longer_each_time_and_is_given_up_at_last(
    database_url: str, definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    receiver.answer = 503
    with telling(database_url, definitions, hooked(receiver), clock=clock) as desk:
        job(desk, "tell_customer")
        waited = []
        for attempt in range(1, ATTEMPTS):
            assert desk.deliver().failed == 1
            assert desk.outbox()[0].attempts == attempt
            waited.append(next_try(desk))
            assert desk.next_message_due() == clock.now() + waited[-1]
            clock.advance(waited[-1] - timedelta(microseconds=1))
            assert desk.deliver().failed == 0
            clock.advance(timedelta(microseconds=1))
        report = desk.deliver()
        assert (report.given_up, report.waiting) == (1, 0)
        assert [(row.state, row.last_error) for row in desk.outbox(state="failed")] == [("failed", "HTTP 503")]
        assert desk.next_message_due() is None
        assert waited == [pause("1-3", attempt) for attempt in range(1, ATTEMPTS)]
        assert timedelta(hours=24) < sum(waited, timedelta()) < timedelta(hours=32)

        receiver.answer = 200
        assert desk.retry_outbox(actor="boss") == 1
        assert desk.outbox()[0].attempts == 0
        assert desk.deliver().sent == 1
    assert set(receiver.keys) == {"1-3"}


def test_the_pause_doubles_to_an_hour_and_depends_on_the_key() -> None:
    for attempt in range(1, 100):
        longest = min(timedelta(seconds=10) * 2 ** min(attempt - 1, 20), LONGEST_PAUSE)
        assert 0.8 * longest <= pause("7-1", attempt) < 1.2 * longest
    assert pause("7-1", 4) == pause("7-1", 4) != pause("7-2", 4)


def test_a_server_that_is_away_is_asked_three_times_and_no_more_in_one_run(
    database_url: str, definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    receiver.answer = 502
    with telling(database_url, definitions, hooked(receiver), clock=clock) as desk:
        for _ in range(25):
            job(desk, "tell_customer")
        job(desk, "ring")
        report = desk.deliver()
        assert (report.failed, report.sent, report.waiting) == (3, 1, 25), "the host's own call has another way"
        assert [row.attempts for row in desk.outbox()] == [1] * 26, "what is sure to fail is not tried in vain"
        tries = [row.next_try_at for row in desk.outbox()[:25]]
        assert tries[3] == min(filter(None, tries)) == tries[24], "next time, it is the others' turn first"
        assert {(row.state, row.last_error) for row in desk.outbox()[:25]} == {("waiting", "HTTP 502")}
        receiver.answer = 200
        clock.advance(MINUTE)
        assert desk.deliver().sent == 25
    assert set(receiver.accepted.values()) == {1}


def test_a_way_asks_for_a_rest_for_all_who_use_it(
    database_url: str, definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    receiver.answer, receiver.retry_after = 429, "90"
    with telling(database_url, definitions, hooked(receiver), clock=clock) as desk:
        job(desk, *["tell_customer"] * 5)
        assert desk.deliver().failed == 1
        assert len(receiver.posted) == 1
        assert [row.attempts for row in desk.outbox()] == [1, 0, 0, 0, 0], "nobody refused the others"
        assert {row.next_try_at for row in desk.outbox()} == {NOON + timedelta(seconds=90)}
        receiver.answer = 200
        clock.advance(timedelta(seconds=90))
        assert desk.deliver().sent == 5


def test_what_waits_for_a_server_that_stays_away_is_given_up_together(
    definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    write(definitions, TELLING, desk=PEOPLE + "delivery: {retry: {tries: 4, first: 1m, longest: 2m}}\n")
    receiver.answer = 401
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        job(desk, *["tell_customer"] * 9)
        for most in (1, 2, 2):
            assert desk.deliver().given_up == 0
            last = max(row.next_try_at for row in desk.outbox() if row.next_try_at)
            assert 0.8 * most * MINUTE <= last - clock.now() <= 1.2 * most * MINUTE
            clock.move_to(last)
        assert desk.deliver().given_up == 9
        assert {(row.state, row.attempts) for row in desk.outbox()} == {("failed", 4)}
        assert desk.next_message_due() is None


def test_a_message_that_is_refused_does_not_close_the_way(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    receiver.answer = 409
    with telling(database_url, definitions, hooked(receiver)) as desk:
        job(desk, *["tell_customer"] * 6)
        assert desk.deliver().failed == 6


def test_a_message_that_will_never_be_taken_is_given_up_at_once(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    receiver.answer = 413
    with telling(database_url, definitions, hooked(receiver)) as desk:
        job(desk, *["tell_customer"] * 4)
        assert desk.deliver().given_up == 4
        assert {(row.state, row.attempts, row.last_error) for row in desk.outbox()} == {("failed", 1, "HTTP 413")}


@pytest.mark.parametrize(
    ("said", "waited"),
    [
        ("600", timedelta(minutes=10)),
        ("Mon, 02 Mar 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("1", pause("1-3", 1)),
        ("99999999999", LONGEST_WAIT),
        ("in a while", pause("1-3", 1)),
    ],
)
def test_a_receiver_is_left_alone_for_as_long_as_it_asks(
    definitions: Path, receiver: Receiver, said: str, waited: timedelta
) -> None:
    receiver.answer, receiver.retry_after = 429, said
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        job(desk, "tell_customer")
        assert desk.deliver().failed == 1
        assert next_try(desk) == waited


def test_a_mail_server_that_is_away_keeps_nothing_from_the_webhook(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    with MailHost() as host:
        host.answer = "busy"
        with telling(database_url, definitions, hooked(receiver, smtp_url=host.url())) as desk:
            job(desk, *["tell_team"] * 5, "tell_customer")
            report = desk.deliver()
            assert (report.failed, report.sent, report.waiting, report.unrouted) == (3, 1, 5, 0)


@pytest.mark.parametrize(
    "ending",
    [
        lambda desk, number: desk.advance(number, "end", actor="ann"),
        lambda desk, number: desk.acknowledge(number, actor="boss"),
    ],
    ids=["archived", "acknowledged"],
)
def test_what_has_ended_is_not_told(
    database_url: str, definitions: Path, receiver: Receiver, ending: Callable[[Desk, int], object]
) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        number = job(desk)
        desk.escalate(number, actor="ann")
        (row,) = desk.outbox()
        assert row.stands == "ladder:1"
        ending(desk, number)
        report = desk.deliver()
        assert (report.suppressed, report.waiting) == (1, 0)
        (row,) = desk.outbox(state="suppressed")
        assert (row.last_error, row.sent_at, row.next_try_at) == ("its cause has ended: ladder:1", None, None)
    assert receiver.posted == []


def test_a_customer_is_told_in_any_case(database_url: str, definitions: Path, receiver: Receiver, books: Books) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        job(desk, "tell_customer", "tell_owner", "end")
        with books.engine.begin() as connection:  # as a message that stood on something would
            connection.exec_driver_sql("UPDATE ticketflow_outbox SET stands = 'entry:1' WHERE addressee = 'customer'")
        report = desk.deliver()
        assert (report.sent, report.suppressed) == (2, 0)


def test_what_ends_between_two_messages_is_noticed(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        number = job(desk, "tell_customer")
        desk.escalate(number, actor="ann")
        receiver.before_answer = lambda _posted: desk.advance(number, "end", actor="ann")
        report = desk.deliver()
        assert (report.sent, report.suppressed) == (1, 1)


def test_no_transaction_is_open_while_a_server_is_talked_to(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    with telling(database_url, definitions, hooked(receiver, timeout=5), busy_timeout=0.2) as desk:
        number = job(desk, "tell_customer")
        receiver.before_answer = lambda _posted: desk.note(number, "meanwhile", actor="ann")
        assert desk.deliver().sent == 1
        assert desk.history(number)[-1].private["note"] == "meanwhile"


def test_a_hosts_call_is_done_in_its_process_and_waits_for_it_elsewhere(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    called: list[Notice] = []
    with telling(database_url, definitions, actions={"bell": called.append}) as desk:
        job(desk, "ring")
        with Desk.connect(database_url, clock=VirtualClock(NOON), delivery=hooked(receiver)) as elsewhere:
            report = elsewhere.deliver()
            assert (report.sent, report.waiting, report.unrouted) == (0, 1, 1)
            assert elsewhere.next_message_due() is None
        assert desk.next_message_due() == NOON
        assert desk.deliver().sent == 1
    (notice,) = called
    assert (notice.key, notice.to, notice.kind) == ("1-3", "host:bell", "call")
    assert "Zhang San" in str(notice.ticket.fields["statement"]), "a host may see the whole ticket"
    assert receiver.posted == []


def test_a_hosts_call_that_raises_is_tried_again_and_stops_nothing(
    database_url: str, definitions: Path, clock: VirtualClock
) -> None:
    broken = True

    def bell(_notice: Notice) -> None:
        if broken:
            raise KeyError("no\nbell")

    with telling(database_url, definitions, clock=clock, actions={"bell": bell}) as desk:
        job(desk, "ring", "whistle")
        report = desk.deliver()
        assert (report.failed, report.sent) == (1, 1)
        assert desk.outbox()[0].last_error == "KeyError: 'no\\nbell'"
        broken = False
        clock.advance(MINUTE)
        assert desk.deliver().sent == 1


def test_what_a_dead_relay_held_comes_back_when_its_lease_ends(
    database_url: str, definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    with telling(database_url, definitions, hooked(receiver), clock=clock) as desk:
        job(desk, "tell_customer")
        held = claimed(database_url)
        assert [row.key for row in held] == ["1-3"]
        assert states(desk) == ["sending"]
        assert desk.deliver().sent == 0
        assert desk.next_message_due() == NOON + LEASE
        assert desk.retry_outbox(actor="boss") == 0
        clock.advance(LEASE)
        assert desk.deliver().sent == 1
        assert not marked(database_url, held[0]), "who lost the lease marks nothing"
        assert states(desk) == ["sent"]


def claimed(url: str) -> tuple[OutboxRow, ...]:
    """Claim what is due as a relay does that dies over it."""
    store = Store(url)
    try:
        takes = Takes(all_others=True)
        return store.unit(lambda c: outbox.claim(c, takes, due=NOON, lease=NOON + LEASE, most=10))
    finally:
        store.close()


def marked(url: str, row: OutboxRow) -> bool:
    store = Store(url)
    try:
        return store.unit(lambda c: outbox.mark(c, [row], NOON + LEASE, state="failed") == 1)
    finally:
        store.close()


def test_a_relay_that_is_told_to_stop_puts_back_what_it_has_not_tried(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        job(desk, *["tell_customer"] * 5)
        report = desk.deliver(stop=lambda: len(receiver.posted) == 2)
        assert (report.sent, report.waiting) == (2, 3)
        assert states(desk) == ["sent", "sent", "waiting", "waiting", "waiting"]
        assert desk.deliver().sent == 3
    assert set(receiver.keys.values()) == {1}


def test_retry_takes_what_failed_or_waits_and_nothing_else(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    receiver.answer = 500
    with telling(database_url, definitions, hooked(receiver)) as desk:
        job(desk, "tell_customer", "tell_customer")
        desk.deliver()
        first, second = desk.outbox()
        assert desk.retry_outbox([first.id], actor="boss") == 1
        receiver.answer = 200
        assert desk.deliver().sent == 1
        with pytest.raises(NotFound, match="no message 99"):
            desk.retry_outbox([second.id, 99], actor="boss")
        with pytest.raises(Refused, match="is sent"):
            desk.retry_outbox([second.id, first.id], actor="boss")
        with pytest.raises(Forbidden):
            desk.retry_outbox([second.id], actor="ann")
        assert desk.deliver().sent == 0, "nothing was changed by those"
        assert desk.retry_outbox(actor="boss") == 0, "none was given up"
        assert desk.retry_outbox([second.id, second.id]) == 1
        assert desk.deliver().sent == 1


def test_inside_a_hosts_transaction_nothing_leaves(database_url: str, definitions: Path, books: Books) -> None:
    with telling(database_url, definitions, Delivery()) as desk, books.engine.connect() as connection:
        with pytest.raises(UsageError, match="when they are committed"):
            desk.within(connection).deliver()
        connection.rollback()


def test_nothing_set_nothing_sent(database_url: str, definitions: Path) -> None:
    with Desk.connect(database_url, definitions=written_without_calls(definitions), clock=VirtualClock(NOON)) as desk:
        job(desk, "tell_customer")
        report = desk.deliver()
        assert (report.sent, report.waiting, report.unrouted) == (0, 1, 1)
        assert desk.next_message_due() is None


def written_without_calls(folder: Path) -> Path:
    text = "".join(line + "\n" for line in TELLING.splitlines() if "call:" not in line)
    (folder / "job.yaml").write_text(text, encoding="utf-8")
    return folder
