"""A webhook is posted in its documented form and counts as taken only if the receiver says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.delivery.desks import hooked, job, telling
from tests.delivery.servers import SECRET, Receiver, Speaker
from tests.store.small import NOON
from workflow.delivery.settings import Delivery
from workflow.delivery.webhook import provider_fault, signature


def test_the_form_is_the_documented_one(receiver: Receiver, definitions: Path) -> None:
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        number = job(desk, "tell_customer")
        assert desk.deliver().sent == 1
    (posted,) = receiver.posted
    assert posted.is_genuine
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    message = posted.message
    text = message.pop("text")
    assert message == {
        "version": 1,
        "key": f"{number}-3",
        "to": "customer",
        "kind": "notify",
        "reason": "tell_customer",
        "happened_at": "2026-03-02T12:00:00+00:00",
        "ticket": {
            "id": number,
            "type": "job",
            "state": "intake",
            "priority": "normal",
            "team": "front",
            "assignee": None,
            "next_due_at": "2026-03-02T12:10:00+00:00",
        },
        "data": {},
    }
    assert posted.key == message["key"]
    assert text == "There is news about your case.\n"


def test_nothing_personal_leaves(receiver: Receiver, definitions: Path) -> None:
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        number = desk.open(
            "job", actor="ann", fields={"statement": "my number is 13812345678"}, customer={"name": "Zhang San"}
        ).id
        desk.escalate(number, actor="ann", reason="Zhang San shouts")
        desk.deliver()
    assert receiver.posted
    assert not any(word in posted.body.decode() for posted in receiver.posted for word in ("Zhang", "138", "shouts"))


def test_the_language_is_that_of_the_desk(receiver: Receiver, definitions: Path) -> None:
    with telling("sqlite://", definitions, hooked(receiver, lang="zh")) as desk:
        job(desk, "tell_customer")
        desk.deliver()
        desk.escalate(1, actor="ann")
        desk.deliver()
    to_customer, to_lead = (posted.message["text"].splitlines() for posted in receiver.posted)
    assert to_customer == ["您的事项有新的进展。"]
    assert to_lead[:5] == ["上报", "", "工单: 1", "类型: 任务", "状态: 受理中"]


def test_a_customer_is_told_what_is_promised_and_why_that_changed(receiver: Receiver, definitions: Path) -> None:
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        number = desk.open("job", actor="ann", fields={"statement": "dead line"}).id
        desk.promise(number, NOON + timedelta(hours=5), actor="ann", reason="a technician comes")
        desk.promise(number, NOON + timedelta(hours=29), actor="ann", reason="parts are late")
        desk.deliver()
    first, second = (posted.message for posted in receiver.posted)
    assert first["text"] == "We will get back to you by 2026-03-03 01:00.\nThe reason: a technician comes\n"
    assert first["data"] == {"until": "2026-03-02T17:00:00+00:00"}
    assert second["text"] == (
        "We will get back to you by 2026-03-04 01:00, not by 2026-03-03 01:00 as we had said.\n"
        "The reason: parts are late\n"
    )


def test_a_changed_body_or_time_is_noticed(receiver: Receiver, definitions: Path) -> None:
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        job(desk, "tell_customer")
        desk.deliver()
    posted = receiver.posted[0]
    assert not type(posted)(posted.headers, posted.body.replace(b"normal", b"urgent")).is_genuine
    assert not type(posted)(posted.headers | {"webhook-timestamp": "1"}, posted.body).is_genuine


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # the example that the specification's own libraries are tested with
    key = Delivery(webhook_url="https://x.org", webhook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").key
    body = b'{"test": 2432232314}'
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert found == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, "HTTP 500"), (404, "HTTP 404"), (302, "HTTP 302"),
        (b'{"errcode": 310000, "errmsg": "x"}', "errcode 310000"),
        (b'{"code": 19001}', "code 19001"), (b'{"ok": false, "error": "no"}', "ok false"),
        ("hang", "no answer in time"),
        ("close", "Remote end closed connection without response"),
    ],
)  # fmt: skip
def test_whatever_is_not_a_yes_is_a_no(
    receiver: Receiver, definitions: Path, answer: int | str | bytes, error: str
) -> None:
    receiver.answer = answer
    with telling("sqlite://", definitions, hooked(receiver, timeout=0.5)) as desk:
        job(desk, "tell_customer")
        report = desk.deliver()
        assert (report.sent, report.failed, report.waiting) == (0, 1, 1)
        (row,) = desk.outbox()
    assert (row.state, row.attempts, row.last_error) == ("waiting", 1, error)
    assert len(receiver.posted) == 1, "no redirect is followed"


@pytest.mark.parametrize(
    "say",
    [
        lambda request: request,  # as an echo does: what was asked holds the key
        lambda _request: b'HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{"errcode": 93',
        lambda _request: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
        lambda _request: b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
    ids=["echo", "cut off", "cut off in a chunk", "endless"],
)
def test_what_is_no_whole_answer_is_a_no_and_not_repeated(definitions: Path, say: Callable[[bytes], bytes]) -> None:
    with Speaker(say) as server:
        settings = Delivery(webhook_url=f"http://127.0.0.1:{server.port}/?key=k3y", webhook_secret=SECRET, timeout=2)
        with telling("sqlite://", definitions, settings) as desk:
            job(desk, "tell_customer")
            assert desk.deliver().failed == 1
            assert desk.outbox()[0].last_error == "this is no whole answer of a web server"


@pytest.mark.parametrize("proxy", ["http:/desk:hunter2@proxy", "http://desk:hunter2@proxy:port"])
def test_a_broken_proxy_fails_what_goes_by_it_and_is_not_shown(
    definitions: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    settings = Delivery(webhook_url="http://receiver.invalid/in", webhook_secret=SECRET, timeout=2)
    with telling("sqlite://", definitions, settings) as desk:
        job(desk, "tell_customer", "ring")
        report = desk.deliver()
        assert (report.sent, report.failed) == (1, 1)
        assert desk.outbox()[0].last_error == "the server's name, or the proxy's address, cannot be used"


@pytest.mark.parametrize(
    "answer", [204, b'{"errcode": 0, "errmsg": "ok"}', b'{"ok": true}', b"ok", b"[1]", b'{"code": "0"}']
)
def test_a_yes_has_many_forms(receiver: Receiver, definitions: Path, answer: int | bytes) -> None:
    receiver.answer = answer
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        job(desk, "tell_customer")
        assert desk.deliver().sent == 1


def test_a_provider_may_refuse_with_any_json() -> None:
    assert provider_fault(json.dumps({"code": {"deep": 1}}).encode()) is not None
    assert provider_fault(b"\xff") is None


def test_a_server_that_is_not_there_is_a_failure_without_the_address(definitions: Path) -> None:
    with Receiver() as gone:
        url = gone.url
    settings = Delivery(webhook_url=url, webhook_secret=SECRET, timeout=0.5)
    with telling("sqlite://", definitions, settings) as desk:
        job(desk, "tell_customer")
        assert desk.deliver().failed == 1
        error = desk.outbox()[0].last_error
    assert error is not None
    assert "refused" in error
    assert "token" not in error


def test_a_proxy_of_the_environment_is_gone_through(
    receiver: Receiver, definitions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.url)
    settings = Delivery(webhook_url="http://receiver.invalid/in", webhook_secret=SECRET, timeout=2)
    with telling("sqlite://", definitions, settings) as desk:
        job(desk, "tell_customer")
        assert desk.deliver().sent == 1
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        desk.delivery = hooked(receiver)
        job(desk, "tell_customer")
        assert desk.deliver().sent == 1, "what is on this machine needs none"
    assert receiver.posted[0].headers["host"] == "receiver.invalid"
