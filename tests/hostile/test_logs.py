"""No secret and nothing personal reaches a log, at whatever level, or an error about the database."""

from __future__ import annotations

import json
import logging
import time
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from tests.cli.conftest import Terminal
from tests.delivery.desks import folder
from tests.delivery.servers import MailHost, Receiver
from workflow.cli.app import cli
from workflow.clock import VirtualClock
from workflow.definition.shipped import shipped_folder
from workflow.delivery.settings import Delivery
from workflow.desk.desk import Desk
from workflow.errors import TicketflowError
from workflow.scheduler import Scheduler
from workflow.store.engine import Store
from workflow.testing import MONDAY_MORNING

SECRET, PASSWORD = "whsec_c2VjcmV0IG9mIHR3bw==", "hunter2"
PERSONAL = ("欧阳晓", "13812345678", "1381234", "li@example.com", "broken since Sunday", "a private remark", "310101")
CUSTOMER = {"name": "欧阳晓", "phone": "13812345678", "email": "li@example.com", "company": "欧阳晓记"}


class Everything(logging.Handler):
    """Keeps what is logged, as a careless host would write it down: the whole record, with its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(f"{record.name} {record.getMessage()} {record.args} {trace}")

    def demand_none_of(self, *words: str) -> None:
        assert len(self.lines) > 20, "nothing was listened to"
        told = "\n".join(self.lines)
        assert [(word, told[max(told.find(word) - 200, 0) :][:300]) for word in words if word in told] == []


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Everything:
    """Have every logger tell everything, before any engine is made."""
    root, found = logging.getLogger(), Everything()
    monkeypatch.setattr(root, "handlers", [found])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    for logger in [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]:
        if logger.name.partition(".")[0] in ("workflow", "sqlalchemy", "alembic", "apscheduler", "urllib3", "psycopg"):
            monkeypatch.setattr(logger, "level", logging.NOTSET)
    monkeypatch.setattr(logging.getLogger("sqlalchemy"), "level", logging.DEBUG)  # which sets itself to WARNING
    root.manager._clear_cache()  # type: ignore[attr-defined]
    return found


def live(desk: Desk) -> int:
    """Do with a ticket what people do, the refused included."""
    fields = {"statement": "broken since Sunday, call 13812345678"}
    ticket = desk.open("complaint", actor="agent_01", fields=fields, customer=CUSTOMER, note="a private remark")
    for tried in (
        lambda: desk.advance(ticket.id, "accept", actor="agent_01", note="a private remark"),
        lambda: desk.advance(ticket.id, "passed", actor="agent_01"),
        lambda: desk.set_fields(ticket.id, {"fees": "13812345678 x"}, actor="agent_01"),
        lambda: desk.open("complaint", actor="agent_01", fields={"statement": 7}, customer={"email": "欧阳晓"}),
        lambda: desk.verify(ticket.id, {"phone_last4": "5678"}, actor="agent_01"),
        lambda: desk.verify(ticket.id, {"id_last6": "310101"}, actor="agent_01"),
        lambda: desk.escalate(ticket.id, actor="agent_01", reason="a private remark"),
        lambda: desk.find("13812345678"),
        lambda: desk.note(ticket.id, "a private remark", actor="agent_01"),
    ):
        try:
            tried()
        except TicketflowError as refused:
            logging.getLogger("a.host").warning("%s %s", refused.code, refused.ticket)
    return ticket.id


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)])
def test_a_desk_and_its_host_log_nothing_personal(
    kind: str, logged: Everything, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url: str = request.getfixturevalue(f"{kind.removesuffix('ql')}_url")
    clock = VirtualClock(MONDAY_MORNING)
    with Desk.connect(url, definitions=shipped_folder(), clock=clock) as desk:
        live(desk)
        # what a host's own engine logs is the host's affair, and docs/security.md says how it keeps rows out
        monkeypatch.setattr(logging.getLogger("sqlalchemy.engine.Engine.shop"), "level", logging.INFO)
        dsn = url.replace("postgresql:", "postgresql+psycopg:")
        host = create_engine(dsn, hide_parameters=True, logging_name="shop")
        with host.begin() as connection:
            desk.within(connection).open("inquiry", actor="agent_01", fields={"statement": "broken since Sunday"})
        host.dispose()
        clock.advance(timedelta(days=9))
        assert desk.run_timeouts().fired > 1
        desk.redact(1, fields=["statement"], customer=["phone"], actor="supervisor_01", reason="a private remark")
    logged.demand_none_of(*PERSONAL)


def test_a_scheduler_that_sends_logs_no_secret(logged: Everything, tmp_path: Path) -> None:
    def fail(_notice: object) -> None:
        raise RuntimeError("the host's own fault")

    with MailHost(login=("desk", "right")) as mail, Receiver() as receiver:
        ways = Delivery(
            webhook_url=f"{receiver.url}?key=bot-key-1", webhook_secret=SECRET, timeout=2,
            smtp_url=mail.url(login=f"desk:{PASSWORD}@"),
        )  # fmt: skip
        actions = {"bell": fail, "whistle": fail}
        url = f"sqlite:///{(tmp_path / 't.db').as_posix()}"
        with Desk.connect(url, definitions=folder(tmp_path / "d"), delivery=ways, actions=actions) as desk:
            ticket = desk.open("job", actor="ann", fields={"statement": "broken since Sunday"})
            for trigger in ("tell_team", "tell_customer", "ring"):
                desk.advance(ticket.id, trigger, actor="ann")
            scheduler = Scheduler(desk, every=0.05)
            scheduler.start()
            ends = time.monotonic() + 30
            while {row.attempts for row in desk.outbox()} != {1} and time.monotonic() < ends:
                time.sleep(0.05)
            scheduler.stop()
            rows = desk.outbox()
            assert {row.state for row in rows} == {"sent", "waiting"}, rows
            report = repr((ways, desk, rows, desk.health()))
    logged.demand_none_of(*PERSONAL, SECRET, "c2VjcmV0", "bot-key-1", PASSWORD, "right")
    assert not any(secret in report for secret in (SECRET, "bot-key-1", PASSWORD, "broken since"))


@pytest.mark.prove
def test_a_whole_demo_logs_nothing_personal(logged: Everything, empty: Terminal) -> None:
    env: dict[str, Any] = {
        "TICKETFLOW_WEBHOOK_SECRET": SECRET,
        "TICKETFLOW_SMTP_URL": f"smtp://desk:{PASSWORD}@127.0.0.1:9?from=a@b",
    }
    shown = empty("demo", **env)
    told = ("张先生", "13800000001", "13800000006", "刘先生", "data room", "三百兆", "on my way", SECRET, PASSWORD)
    logged.demand_none_of(*told)
    assert not any(secret in shown + empty.err for secret in (SECRET, PASSWORD, "13800000001"))


URLS = (
    "//desk:{}@127.0.0.1:9/desk", "//desk:{}@127.0.0.1:nine/desk", "//desk:a/{}@127.0.0.1:9/desk",
    "//desk:{}@[::1/desk",
    "//desk:a@{}@127.0.0.1:9/desk", "//desk:a:{}@127.0.0.1:9/desk", "//desk:a#{}@127.0.0.1:9/desk", "desk:{}@h",
    "//desk:a?{}@127.0.0.1:9/desk", "//127.0.0.1:9/desk?user=desk&password={}",
    "//desk:{}@127.0.0.1:9/desk?sslmode=none",
    "//desk:{}@127.0.0.1:9/desk?bad=1", "//127.0.0.1:9/desk?options=-cpassword={}", "//desk:a {}@ h:9/desk",
)  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_no_error_shows_the_password_of_the_database(logged: Everything, empty: Terminal, url: str) -> None:
    database = "postgresql:" + url.replace("{}", PASSWORD)
    (empty.folder / "ticketflow.toml").write_text(f"database = {json.dumps(database)}\n")
    for words in (("list",), ("db", "copy", database, database, "--json")):
        found = CliRunner(env=empty.env).invoke(cli, list(words))
        assert found.exit_code not in (0, 1), found.output
        assert PASSWORD not in found.stdout + found.stderr, words
    with suppress(TicketflowError):
        assert PASSWORD not in Store(database).url
    with pytest.raises(TicketflowError) as failed:
        Desk.connect(database, definitions=shipped_folder())
    assert PASSWORD not in f"{failed.value} {failed.value.as_dict()}"
    assert PASSWORD not in "\n".join(logged.lines)
