"""A file takes each message as one line, or the message waits."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.delivery.desks import PEOPLE, TELLING, job, telling
from tests.store.small import NOON, write
from workflow.core.model import Ticket
from workflow.delivery.failure import Failure
from workflow.delivery.file import File
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery

TICKET = Ticket(
    id=1, type="job", version=1, stage="intake", state="intake", opened_at=NOON, entered_at=NOON, updated_at=NOON
)


def told(key: str = "1-2") -> Notice:
    """Return a message."""
    return Notice(key, "customer", "notify", "because", NOON, TICKET, text="宽带\n断了")


def test_a_message_is_a_line_like_the_body_of_a_webhook(tmp_path: Path) -> None:
    path = tmp_path / "told.jsonl"
    definitions = write(
        tmp_path / "definitions",
        TELLING,
        desk=PEOPLE + f"outlets: {{book: {{kind: file, to: customer, path: {path}}}}}\n",
    )
    with telling("sqlite://", definitions, Delivery()) as desk:
        job(desk, "tell_customer", "tell_owner")
        report = desk.deliver()
        assert (report.sent, report.waiting, report.unrouted) == (1, 1, 1)
    (line,) = path.read_text("utf-8").splitlines()
    message = json.loads(line)
    assert (message["key"], message["to"], message["ticket"]["id"]) == ("1-3", "customer", 1)
    assert message["text"] == "There is news about your case.\n"
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_of_many_writers_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "told"
    path.write_text('{"key": "torn', "utf-8")
    writers = [threading.Thread(target=File(str(path)).send, args=(told(f"{n}-1"), NOON)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    torn, *lines = filter(None, path.read_text("utf-8").split("\n"))
    assert torn == '{"key": "torn'
    assert sorted(json.loads(line)["key"] for line in lines) == [f"{n}-1" for n in range(8)]


@pytest.mark.skipif(os.name == "nt", reason="files of POSIX")
def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "link", tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(Failure, match="no plain file") as caught:
            File(str(path)).send(told(), NOON)
        assert caught.value.unreachable
    assert not (tmp_path / "target").exists()
    with pytest.raises(Failure, match="No such file"):
        File(str(tmp_path / "missing" / "told")).send(told(), NOON)


def test_a_line_that_the_disk_cuts_short_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    path, file = tmp_path / "told", File(str(tmp_path / "told"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda to, line: whole(to, line[:10]))
        with pytest.raises(Failure, match="space"):
            file.send(told(), NOON)
    file.send(told(), NOON)
    assert json.loads(path.read_bytes().splitlines()[1])["key"] == "1-2"
