"""Whatever is changed in the books by hand is found, and named, on either database: by the chain, or else by a seal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Executable, delete, text, update

from tests.store.small import NOON, Books, opened
from workflow.clock import VirtualClock
from workflow.core.audit import Fault, fault
from workflow.desk import auditing, seals
from workflow.desk.desk import Desk
from workflow.errors import NotFound, Refused, Unhealthy, UsageError
from workflow.store import audit
from workflow.store.engine import Store
from workflow.store.tables import history, metadata, tickets


@pytest.fixture
def store(database_url: str, desk: Desk, clock: VirtualClock) -> Iterator[Store]:
    """Give the database of a desk with three tickets that have lived."""
    for number in range(3):
        desk.open("job", actor="ann", fields={"statement": f"投诉 {number} 🙂", "secret": "4815162342"})
    clock.advance(timedelta(minutes=11))
    desk.run_timeouts()
    desk.advance(2, "accept", actor="ann")
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "seal.key"
    seals.new_key(path)
    return path


def sealed(store: Store, folder: Path, key: Path, *, whole: bool = False) -> Path | None:
    return auditing.seal(store, folder, seals.private_key(key), VirtualClock(NOON), whole=whole)


def run(books: Books, *statements: Executable) -> None:
    with books.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def cut_off(books: Books, ticket_id: int) -> None:
    """Cut off the last entry of a ticket, and put its row right, as one would who knows how."""
    *_, before, last = [row for row in books.of("history") if row["ticket_id"] == ticket_id]
    told = {"seq": before["seq"], "head": before["hash"], "state": before["state"], "entry": before["entry"]}
    run(
        books,
        delete(history).where(history.c.ticket_id == ticket_id, history.c.seq == last["seq"]),
        update(tickets).where(tickets.c.id == ticket_id).values(**told),
    )


def take_away(books: Books, ticket_id: int) -> None:
    """Take a ticket away with all that is known of it."""
    tables = [table for table in reversed(metadata.sorted_tables) if "ticket_id" in table.c]
    run(books, *(delete(table).where(table.c.ticket_id == ticket_id) for table in tables))
    run(books, delete(tickets).where(tickets.c.id == ticket_id))


def test_what_nobody_changed_is_what_was_written(store: Store, books: Books) -> None:
    found = auditing.verify(store)
    assert (found.tickets, found.entries, found.faults) == (3, len(books.of("history")), ())


@pytest.mark.parametrize(
    ("statement", "seq", "code"),
    [
        ("UPDATE ticketflow_history SET actor = 'anm' WHERE ticket_id = 2 AND seq = 1", 1, "altered"),
        ("UPDATE ticketflow_history SET data = '{}' WHERE ticket_id = 2 AND seq = 1", 1, "altered"),
        ("UPDATE ticketflow_history SET data = 'no JSON' WHERE ticket_id = 2 AND seq = 1", 1, "altered"),
        ("UPDATE ticketflow_history SET private = 'no JSON' WHERE ticket_id = 2 AND seq = 1", 1, "altered"),
        ("UPDATE ticketflow_history SET timer = 'no timer' WHERE ticket_id = 2 AND seq = 1", 1, "altered"),
        ("UPDATE ticketflow_history SET hash = 'x' WHERE ticket_id = 2 AND seq = 1", 1, "altered"),
        ("UPDATE ticketflow_history SET private = replace(private, '投', '头') WHERE ticket_id = 2", 1, "text"),
        ("UPDATE ticketflow_history SET private = NULL WHERE ticket_id = 2 AND seq = 1", 1, "erased"),
        ("UPDATE ticketflow_tickets SET stage = 'archive' WHERE id = 2", 0, "standing"),
        ("DELETE FROM ticketflow_history WHERE ticket_id = 2 AND seq = 2", 2, "missing"),
        ("DELETE FROM ticketflow_history WHERE ticket_id = 2", 1, "cut"),
        ("UPDATE ticketflow_tickets SET state = 'elsewhere' WHERE id = 2", 0, "standing"),
        ("UPDATE ticketflow_tickets SET head = 'x' WHERE id = 2", 0, "cut"),
    ],
)
def test_the_first_wrong_entry_is_named(store: Store, books: Books, statement: str, seq: int, code: str) -> None:
    length = sum(row["ticket_id"] == 2 for row in books.of("history"))
    run(books, text(statement))
    (found,) = auditing.verify(store).faults
    assert (found.ticket_id, found.seq, found.code) == (2, seq or length + (code == "cut"), code)
    assert auditing.verify(store, [1, 3]).faults == ()


def test_an_entry_of_no_ticket_at_all_is_missed(sqlite_url: str, definitions: Path) -> None:
    """SQLite takes a text where a number belongs."""
    with opened(sqlite_url, definitions) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
        desk.note(1, "y", actor="ann")
    books, store = Books(sqlite_url), Store(sqlite_url)
    run(books, text("UPDATE ticketflow_history SET ticket_id = 'x' WHERE seq = 2"))
    assert auditing.verify(store).faults == (Fault(1, 2, "cut"),)
    store.close()
    books.close()


def test_a_ticket_that_is_not_there_cannot_be_verified(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no ticket 99"):
        auditing.verify(store, [1, 99])


def test_what_the_chain_cannot_tell_a_seal_can(store: Store, books: Books, key: Path, tmp_path: Path) -> None:
    path = sealed(store, tmp_path, key)
    assert path is not None
    cut_off(books, 2)
    take_away(books, 3)
    assert auditing.verify(store).faults == ()
    found = auditing.verify(store, sealed=seals.read([path], seals.public_key(seals.public_path(key))))
    length = sum(row["ticket_id"] == 2 for row in books.of("history"))
    assert found.faults == (Fault(2, length + 1, "shortened"), Fault(3, 0, "removed"))
    with pytest.raises(Unhealthy, match="2 tickets are not what their history says, the first of them 2"):
        sealed(store, tmp_path, key)
    assert list(tmp_path.glob("seal*")) == [path]


def test_a_history_written_anew_is_not_the_one_that_was_sealed(
    store: Store, desk: Desk, books: Books, key: Path, tmp_path: Path
) -> None:
    sealed(store, tmp_path, key)
    cut_off(books, 2)
    desk.note(2, "another end", actor="ann")
    assert auditing.verify(store).faults == ()
    (found,) = auditing.verify(store, sealed=seals.read([tmp_path])).faults
    assert (found.ticket_id, found.code) == (2, "rewritten")


def test_each_seal_holds_what_changed_since_the_one_before(store: Store, desk: Desk, key: Path, tmp_path: Path) -> None:
    first, again = sealed(store, tmp_path, key), sealed(store, tmp_path, key)
    assert first is not None
    assert again is None
    desk.note(2, "more", actor="ann")
    second = sealed(store, tmp_path, key)
    assert second is not None
    one, two = seals.read([tmp_path])
    assert (set(one.heads), set(two.heads), two.previous) == ({1, 2, 3}, {2}, one.digest)
    desk.note(1, "unsealed", actor="ann")
    found = auditing.verify(store, sealed=[two])
    assert (found.gaps, found.faults) == ((1,), ())
    found = auditing.verify(store, sealed=[one, two])
    assert (found.gaps, found.unsealed, found.seals, found.last, found.sealed_at) == ((), 1, 2, 2, NOON)
    sealed(store, tmp_path, key, whole=True)
    assert set(seals.read([tmp_path])[2].heads) == {1, 2, 3}


def test_a_seal_that_was_touched_proves_nothing(store: Store, desk: Desk, key: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "seals", tmp_path / "other.key"
    sealed(store, folder, key)
    desk.note(1, "more", actor="ann")
    path = sealed(store, folder, key)
    assert path is not None
    text = path.read_text()
    for wrong in (text.replace('"tickets":3', '"tickets":2'), text.replace('"1":[', '"4":['), text[:50], "{}", "[]"):
        assert wrong != text
        path.write_text(wrong)
        with pytest.raises(UsageError, match="seal-000002"):
            seals.read([folder])
    path.write_text(text)
    seals.new_key(other)
    with pytest.raises(UsageError, match=r"seal-000001\.json: it was signed by another key"):
        seals.read([folder], seals.public_key(seals.public_path(other)))
    forged = seals.sign(seals.Seal(2, NOON, "0" * 64, 3, {}, ""), seals.private_key(key))
    path.write_text(forged.text)
    with pytest.raises(UsageError, match="it does not follow seal 1"):
        seals.read([folder])


def test_a_folder_takes_the_seals_of_one_key(store: Store, desk: Desk, key: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "seals", tmp_path / "other.key"
    sealed(store, folder, key)
    seals.new_key(other)
    desk.note(1, "more", actor="ann")
    with pytest.raises(UsageError, match=r"seal-000001\.json: it was signed by another key"):
        sealed(store, folder, other)
    assert [path.name for path in folder.iterdir()] == ["seal-000001.json"]
    assert sealed(store, tmp_path / "new", other, whole=True)


@pytest.mark.parametrize("what", ["pipe", "device", "long", "deep", "empty"])
def test_what_is_no_seal_is_not_read_without_end(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "seal-000001.json"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        monkeypatch.setattr(seals, "LARGEST", 1000)
        path.write_text({"long": " " * 1001, "deep": "[" * 999, "empty": ""}[what])
    with pytest.raises(UsageError, match=r"seal-000001\.json"):
        seals.read([tmp_path])
    for read in (seals.private_key, seals.public_key):
        with pytest.raises(UsageError, match="holds no"):
            read(path)


def test_keys_and_seals_never_take_the_place_of_others(key: Path, tmp_path: Path) -> None:
    assert key.stat().st_mode & 0o077 == 0
    with pytest.raises(Refused, match="is there already"):
        seals.new_key(key)
    (half := tmp_path / "half.pub").touch()
    with pytest.raises(Refused, match=r"half\.pub is there already"):
        seals.new_key(half.with_suffix(""))
    half.unlink()
    signed = seals.sign(seals.Seal(1, NOON, "", 0, {}, ""), seals.private_key(key))
    seals.save(signed, tmp_path)
    with pytest.raises(Refused, match="is there already"):
        seals.save(signed, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["seal-000001.json"]
    with pytest.raises(UsageError, match="no private key"):
        seals.private_key(seals.public_path(key))
    with pytest.raises(UsageError, match="no public key"):
        seals.public_key(key)


def test_any_character_changed_is_found(store: Store) -> None:
    with store.read() as connection:
        ((standing, entries),) = audit.written(connection, [1]).values()

    @given(st.data())
    def law(data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(entries) - 1))
        name = data.draw(
            st.sampled_from([name for name in ("data", "digests", "private", "hash") if getattr(entries[index], name)])
        )
        stored = getattr(entries[index], name)
        place = data.draw(st.integers(0, len(stored) - 1))
        other = data.draw(st.characters(codec="utf-8").filter(lambda new: new != stored[place]))
        changed = stored[:place] + other + stored[place + 1 :]
        if name == "private" and _same(changed, stored):
            return
        forged = [*entries[:index], entries[index]._replace(**{name: changed}), *entries[index + 1 :]]
        found = fault(1, standing, forged, None)
        assert found is not None
        assert found.seq == index + 1

    law()


def _same(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_nothing_is_found_wrong_while_others_write(store: Store, desk: Desk) -> None:
    def write() -> None:
        for number in range(40):
            desk.note(number % 3 + 1, "meanwhile", actor="ann")

    writer = Thread(target=write)
    writer.start()
    faults: list[Fault] = []
    while writer.is_alive():
        faults += auditing.verify(store).faults
    writer.join()
    found = auditing.verify(store)
    assert (faults, found.faults) == ([], ())
    assert found.entries >= 40
