"""A desk brought into another database: the same rows on the other side, whatever cut it off, whatever was there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.postgres import ROOT
from tests.store.small import NOON, Books
from workflow.clock import VirtualClock
from workflow.desk import auditing
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import Forbidden, Refused, StoreBusy, StoreError
from workflow.store import copying, outbox, schema
from workflow.store.definitions import RESTORED, put_setting
from workflow.store.engine import Store
from workflow.store.tables import metadata


@pytest.fixture
def source(database_url: str, desk: Desk, clock: VirtualClock) -> Iterator[Store]:
    """Give the database of a desk with tickets that have lived."""
    for number in range(3):
        desk.open(
            "job", actor="ann", fields={"statement": f"投诉 {number} 🙂"}, customer={"phone": f"1380000000{number}"}
        )
    clock.advance(timedelta(minutes=11))
    desk.run_timeouts()
    desk.escalate(1, actor="ann")
    with pytest.raises(Forbidden):
        desk.note(1, "mine", actor="eve")
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{(tmp_path / 'target.db').as_posix()}")
    yield store
    store.close()


def rows(url: str) -> dict[str, list[dict[str, object]]]:
    books = Books(url)
    try:
        return {
            name.removeprefix("ticketflow_"): books.of(name.removeprefix("ticketflow_")) for name in metadata.tables
        }
    finally:
        books.close()


def test_every_row_is_on_the_other_side(
    source: Store, target: Store, database_url: str, definitions: Path, clock: VirtualClock
) -> None:
    done = copying.copy(source, target)
    url = str(target.engine.url)
    assert rows(url) == rows(database_url)
    assert (done.changed, done.rows, done.written) == (False, sum(map(len, rows(url).values())), done.rows)
    assert auditing.verify(target).faults == ()
    with Desk.connect(url, definitions=definitions, clock=clock) as moved:
        assert moved.open("job", actor="ann", fields={"statement": "new"}).id == 4
        assert moved.get(1).ladder is not None


def test_it_comes_back_and_new_tickets_have_new_ids(
    source: Store, target: Store, database_url: str, definitions: Path, clock: VirtualClock, desk: Desk
) -> None:
    copying.copy(source, target)
    before = rows(database_url)
    desk.close()
    with source.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    copying.copy(target, source)
    assert rows(database_url) == before
    with Desk.connect(database_url, definitions=definitions, clock=clock) as again:
        assert again.open("job", actor="ann", fields={"statement": "new"}, customer={"phone": "13911111111"}).id == 4


def test_cut_off_it_is_unusable_and_goes_on(
    source: Store, target: Store, definitions: Path, clock: VirtualClock, database_url: str, tmp_path: Path
) -> None:
    class CutOffError(Exception): ...

    def cut(table: str, _rows: int) -> None:
        if table == "tickets":
            raise CutOffError

    with pytest.raises(CutOffError):
        copying.copy(source, target, progress=cut)
    url = str(target.engine.url)
    with pytest.raises(StoreError, match="was cut off"):
        Desk.connect(url, definitions=definitions, clock=clock)
    with pytest.raises(StoreError, match="was cut off"):
        copying.backup(target, tmp_path / "backup.db")
    done = copying.copy(source, target)
    assert rows(url) == rows(database_url)
    assert 0 < done.written < done.rows


@pytest.mark.prove
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_interrupted_and_killed_it_goes_on(sqlite_url: str, postgres_url: str, definitions: Path) -> None:
    contacts = (Contact(n, {"statement": "x"}, {"phone": str(13800000000 + n)}) for n in range(3000))
    with Desk.connect(sqlite_url, definitions=definitions) as desk:
        desk.intake(contacts, actor="boss", ticket_type="job")
    command = [sys.executable, "-m", "workflow.cli.main", "db", "copy", sqlite_url, postgres_url]
    for number, code, table in ((signal.SIGKILL, -9, "customers"), (signal.SIGINT, 130, "tickets")):
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert any(line.startswith(f"{table}:") for line in process.stderr)
            process.send_signal(number)
            assert process.wait() == code
        with pytest.raises(StoreError, match="was cut off"):
            Desk.connect(postgres_url, definitions=definitions)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert rows(postgres_url) == rows(sqlite_url)
    with Desk.connect(postgres_url, definitions=definitions) as moved:
        assert moved.open("job", actor="ann", fields={"statement": "new"}).id == 3001


def test_a_source_that_is_written_to_is_not_moved_yet(source: Store, target: Store, desk: Desk) -> None:
    def write(table: str, _rows: int) -> None:
        if table == "timers":
            desk.note(1, "meanwhile", actor="ann")

    assert copying.copy(source, target, progress=write).changed
    with pytest.raises(StoreError, match="was cut off"):
        schema.prepare(target)
    desk.set_fields(2, {"amount": 5}, actor="ann")
    assert not copying.copy(source, target).changed
    assert rows(str(target.engine.url)) == rows(str(source.engine.url.render_as_string(hide_password=False)))


def test_neither_is_one_whose_messages_leave(source: Store, target: Store) -> None:
    def leave(table: str, _rows: int) -> None:
        if table == "timers":
            source.unit(lambda connection: outbox.suppress(connection, NOON + timedelta(days=1)))

    assert copying.copy(source, target, progress=leave).changed
    assert not copying.copy(source, target).changed


def test_another_desk_is_not_overwritten(source: Store, target: Store, definitions: Path) -> None:
    url = str(target.engine.url)
    with Desk.connect(url, definitions=definitions, clock=VirtualClock(NOON)):
        pass
    before = rows(url)
    with pytest.raises(Refused, match="holds a desk already"):
        copying.copy(source, target)
    with pytest.raises(Refused, match="holds no desk"):
        copying.copy(Store("sqlite://"), source)
    assert rows(url) == before


def test_a_backup_is_one_file_of_one_moment(source: Store, desk: Desk, tmp_path: Path, database_url: str) -> None:
    path = tmp_path / "backup.db"
    done = copying.backup(source, path)
    at_that_moment = rows(database_url)
    desk.note(1, "later", actor="ann")
    assert rows(f"sqlite:///{path.as_posix()}") == at_that_moment
    assert done.rows == sum(map(len, at_that_moment.values()))
    with pytest.raises(Refused, match="is there already"):
        copying.backup(source, path)
    assert not list(tmp_path.glob("*.part*"))


@pytest.fixture
def restored(source: Store, target: Store, definitions: Path, clock: VirtualClock, tmp_path: Path) -> Iterator[Desk]:
    """Give a desk that came back, a day later, from the backup of one whose rungs and messages wait."""
    copying.backup(source, tmp_path / "backup.db")
    copying.copy(Store(f"sqlite:///{tmp_path / 'backup.db'}"), target, live=True, restored=True)
    clock.advance(timedelta(days=1))
    with Desk.connect(str(target.engine.url), definitions=definitions, clock=clock) as desk:
        yield desk


def told(desk: Desk) -> list[str]:
    return [row.state for row in desk.outbox(limit=100)]


def test_a_restored_desk_fires_and_tells_nothing_until_it_is_told_from_when(restored: Desk) -> None:
    before, waiting = rows(restored.url), told(restored)
    for verb in (restored.run_timeouts, restored.deliver):
        with pytest.raises(Refused, match=r"came back from a backup of 2026-03-02.* nobody has said"):
            verb()
    assert restored.run_timeouts(dry_run=True).fired > 0
    assert "restored" in [finding.check for finding in restored.health().findings]
    assert rows(restored.url) == before
    restored.resume(restored.clock.now())
    assert set(told(restored)) == {"suppressed"}
    assert len(told(restored)) == len(waiting)
    assert restored.run_timeouts().fired == 0
    assert restored.deliver().sent == 0
    assert "restored" not in [finding.check for finding in restored.health().findings]


def test_all_of_it_may_be_told_after_all(restored: Desk) -> None:
    waiting = told(restored)
    restored.resume()
    assert restored.run_timeouts().fired > 0
    assert len(told(restored)) > len(waiting)
    assert "suppressed" not in told(restored)


def test_what_somebody_holds_is_not_told_late_by_the_next_run(
    desk: Desk, clock: VirtualClock, database_url: str
) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite lets one write at a time")
    desk.open("job", actor="ann", fields={"statement": "old"})
    clock.advance(timedelta(days=1))
    store = Store(database_url)
    with store.engine.begin() as connection:
        put_setting(connection, RESTORED, NOON.isoformat())
    with store.engine.begin() as holding:
        holding.execute(text("SELECT id FROM ticketflow_tickets FOR UPDATE"))
        with pytest.raises(StoreBusy, match="1 tickets that are due are in use"):
            desk.resume(clock.now())
    with pytest.raises(Refused, match="nobody has said"):
        desk.run_timeouts()
    desk.resume(clock.now())
    assert "waiting" not in told(desk)
    store.close()


def test_a_desk_that_was_not_restored_is_left_as_it_is(source: Store, desk: Desk, database_url: str) -> None:
    before = rows(database_url)
    desk.resume(desk.clock.now())
    assert rows(database_url) == before
    assert source is not None
