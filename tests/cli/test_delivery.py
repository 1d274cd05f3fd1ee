"""Sending messages, seeing them, bringing them back; and the scheduler, which does it all."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.delivery.groups import KEY, Group, Says
from tests.delivery.servers import SECRET, Receiver
from tests.store.small import write

LATER: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-02T09:11:00+08:00"}
SOON: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-02T09:01:00+08:00"}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Give a server that takes webhooks, and set it for every command."""
    with Receiver() as found:
        monkeypatch.setenv("TICKETFLOW_WEBHOOK_URL", found.url)
        monkeypatch.setenv("TICKETFLOW_WEBHOOK_SECRET", SECRET)
        yield found


def test_the_outbox_says_what_must_be_told_to_whom(terminal: Terminal) -> None:
    assert terminal("outbox", "list") == ""
    assert terminal.err == "No messages.\n"
    terminal("escalate", terminal.ticket())
    terminal("timeouts", "run", **LATER)
    terminal("escalate", terminal.ticket(**LATER), **LATER)
    first, second, *_ = terminal.objects("outbox", "list", **LATER)
    assert set(first) == {
        "id", "key", "ticket_id", "to", "kind", "reason", "state", "created_at", "attempts", "next_try_at", "sent_at",
        "last_error", "data",
    }  # fmt: skip
    assert terminal.objects("outbox", "list", "--after", first["id"], "--limit", 1, **LATER) == [second]
    assert terminal.objects("outbox", "list", "--limit", "1", **LATER) == [first]
    assert terminal.objects("outbox", "list", "--state", "sent", **LATER) == []
    header, *rows = [line.split("\t") for line in terminal("outbox", "list", "--lang", "zh", **LATER).splitlines()]
    assert header == ["编号", "工单", "时间", "收件人", "事项", "原因", "发送情况"]
    assert rows[0][3:] == ["member:lead_day", "上报", "raised", "待发送"]


def test_messages_are_sent(terminal: Terminal, receiver: Receiver) -> None:
    terminal("escalate", terminal.ticket())
    assert terminal("deliver") == "1 sent, 0 failed, 0 given up, 0 suppressed, 0 waiting.\n"
    assert receiver.posted[0].is_genuine
    found = terminal.one("deliver", "--limit", "5")
    assert set(found) == {
        "sent", "failed", "given_up", "suppressed", "waiting", "held", "unrouted", "unset_outlets", "seconds",
    }  # fmt: skip
    assert terminal.one("outbox", "list")["sent_at"] == "2026-03-02T09:00:00+08:00"


def test_without_a_way_they_wait_and_the_command_says_why(terminal: Terminal) -> None:
    terminal("escalate", terminal.ticket())
    assert terminal("deliver", "--lang", "zh") == "已发送 0，失败 0，放弃 0，不再发送 0，待发送 1。\n"
    assert "webhook_url" in terminal.err


def test_what_failed_is_shown_and_brought_back(terminal: Terminal, receiver: Receiver) -> None:
    receiver.answer = 500
    terminal("escalate", terminal.ticket())
    assert terminal.one("deliver")["failed"] == 1
    row = terminal.one("outbox", "list", "--state", "waiting")
    assert (row["attempts"], row["last_error"]) == (1, "HTTP 500")
    assert "waiting: HTTP 500" in terminal("outbox", "list")
    receiver.answer = 200
    assert terminal.one("deliver")["sent"] == 0
    assert terminal.error("outbox", "retry", row["id"], code=5)["code"] == "forbidden"
    lead: dict[str, Any] = {"TICKETFLOW_ACTOR": "lead_day"}
    assert terminal("outbox", "retry", row["id"], **lead) == "1 messages are due again.\n"
    assert terminal.one("outbox", "retry", "--all", **lead) == {"retried": 0}
    assert terminal.one("deliver")["sent"] == 1
    assert terminal.error("outbox", "retry", row["id"], code=5, **lead)["code"] == "refused"
    assert terminal.error("outbox", "retry", 99, code=4, **lead)["code"] == "not_found"
    for words in ([], ["--all", "1"]):
        assert terminal.error("outbox", "retry", *words, code=2, **lead)["code"] == "usage"


def test_settings_stand_in_the_file_and_are_never_repeated(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TICKETFLOW_WEBHOOK_URL", raising=False)
    settings = terminal.folder / "ticketflow.toml"
    terminal("escalate", terminal.ticket())
    with Receiver() as receiver:
        settings.write_text(f'webhook_url = "{receiver.url}"\nwebhook_secret = "{SECRET}"\n', "utf-8-sig")
        assert terminal.one("deliver")["sent"] == 1
        settings.write_text(f'webhook_url = "{receiver.url}"\n')
        assert "secret" in terminal.error("deliver", code=2)["message"]
    settings.write_text('smtp_url = "smtp://desk:hunter2@mail"\n')
    terminal("deliver", code=2)
    assert "hunter2" not in terminal.err
    assert terminal.one("outbox", "list")["state"] == "sent", "whoever sends nothing needs no such settings"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_scheduler_fires_tells_and_ends_when_told(empty: Terminal, receiver: Receiver) -> None:
    del empty.env["TICKETFLOW_NOW"]
    empty.env |= {"TICKETFLOW_DEFINITIONS": str(write(empty.folder / "small")), "TICKETFLOW_ACTOR": "ann"}
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    empty("open", "job", "--field", "statement=x", "--at", past)
    with empty.spawn("scheduler", "--every", "0.05", "--json") as process:
        try:
            deadline = time.monotonic() + 30
            while not receiver.posted:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    run, delivery = [json.loads(line) for line in out.splitlines()][:2]
    assert run["fired"] >= 1
    assert delivery["sent"] >= 1
    log = [re.sub(r"^\S+ INFO ", "", line) for line in err.decode().splitlines()]
    assert log[0].startswith("scheduler started")
    assert log[-1] == "scheduler stopped"


def test_the_scheduler_wants_a_clock_that_goes(terminal: Terminal) -> None:
    assert "--now" in terminal.error("scheduler", code=2)["message"]


def test_a_bot_that_was_taken_out_of_its_group_is_seen_and_mended(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal("init", ".")
    desk = terminal.folder / "definitions" / "desk.yaml"
    text = desk.read_text("utf-8").replace("{tries: 36,", "{tries: 2,")
    desk.write_text(f"{text}\noutlets:\n  leads: {{kind: wecom, to: lead}}\n", "utf-8")
    terminal("apply", "--actor", "admin_01")
    terminal("escalate", terminal.ticket())
    found = terminal.one("deliver")
    assert (found["waiting"], found["unrouted"], found["unset_outlets"]) == (1, 1, ["leads"])
    terminal("deliver")
    assert "The outlet leads has no address here: outlet_leads_url is not set" in terminal.err
    with Group("wecom") as group:
        settings = f'[outlets.leads]\nurl = "{group.url.replace(KEY, "of-another-group")}"\n'
        (terminal.folder / "ticketflow.toml").write_text(settings, "utf-8")
        assert terminal.one("deliver")["failed"] == 1
        refused = "errcode 93000: the address is wrong, or the bot is no longer in its group"
        assert f"waiting: {refused}" in terminal("outbox", "list")
        assert "待发送: errcode 93000: 地址不对，或机器人已不在群里" in terminal("outbox", "list", "--lang", "zh")
        assert terminal.one("deliver", **SOON)["given_up"] == 1
        shown = terminal("outbox", "list", "--state", "failed", **SOON) + terminal("health", code=9, **SOON)
        assert f"given up, tries: 2: {refused}\n" in shown
        assert f"messages given up: 1; the first is of ticket 1: {refused}" in shown
        assert "of-another-group" not in shown + str(terminal.objects("outbox", "list", **SOON))
        monkeypatch.setenv("TICKETFLOW_OUTLET_LEADS_URL", group.url)
        terminal("outbox", "retry", "--all", **SOON, TICKETFLOW_ACTOR="lead_day")
        assert terminal.one("deliver", **SOON)["sent"] == 1
        assert group.texts[0].startswith("＠Day lead\nEscalated\n\nTicket: 1\nType: Complaint\n")


def test_an_outlet_is_tried_before_going_live(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal("init", ".")
    desk = terminal.folder / "definitions" / "desk.yaml"
    desk.write_text(f"{desk.read_text('utf-8')}\noutlets:\n  leads: {{kind: wecom, to: lead}}\n", "utf-8")
    terminal("apply", "--actor", "admin_01")
    assert terminal.error("outlets", "try", "leads", code=9)["message"].startswith("the outlet leads has no address")
    with Group("wecom") as group:
        monkeypatch.setenv("TICKETFLOW_OUTLET_LEADS_URL", group.url)
        monkeypatch.setenv("TICKETFLOW_OUTLET_LEAD_URL", group.url)
        assert terminal("outlets", "list").splitlines() == [
            "outlet\tkind\tfor whom\tsettings",
            "leads\twecom\tlead\toutlet_leads_url: is set",
            "mail\tmail\tmembers with an email\tsmtp_url: not set",
            "webhook\twebhook\teverybody else\twebhook_url: not set, webhook_secret: not set",
        ]
        assert terminal.err == "outlet_lead_url is set, and desk.yaml has no outlet lead.\n"
        assert terminal("outlets", "try", "leads", "--to", "lead_day", "--text", "hello") == "Sent by leads.\n"
        assert group.texts == ["＠Day lead\nhello"]
        group.says = Says(b'{"errcode": 93000}')
        (found,) = terminal.objects("outlets", "try", "leads", code=9)
        assert (found["sent"], found["code"], found["permanent"]) == (False, "errcode 93000", False)
        assert json.loads(terminal.err.splitlines()[-1])["error"]["code"] == "unhealthy"
        terminal("outlets", "try", "leads", "--lang", "zh", code=9)
        assert "leads 没有接受，消息会重试：errcode 93000: 地址不对，或机器人已不在群里" in terminal.err
        assert KEY not in terminal.err + str(found) + terminal("outlets", "list", "--json")
    assert terminal.objects("outbox", "list") == []


def test_health_names_an_outlet_that_is_not_set_where_messages_wait(terminal: Terminal) -> None:
    terminal("init", ".")
    desk = terminal.folder / "definitions" / "desk.yaml"
    desk.write_text(f"{desk.read_text('utf-8')}\noutlets:\n  leads: {{kind: feishu, to: lead}}\n", "utf-8")
    terminal("apply", "--actor", "admin_01")
    terminal("escalate", terminal.ticket())
    assert terminal.one("health")["unset_outlets"] == ["leads"]
    found = terminal.objects("health", "--max-undelivered", "30s", code=9, **SOON)[0]
    assert [finding["check"] for finding in found["findings"]] == ["undelivered", "unset_outlet"]
