"""What is killed within one transaction has not begun, what is killed between two goes on from there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.crash.scene import Kill, kills, shape, shape_of
from tests.crash.test_points import AT
from tests.crash.victim import JOINING, MASTER, connected, work
from tests.docs.citations import ROOT
from tests.store.dumps import load
from tests.store.small import HOURS, NOON, VISIT, Books, timed, write
from workflow.desk import auditing, seals
from workflow.errors import StoreError
from workflow.store import crash, schema
from workflow.store.engine import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
IN_ONE_TRANSACTION = {
    "opening.decided": "open", "opening.written": "join", "unit.remembered": "advance", "migrate.chunk": "migrate",
    "retry.written": "retry", "rebuild.written": "rebuild", "figures.counted": "count", "redact.told": "redact",
    "redact.written": "redact",
}  # fmt: skip
WINDOWS = IN_ONE_TRANSACTION | {
    "unit.committed": "advance", "run.closing": "run", "resume.fired": "resume", "figures.forgotten": "recount",
    "schema.made": "connect", "schema.upgraded": "upgrade", "copy.slice": "copy", "copy.proved": "restore",
    "copy.finished": "restore", "backup.proved": "backup", "seal.written": "seal",
}  # fmt: skip
CALENDARS = HOURS[HOURS.index("calendars:") : HOURS.index("channels:")]
STUCK = timed("stuck: {after: 10m, dest: archive, conditions: '10 / count > 1'}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    desk = MASTER.replace("channels:", f"{CALENDARS}channels:")
    return write(tmp_path / "definitions", JOINING, VISIT, STUCK, desk=desk)


def prepare(url: str, folder: Path) -> None:
    with connected(url, folder, NOON) as desk:
        desk.open("job", actor="ann", fields={"statement": "old"}, customer={"phone": "138"})
        for number in range(2):
            desk.open("job", actor="ann", fields={"statement": f"older {number}"})
        desk.open("timed", actor="ann", fields={"count": 0})


@pytest.fixture
def lived(url: str, folder: Path, books: Books) -> Books:
    """Give the books of a desk with an incident, a timer that is gone, and a type of two versions."""
    prepare(url, folder)
    with connected(url, folder) as desk:
        desk.run_timeouts()
        desk.set_fields(4, {"count": 5}, actor="ann")
        write(folder, JOINING.replace("version: 1", "version: 2"), desk=(folder / "desk.yaml").read_text())
        desk.apply(folder, actor="boss")
        desk.deliver()
    with books.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ticketflow_timers SET position = 7 WHERE ticket_id = 3")
        connection.exec_driver_sql("DELETE FROM ticketflow_timers WHERE ticket_id = 2")
    return books


def test_of_what_is_killed_within_its_transaction_nothing_is_there_and_done_again_all_of_it(
    kill_at: Kill, lived: Books, subtests: pytest.Subtests
) -> None:
    for point, name in IN_ONE_TRANSACTION.items():
        with subtests.test(point):
            before = lived.rows()
            assert kill_at(name, f"{point}:1") == "killed"
            assert lived.rows() == before
    for name in dict.fromkeys(IN_ONE_TRANSACTION.values()):
        before = lived.rows()
        assert kill_at(name, "unit.locked:99") == "done"
        assert lived.rows() != before
    lived.assert_balanced()


def test_repeats_killed_on_their_way_in_are_each_joined_once(
    kill_at: Kill, url: str, folder: Path, books: Books, tmp_path: Path
) -> None:
    prepare(url, folder)
    for point in ("opening.decided:1", "opening.written:2", "opening.decided:2", "intake.batch:2"):
        assert kill_at("join", point) == "killed"
        books.assert_balanced()
    assert kill_at("join", "intake.batch:9") == "done"
    twin = f"sqlite:///{tmp_path / 'twin.db'}"
    prepare(twin, folder)
    work(twin, folder, "join")
    assert shape(books) == shape_of(twin)
    assert sum(row["kind"] == "joined" or row["trigger"] == "nudge" for row in books.of("history")) >= 4


def test_what_was_committed_and_not_answered_is_found_by_its_key(kill_at: Kill, lived: Books) -> None:
    before = lived.rows()
    assert kill_at("advance", "unit.committed:2") == "killed"
    after = lived.rows()
    assert after != before
    assert kill_at("advance", "unit.committed:9") == "done"
    assert lived.rows() == after


def test_a_run_that_dies_before_it_is_noted_has_fired_what_it_fired(
    kill_at: Kill, url: str, folder: Path, books: Books, tmp_path: Path
) -> None:
    prepare(url, folder)
    assert kill_at("run", "run.closing:1") == "killed"
    assert (sum(row["kind"] == "fired" for row in books.of("history")), books.count("runs")) == (1, 0)
    assert kill_at("run", "run.closing:9") == "done"
    books.assert_balanced()
    twin = f"sqlite:///{tmp_path / 'twin.db'}"
    prepare(twin, folder)
    work(twin, folder, "run")
    assert shape(books) == shape_of(twin)


def test_a_recount_that_is_cut_off_leaves_figures_that_are_right(
    kill_at: Kill, url: str, folder: Path, lived: Books
) -> None:
    with connected(url, folder) as desk:
        before = desk.stats(by="agent")
    assert kill_at("recount", "figures.forgotten:1") == "killed"
    assert lived.count("figures") == 0
    with connected(url, folder) as desk:
        assert desk.stats(by="agent") == before
        assert desk.check_figures() == ()


def test_a_host_that_dies_takes_with_it_what_the_desk_did_in_its_transaction(
    kill_at: Kill, url: str, folder: Path, books: Books
) -> None:
    prepare(url, folder)

    def found() -> tuple[int, int]:
        with books.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM orders").scalar_one(), books.count("tickets")

    with books.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
    assert {found() for _ in kills(kill_at, "host", step=6)} == {(0, 4)}
    assert found() == (1, 5)
    books.assert_balanced()


def test_tables_are_made_and_upgraded_wholly_or_not_at_all(kill_at: Kill, url: str) -> None:
    store, oldest = Store(url), schema.revisions()[0]
    assert kill_at("connect", "schema.made:1") == "killed"
    assert revision(store) is None
    load(store, oldest)
    assert kill_at("upgrade", "schema.upgraded:1") == "killed"
    assert revision(store) == oldest
    assert kill_at("upgrade", "schema.upgraded:9") == "done"
    assert revision(store) == schema.HEAD
    store.close()


def revision(store: Store) -> str | None:
    with store.read() as connection:
        return schema.current(connection)


@pytest.fixture
def target(folder: Path) -> str:
    """Give the URL of where a copy goes."""
    return f"sqlite:///{folder.with_name('target.db')}"


@pytest.mark.parametrize("point", ["copy.slice:7", "copy.proved:1"])
def test_a_copy_that_is_cut_off_is_no_desk_until_it_has_gone_on(
    kill_at: Kill, lived: Books, folder: Path, target: str, point: str
) -> None:
    assert kill_at("copy", point) == "killed"
    with pytest.raises(StoreError, match="cut off"), connected(target, folder):
        pass
    assert kill_at("copy", "copy.slice:999") == "done"
    there = Books(target)
    assert shape(there) == shape(lived)
    there.close()


def test_a_desk_that_came_back_waits_to_be_told_whenever_the_restore_or_the_telling_died(
    kill_at: Kill, lived: Books, folder: Path, killed: object, target: str
) -> None:
    assert kill_at("restore", "copy.proved:1") == "killed"
    assert kill_at("restore", "copy.finished:1") == "killed"
    with connected(target, folder) as desk:
        assert [finding.check for finding in desk.health().findings].count("restored") == 1
    assert killed(target, folder, "resume", "resume.fired:1") == "killed"  # type: ignore[operator]
    with connected(target, folder) as desk:
        assert [finding.check for finding in desk.health().findings].count("restored") == 1
        told = len(desk.outbox(limit=100))
    assert killed(target, folder, "resume", "resume.fired:9") == "done"  # type: ignore[operator]
    with connected(target, folder) as desk:
        assert "restored" not in [finding.check for finding in desk.health().findings]
        assert len(desk.outbox(limit=100)) == told
    assert lived.count("tickets") == 4


def test_a_backup_or_a_seal_that_dies_has_not_its_name(kill_at: Kill, url: str, lived: Books, folder: Path) -> None:
    backup, sealed = folder.with_name("backup.db"), folder.with_name("seals")
    for name, point, path in (
        ("backup", "backup.proved", backup), ("seal", "seal.written", sealed / "seal-000001.json"),
    ):  # fmt: skip
        assert kill_at(name, f"{point}:1") == "killed"
        assert not path.exists()
        assert kill_at(name, f"{point}:9") == "done"
        assert path.exists()
    there, store = Books(f"sqlite:///{backup}"), Store(url)
    assert shape(there) == shape(lived)
    there.close()
    assert auditing.verify(store, sealed=seals.read([sealed])).faults == ()
    store.close()


def test_every_point_is_killed_at_and_every_name_is_a_point() -> None:
    passed = {
        name
        for path in (ROOT / "workflow").rglob("*.py")
        for name in re.findall(r'crash\.point\("([^"]+)"\)', path.read_text("utf-8"))
    }
    assert {*AT, *WINDOWS} == set(crash.POINTS) == passed
