"""Killed at each named point, again and again, and finished by the next run, a desk has lived as one never killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.scene import Kill, shape, shape_of
from tests.crash.victim import connected, work
from tests.store.small import HOURS, JOB, NOON, VISIT, Books, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
AT = {
    "run.claimed": "run", "run.decided": "run", "run.written": "run", "unit.locked": "advance",
    "unit.decided": "advance", "unit.written": "advance", "intake.batch": "intake", "apply.written": "rearm",
    "revise.chunk": "rearm", "relay.claimed": "deliver", "relay.sending": "deliver", "relay.sent": "deliver",
    "relay.marked": "deliver",
}  # fmt: skip
ONCE = ("unit.locked", "unit.decided", "unit.written", "apply.written")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions", JOB, VISIT, desk=HOURS)


def prepare(url: str, folder: Path) -> None:
    with connected(url, folder, NOON) as desk:
        for number in range(3):
            desk.open("job", actor="ann", fields={"statement": f"old {number}"})
        for number in range(3):
            desk.open("visit", actor="ann", fields={"statement": f"visit {number}"})
            desk.advance(4 + number, "ring", actor="ann")


def never_killed(scratch: Path, *names: str) -> dict[str, list[str]]:
    """Return what these pieces of work leave when nothing disturbs them."""
    scratch.mkdir()
    url, folder = f"sqlite:///{scratch / 't.db'}", write(scratch / "definitions", JOB, VISIT, desk=HOURS)
    prepare(url, folder)
    for name in names:
        work(url, folder, name)
    return shape_of(url)


@pytest.mark.parametrize("point", [point for point in AT if not point.startswith("relay.")])
def test_what_was_killed_and_finished_is_as_if_it_had_never_been_killed(
    kill_at: Kill, url: str, folder: Path, books: Books, tmp_path: Path, point: str
) -> None:
    prepare(url, folder)
    before = books.of("tickets")
    assert kill_at(AT[point], f"{point}:1") == "killed"
    assert books.of("tickets") == before
    if point not in ONCE:
        assert kill_at(AT[point], f"{point}:2") == "killed"
        half = books.of("tickets")
        assert half != before
        books.assert_balanced()
        assert kill_at(AT[point], f"{point}:1") == "killed"
        assert books.of("tickets") == half
    if point != "revise.chunk":  # that is finished by the run that comes next
        assert kill_at(AT[point], f"{point}:9") == "done"
    assert kill_at("run", f"{point}:9") == "done"
    books.assert_balanced()
    assert shape(books) == never_killed(tmp_path / "never", AT[point], "run")


def test_a_relay_that_is_killed_tells_each_message_and_at_most_one_of_them_again(
    kill_at: Kill, url: str, folder: Path, books: Books
) -> None:
    prepare(url, folder)
    told = folder.with_name("told")
    keys = [f"{row['ticket_id']}-{row['seq']}" for row in books.of("outbox")]
    assert len(keys) == 3
    assert kill_at("deliver", "relay.claimed:1") == "killed"
    assert [row["state"] for row in books.of("outbox")] == ["sending"] * 3
    assert kill_at("deliver", "relay.sending:1") == "killed"
    assert not told.exists()
    assert kill_at("deliver", "relay.sent:2") == "killed"
    assert [row["state"] for row in books.of("outbox")] == ["sent", "sending", "sending"]
    assert kill_at("deliver", "relay.marked:1") == "killed"
    assert sorted(row["state"] for row in books.of("outbox")) == ["sending", "sent", "sent"]
    assert kill_at("deliver", "relay.sent:9") == "done"
    assert [row["state"] for row in books.of("outbox")] == ["sent"] * 3
    assert Counter(told.read_text().split()) == {keys[0]: 1, keys[1]: 2, keys[2]: 1}
    books.assert_balanced()


@pytest.mark.parametrize(
    ("armed", "code", "said"),
    [(None, 0, "alive"), ("run.claimed:2", -signal.SIGKILL, ""), ("run.claimed:3", 0, "alive"),
     ("run.written", 0, "alive"), ("run.clamed", 1, "")],
)  # fmt: skip
def test_a_point_is_armed_by_the_environment(armed: str | None, code: int, said: str) -> None:
    program = "from workflow.store.crash import point; point('run.claimed'); point('run.claimed'); print('alive')"
    environment = os.environ | ({"TICKETFLOW_CRASH_AT": armed} if armed else {})
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (code, said)
