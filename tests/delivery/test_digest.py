"""Many messages for one person leave as one, in a few words, and each of them is known to have been told."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.delivery.desks import PEOPLE, TELLING, hooked, job, states, telling
from tests.delivery.servers import MailHost, Posted, Receiver
from tests.store.small import NOON, write
from workflow.clock import VirtualClock
from workflow.core.model import Ticket
from workflow.definition.desk import DeskSpec
from workflow.delivery import way
from workflow.delivery.digest import digest
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery
from workflow.delivery.way import LEASE
from workflow.desk.desk import Desk
from workflow.store import crash

ABOVE_TWO = PEOPLE + "delivery: {digest_above: 2, retry: {tries: 3}}\n"


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions", TELLING, desk=ABOVE_TWO)


def escalated(desk: Desk, many: int) -> None:
    for _ in range(many):
        desk.escalate(job(desk), actor="ann")


def test_more_than_a_few_are_told_in_one(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        escalated(desk, 4)
        job(desk, "tell_customer", "tell_customer", "tell_customer", "tell_team")
        assert desk.deliver().sent == 8
        rows = desk.outbox()
    (digest,) = (posted for posted in receiver.posted if posted.message["kind"] == "digest")
    assert digest.is_genuine
    message = digest.message
    assert (message["to"], message["key"]) == ("member:boss", digest.key)
    assert [each["key"] for each in message["messages"]] == [row.key for row in rows if row.to == "member:boss"]
    assert message["ticket"] == message["messages"][0]["ticket"]
    assert {row.last_error for row in rows if row.to == "member:boss"} == {f"told in {digest.key}"}
    assert {row.last_error for row in rows if row.to != "member:boss"} == {None}, "customers are several people"
    assert message["text"].splitlines()[:3] == [
        "4 messages at once",
        "",
        "[Ticket 1] Escalated: Job, intake; Why: raised; Since: 2026-03-02 20:00; Due: 2026-03-02 20:10",
    ]
    assert len(receiver.posted) == 5


def test_a_digest_that_is_not_taken_is_tried_again_as_the_same(definitions: Path, receiver: Receiver) -> None:
    clock = VirtualClock(NOON)
    receiver.answer = 503
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        escalated(desk, 3)
        assert desk.deliver().failed == 3
        assert {(row.state, row.attempts, row.last_error) for row in desk.outbox()} == {("waiting", 1, "HTTP 503")}
        clock.advance(timedelta(seconds=5))
        escalated(desk, 3)
        assert desk.deliver().failed == 3
        clock.advance(timedelta(seconds=30))
        receiver.answer = 200
        assert desk.deliver().sent == 6
        assert all("told in digest-" in (row.last_error or "") for row in desk.outbox())
    assert sorted(receiver.keys.values()) == [2, 2], "what came later is a digest of its own"
    assert set(receiver.accepted.values()) == {1}


def test_a_digest_is_given_up_by_the_same_policy_and_brought_back(definitions: Path, receiver: Receiver) -> None:
    clock = VirtualClock(NOON)
    receiver.answer = b'{"errcode": 93000, "errmsg": "invalid webhook url"}'
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        escalated(desk, 3)
        for _ in range(2):
            assert desk.deliver().failed == 3
            clock.advance(timedelta(minutes=1))
        assert desk.deliver().given_up == 3
        assert {(row.state, row.last_error) for row in desk.outbox()} == {("failed", "errcode 93000")}
        receiver.answer = 200
        assert desk.retry_outbox(actor="boss") == 3
        assert desk.deliver().sent == 3
    assert len(receiver.keys) == 1


def test_what_has_ended_is_in_no_digest(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions, hooked(receiver)) as desk:
        escalated(desk, 5)
        desk.advance(1, "end", actor="ann")
        desk.acknowledge(4, actor="boss")
        report = desk.deliver()
        assert (report.sent, report.suppressed) == (3, 2)
        assert [each["ticket"]["id"] for each in receiver.posted[0].message["messages"]] == [2, 3, 5]
        escalated(desk, 3)
        desk.advance(8, "end", actor="ann")
        report = desk.deliver()
        assert (report.sent, report.suppressed) == (2, 1)
    assert [posted.message["kind"] for posted in receiver.posted] == ["digest", "escalate", "escalate"]


def test_what_a_relay_died_over_comes_again_under_the_same_key(definitions: Path, receiver: Receiver) -> None:
    clock = VirtualClock(NOON)

    class Died(BaseException):
        """As by a signal."""

    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        escalated(desk, 3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(crash, "point", lambda name: _raise(Died) if name == "relay.sent" else None)
            with pytest.raises(Died):
                desk.deliver()
        assert states(desk) == ["sending"] * 3
        clock.advance(timedelta(seconds=1))
        escalated(desk, 3)
        assert desk.deliver().sent == 3
        clock.advance(LEASE)
        assert desk.deliver().sent == 3
    assert sorted(receiver.keys.values()) == [1, 2]


def too_much(posted: Posted) -> int:
    """Answer as one who takes no more than three at once, and nothing of ticket 3."""
    found = posted.message.get("messages", [posted.message])
    return 413 if len(found) > 3 or 3 in {each["ticket"]["id"] for each in found} else 200


def test_of_a_digest_that_is_refused_for_good_the_others_are_told(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    receiver.answer = too_much
    with telling(database_url, definitions, hooked(receiver)) as desk:
        escalated(desk, 10)
        report = desk.deliver()
        assert (report.sent, report.given_up, report.waiting) == (9, 1, 0)
        assert [(row.ticket_id, row.last_error) for row in desk.outbox(state="failed")] == [(3, "HTTP 413")]
        assert {row.attempts for row in desk.outbox()} == {1}
    told = [posted.message for posted in receiver.posted if receiver.accepted[posted.key]]
    tickets = [each["ticket"]["id"] for message in told for each in message.get("messages", [message])]
    assert sorted(tickets) == [1, 2, 4, 5, 6, 7, 8, 9, 10]


def test_a_relay_that_dies_over_a_part_of_a_digest_sends_it_again(definitions: Path, receiver: Receiver) -> None:
    clock, left = VirtualClock(NOON), ["relay.sent"] * 2
    receiver.answer = lambda posted: 413 if len(posted.message["messages"]) > 3 else 200

    def die(name: str) -> None:
        if name in left:
            left.remove(name)
            if not left:
                raise KeyboardInterrupt

    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        escalated(desk, 6)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(crash, "point", die)
            with pytest.raises(KeyboardInterrupt):
                desk.deliver()
        assert states(desk) == ["sent"] * 3 + ["sending"] * 3
        clock.advance(LEASE)
        assert desk.deliver().sent == 3
    assert sorted(receiver.accepted.values()) == [1, 2]


def test_a_digest_that_is_refused_too_slowly_waits(
    definitions: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer, late = too_much, list[float]()
    monkeypatch.setattr(way, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + sum(late)))
    receiver.before_answer = lambda _posted: late.append(way.TURN)
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        escalated(desk, 4)
        report = desk.deliver()
        assert (report.failed, report.given_up) == (4, 0)
        assert {(row.state, row.attempts) for row in desk.outbox()} == {("waiting", 1)}


def test_a_digest_for_a_mailbox_that_is_not_there_is_tried_once(definitions: Path) -> None:
    with MailHost() as host, telling("sqlite://", definitions, Delivery(smtp_url=host.url())) as desk:
        host.unknown = {"ann@example.org", "bob@example.org"}
        job(desk, *["tell_team"] * 5)
        assert desk.deliver().given_up == 5
        assert host.asked == 1


def _raise(error: type[BaseException]) -> None:
    raise error


def test_mail_lists_all_of_them(definitions: Path) -> None:
    with MailHost() as host, telling("sqlite://", definitions, Delivery(smtp_url=host.url(), lang="zh")) as desk:
        for _ in range(40):
            job(desk, "tell_team")
        assert desk.deliver().sent == 40
        (mailed,) = host.mails
        text = mailed.mail.get_content()
        assert (mailed.mail["Subject"], text.count("[工单 ")) == ("40 条消息汇总", 40)


def test_a_text_takes_no_more_room_than_there_is() -> None:
    ticket = Ticket(1, "job", 1, "intake", "intake", NOON, NOON, NOON)
    told = ("member:boss", "escalate", "raised", NOON, ticket)
    notices = [Notice(f"{at}-2", *told, subject=f"[工单 {at}] 上报: 任务, 受理中") for at in range(100)]
    found = digest(notices, DeskSpec(desk="d", zone="Asia/Shanghai"), lang="zh", room=1_800)
    lines = found.text.splitlines()
    assert 1_650 < len(found.text.encode()) <= 1_800
    assert lines[-1] == f"另有 {100 - len(lines[2:-1])} 条"
    assert found.key == digest(notices[::-1], DeskSpec(desk="d", zone="UTC"), lang="en", room=9).key


def test_the_urgent_come_first(definitions: Path, receiver: Receiver) -> None:
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        escalated(desk, 3)
        desk.set_fields(2, actor="ann", priority="urgent")
        desk.deliver()
    assert [each["ticket"]["id"] for each in receiver.posted[0].message["messages"]] == [2, 1, 3]
