"""A way is tried by one text, through the senders of the relay: what became of it is said, and nothing is written."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.desks import PEOPLE, TELLING, job, telling
from tests.delivery.groups import KEY, SIGNING, Group, Says
from tests.delivery.servers import SECRET, MailHost, Receiver
from tests.store.small import NOON, write
from workflow.delivery.settings import Access, Delivery
from workflow.delivery.trial import Trial
from workflow.errors import NotFound, Unhealthy, UsageError

OUTLETS = """outlets:
  leads: {{kind: dingtalk, to: lead}}
  texts: {{kind: file, to: customer, path: {path}}}
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    outlets = OUTLETS.format(path=tmp_path / "texts.jsonl")
    called = PEOPLE.replace("boss: {", "boss: {mention: {dingtalk: boss-d}, ")
    return write(tmp_path / "definitions", TELLING, desk=called + outlets)


def bot(group: Group, secret: str | None = SIGNING) -> Delivery:
    return Delivery(outlets={"leads": Access(group.url, secret)}, timeout=2)


def test_a_text_is_sent_and_the_books_know_nothing_of_it(definitions: Path) -> None:
    with (
        Group("dingtalk", secret=SIGNING, at=NOON.timestamp()) as group,
        telling("sqlite://", definitions, bot(group)) as desk,
    ):
        assert desk.try_outlet("leads").sent
        desk.try_outlet("leads", to="boss", text="Can you <hear> me?").demand()
        assert desk.outbox() == ()
    first, second = group.texts
    assert first.startswith("Trial of the desk small_desk\nThis is a trial of leads")
    assert second == "@boss-d\nCan you ＜hear＞ me?"
    assert group.called == ["boss-d"]


@pytest.mark.parametrize(
    ("says", "told", "remedy", "more"),
    [
        (Says(b'{"errcode": 300001}'), "be tried again: errcode 300001: the token is", "outlet_leads_url", {}),
        (Says(b'{"errcode": 430102}'), "refuses this for good: errcode 430102", "--text", {"permanent": True}),
        (Says(b"", 503, "120"), "HTTP 503", "leave it alone for", {"retry_after": timedelta(minutes=2)}),
        (Says(b"<html>"), "this is no answer of dingtalk", "HTTPS_PROXY", {"code": None}),
    ],
)  # fmt: skip
def test_a_refusal_is_told_with_what_mends_it(
    definitions: Path, says: Says, told: str, remedy: str, more: dict[str, Any]
) -> None:
    with Group("dingtalk") as group, telling("sqlite://", definitions, bot(group)) as desk:
        group.says = says
        found = desk.try_outlet("leads")
        assert desk.health().ok
    assert {name: getattr(found, name) for name in more} == more
    with pytest.raises(Unhealthy) as caught:
        found.demand()
    assert told in caught.value.message
    assert remedy in caught.value.remedy
    assert KEY not in f"{found} {caught.value.as_dict()}"
    assert SIGNING not in f"{found} {caught.value.as_dict()}"


def test_a_file_mail_and_the_webhook_are_tried_alike(definitions: Path, receiver: Receiver, tmp_path: Path) -> None:
    with MailHost() as host:
        settings = Delivery(webhook_url=receiver.url, webhook_secret=SECRET, smtp_url=host.url(), timeout=2, lang="zh")
        with telling("sqlite://", definitions, settings) as desk:
            assert desk.try_outlet("texts", to="customer").sent
            assert desk.try_outlet("webhook").sent
            host.unknown = {"bob@example.org"}
            assert desk.try_outlet("mail", to="ann").sent
            partly, none = desk.try_outlet("mail", to="front"), desk.try_outlet("mail", to="bob")
    (line,) = (tmp_path / "texts.jsonl").read_text("utf-8").splitlines()
    assert (json.loads(line)["to"], json.loads(line)["kind"]) == ("customer", "trial")
    (posted,) = receiver.posted
    assert posted.is_genuine
    assert (posted.message["kind"], posted.message["to"], posted.message["ticket"]["id"]) == ("trial", "trial", 0)
    assert host.mails[0].mail["Subject"] == "服务台 small_desk 试发"
    assert (partly.sent, partly.error) == (True, "1 of 2 refused: SMTP 550: no such mailbox")
    assert (none.sent, none.permanent, none.error) == (False, True, "SMTP 550: no such mailbox")


def test_what_cannot_be_tried_is_said(definitions: Path, receiver: Receiver, tmp_path: Path) -> None:
    settings = Delivery(webhook_url=receiver.url, webhook_secret=SECRET, smtp_url="smtp://127.0.0.1:9?from=d@e.org")
    with telling("sqlite://", definitions, settings) as desk:
        with pytest.raises(Unhealthy, match="outlet_leads_url is not set"):
            desk.try_outlet("leads")
        with pytest.raises(NotFound, match="no outlet host"):
            desk.try_outlet("host")
        with pytest.raises(NotFound, match="no team nobody"):
            desk.try_outlet("webhook", to="nobody")
        with pytest.raises(UsageError, match="boss is told by leads, not by webhook"):
            desk.try_outlet("webhook", to="boss")
        with pytest.raises(UsageError, match="goes to somebody"):
            desk.try_outlet("mail")
        (tmp_path / "texts.jsonl").mkdir()
        found = desk.try_outlet("texts")
        assert (found.sent, found.permanent) == (False, False)
        with pytest.raises(Unhealthy, match="no plain file"):
            found.demand()
    assert receiver.posted == []


def test_it_is_known_what_is_set_here_and_never_what(definitions: Path) -> None:
    settings = Delivery(outlets={"leads": Access("https://x/?key=hunter2")}, smtp_url="smtp://u:hunter2@m?from=a@b")
    with telling("sqlite://", definitions, settings) as desk:
        found = {state.name: (dict(state.settings), state.ready) for state in desk.outlets()}
        job(desk)
        assert "hunter2" not in f"{desk.outlets()}"
    assert found == {
        "leads": ({"outlet_leads_url": True, "outlet_leads_secret": False}, True),
        "texts": ({}, True),
        "mail": ({"smtp_url": True}, True),
        "webhook": ({"webhook_url": False, "webhook_secret": False}, False),
    }


def test_a_trial_that_was_sent_demands_nothing() -> None:
    Trial("leads", "wecom", "trial", sent=True).demand()
