"""Bots speak to their groups as the providers document it, and know from the provider's own code what went wrong."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from tests.delivery.desks import PEOPLE, TELLING, job, telling
from tests.delivery.groups import KEY, SIGNING, Group, Says
from tests.delivery.servers import CERTIFICATE, Dripper
from tests.store.small import NOON, write
from workflow.core.model import Ticket
from workflow.definition.desk import DeskSpec
from workflow.delivery.bots import PROVIDERS, Bot, cut, own_code, plain, signature
from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Access, Delivery
from workflow.delivery.webhook import provider_fault

KINDS = ("wecom", "dingtalk", "feishu")
MINUTE = timedelta(minutes=1)
CALLED = {"wecom": "boss.w", "dingtalk": "boss-d", "feishu": "ou_b055"}
DESK = DeskSpec.model_validate({
    "desk": "d", "zone": "UTC", "teams": {"front": {"lead": "boss", "label": {"zh": "一线"}}},
    "members": {"boss": {"mention": CALLED}, "ann": {"label": {"zh": "安"}}},
})  # fmt: skip
TOLD = Notice(
    "1-2", "member:boss", "escalate", "raised", NOON, cast("Ticket", None), subject="Ticket 1", text="上报\n\n工单: 1\n"
)


def told(group: Group, notice: Notice = TOLD, *, secret: str | None = None, timeout: float = 2) -> None:
    """Send a message by the bot of a group."""
    Bot(group.kind, Access(group.url, secret), DESK, Delivery(lang="zh", timeout=timeout)).send(notice, NOON)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("secret", [None, SIGNING])
def test_a_member_is_called_in_the_group(kind: str, secret: str | None) -> None:
    with Group(kind, secret=secret, at=NOON.timestamp()) as group:
        told(group, secret=secret)
    assert group.called == [CALLED[kind]]
    assert group.texts[0].endswith("上报\n\n工单: 1")


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_a_wrong_signature_is_refused_by_the_provider(kind: str) -> None:
    with Group(kind, secret=SIGNING, at=NOON.timestamp()) as group:
        for secret in (None, "SECother"):
            with pytest.raises(Failure, match=r"310000|19021") as caught:
                told(group, secret=secret)
            assert caught.value.unreachable
            assert not caught.value.permanent
    assert group.texts == []


def test_the_signatures_are_those_of_the_documents() -> None:
    # computed with the programs that DingTalk and Feishu publish
    assert signature("dingtalk", "this is secret", NOON) == {
        "timestamp": "1772452800000", "sign": "7sgwnazbCnWnyOAPt5gAn+WaeOM71mqR/dUvJsQ1tbc=",
    }  # fmt: skip
    assert signature("feishu", "demo", NOON) == {
        "timestamp": "1772452800", "sign": "DyIXFJ/15gW10Kq0Fx2XUIZ7rtxWcE1vOL/haIfxvCs=",
    }  # fmt: skip
    assert signature("wecom", "demo", NOON) == signature("feishu", None, NOON) == {}


@pytest.mark.parametrize(("to", "head"), [("member:ann", "＠安"), ("team:front", "＠一线"), ("customer", "Ticket 1")])
def test_who_has_no_id_there_is_named(to: str, head: str) -> None:
    with Group("wecom") as group:
        told(group, replace(TOLD, to=to))
    assert group.texts == [f"{head}\n上报\n\n工单: 1"]
    assert group.called == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_was_typed_calls_anybody_or_formats_anything(kind: str) -> None:
    said = '<@all> @all @所有人 <at user_id="all">x</at>\u202e\x1b[31m'
    with Group(kind) as group:
        told(group, replace(TOLD, to="customer", text=said))
    (text,) = group.texts
    assert not set("@<>\u202e\x1b") & set(text)
    assert "＜＠all＞" in text
    assert group.called == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_cut_where_the_provider_would_refuse_it(kind: str) -> None:
    with Group(kind) as group:
        told(group, replace(TOLD, text="宽带断了" * 1500))
    (text,) = group.texts
    assert PROVIDERS[kind].room - 4 < len(text.encode()) <= PROVIDERS[kind].room
    assert text.endswith("…")


def test_a_cut_falls_between_characters() -> None:
    for room in range(3, 20):
        found = cut("a宽b带c断", room)
        assert len(found.encode()) <= room
        assert "a宽b带c断".startswith(found.removesuffix("…"))
    assert cut("a宽b带c断", 12) == "a宽b带c断"
    assert plain("👩\u200d🚒 李") == "👩\u200d🚒 李"
    assert plain(" \x1b[31ma\tb\r\n\n@c\u2066 ") == "[31ma b\n\n＠c"


FOR_GOOD: dict[str, Any] = {"permanent": True, "unreachable": False}
TOO_OFTEN = {"retry_after": MINUTE}


@pytest.mark.parametrize(
    ("kind", "says", "error", "more"),
    [
        ("wecom", Says(b'{"errcode": 93000, "errmsg": "invalid webhook url"}'), "errcode 93000: the address is wr", {}),
        ("wecom", Says(b'{"errcode": 45009, "errmsg": "api freq"}'), "errcode 45009: more than 20", TOO_OFTEN),
        ("wecom", Says(b'{"errcode": 45009}', 200, "300"), "errcode 45009: more than 20", {"retry_after": 5 * MINUTE}),
        ("wecom", Says(b'{"errcode": 44004, "errmsg": "empty content"}'), "errcode 44004: the message", FOR_GOOD),
        ("wecom", Says(b'{"errcode": 12345, "errmsg": "?"}'), "errcode 12345", {"unreachable": False}),
        ("feishu", Says(b'{"code": 12345, "msg": "?"}', 400), "code 12345: HTTP 400", {}),
        ("dingtalk", Says(b'{"errcode": 130101}'), "errcode 130101: more than 20", {"retry_after": 10 * MINUTE}),
        ("dingtalk", Says(b'{"errcode": 430102, "errmsg": "x"}'), "errcode 430102: the text", FOR_GOOD),
        ("feishu", Says(b'{"code": 11232, "msg": "frequency limited"}'), "code 11232: more than 100", TOO_OFTEN),
        ("feishu", Says(b'{"code": 9499, "msg": "Bad Request"}', 400), "code 9499: too many", TOO_OFTEN),
        ("feishu", Says(b'{"StatusCode": 19001}'), "code 19001: the address is wrong", {}),
        ("feishu", Says(b'{"code": 19024, "msg": "Key Words Not Found"}'), "code 19024: the keyword", {}),
        ("wecom", Says(b"<html>Log in</html>"), "this is no answer of wecom", {}),
        ("wecom", Says(b'{"errcode": true}'), "this is no answer of wecom", {}),
        ("wecom", Says(b'{"errcode": 0}', 500), "HTTP 500", {}),
        ("feishu", Says(b"", 302), "HTTP 302", {}),
        ("feishu", Says(b"", 429, "120"), "HTTP 429", {"retry_after": 2 * MINUTE}),
        ("feishu", Says(b"", 429, "Mon, 02 Mar 2026 12:30:00 GMT"), "HTTP 429", {"retry_after": 30 * MINUTE}),
        ("wecom", Says(status=0), "Remote end closed connection without response", {}),
        ("wecom", Says(status=-1), "Connection reset by peer", {}),
    ],
)  # fmt: skip
def test_a_refusal_is_known_by_its_code(kind: str, says: Says, error: str, more: dict[str, Any]) -> None:
    with Group(kind) as group:
        group.says = says
        with pytest.raises(Failure) as caught:
            told(group)
    assert error in str(caught.value)
    known = {"permanent": False, "unreachable": True, "retry_after": None} | more
    assert {name: getattr(caught.value, name) for name in known} == known
    assert group.asked == 1, "no redirect is followed"


def test_what_a_provider_says_of_the_key_is_not_repeated() -> None:
    with Group("dingtalk") as group:
        group.says = Says(f'{{"errcode": 777, "errmsg": "{group.url} {SIGNING}"}}'.encode())
        with pytest.raises(Failure) as caught:
            told(group, secret=SIGNING)
    assert str(caught.value) == "errcode 777"


def test_a_group_is_reached_by_a_certificate_that_holds_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with Group("wecom", tls=True) as group:
        with pytest.raises(Failure, match="CERTIFICATE_VERIFY_FAILED"):
            told(group)
        assert group.asked == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        told(group)
        assert group.asked == 1


def test_a_group_that_drips_its_answer_is_given_up_in_time() -> None:
    with Dripper(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n") as server:
        bot = Bot("feishu", Access(f"http://127.0.0.1:{server.port}/"), DESK, Delivery(timeout=0.2))
        with pytest.raises(Failure, match="no answer in time"):
            bot.send(TOLD, NOON)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\xff", b"null", b"[0]", b'{"code": {"deep": 1}}', b'{"code": null}', b'{"code": 1e999}', b'{"code": 0.5}'],
)
def test_whatever_is_no_code_is_none(answer: bytes) -> None:
    assert own_code(answer, "code") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_code_is_read_in_what_servers_in_china_write(encoding: str) -> None:
    assert own_code('{"errmsg": "发送成功", "errcode": 0}'.encode(encoding), "errcode") == 0
    assert provider_fault('{"errmsg": "失败", "errcode": 93000}'.encode(encoding)) == "errcode 93000"


def test_neither_books_nor_logs_know_the_key_of_a_bot(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    outlets = "outlets: {leads: {kind: dingtalk, to: lead}}\n"
    definitions = write(tmp_path / "definitions", TELLING, desk=PEOPLE + outlets)
    with Group("dingtalk", secret=SIGNING, at=NOON.timestamp()) as group:
        settings = Delivery(outlets={"leads": Access(group.url, SIGNING)}, timeout=2)
        with telling(f"sqlite:///{tmp_path / 'desk.db'}", definitions, settings) as desk:
            desk.escalate(job(desk), actor="ann")
            for says in (b'{"errcode": 310000, "errmsg": "keywords not in content"}', KEY.encode(), None):
                group.says = Says(says) if says else None
                desk.deliver()
                (row,) = desk.outbox()
                caplog.handler.stream.write(f"{row} {desk.delivery!r} {desk.desk!r}")
                desk.clock.move_to(row.next_try_at or desk.clock.now())  # type: ignore[attr-defined]
    assert row.state == "sent"
    assert group.texts[0].startswith("＠boss\nEscalated\n\nTicket: 1\n")
    for known in (caplog.text.encode(), *(file.read_bytes() for file in tmp_path.glob("desk.db*"))):
        assert known
        assert KEY.encode() not in known
        assert SIGNING.encode() not in known
