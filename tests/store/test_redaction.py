"""Personal data that is redacted is gone from every table and file, and so is every digest that could be guessed."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import unicodedata
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, update

from tests.store.small import DESK, Books, write
from workflow.clock import VirtualClock
from workflow.core.redaction import REDACTED
from workflow.desk import auditing
from workflow.desk.desk import Desk
from workflow.errors import Conflict, Forbidden, NotFound, Refused, StoreBusy, TicketflowError, UsageError
from workflow.store.engine import Store
from workflow.store.tables import PREFIX, disclosures, incidents, metadata, outbox, proposals

PHONE, NAME, CARD = "13812345678", "Wu Meiling", "4815162342"
SPELLINGS = [PHONE, "138 1234 5678", "138-1234-5678", "１３８１２３４５６７８", "wu meiling", "WU MEILING", CARD]
WHO = {"name": NAME, "phone": PHONE, "company": "Wu Meiling Trading"}
OPENING: dict[str, Any] = {
    "fields": {"statement": f"Call {NAME} on 138-1234-5678", "secret": CARD, "words": ["a", f"card {CARD}"]},
    "customer": WHO, "note": f"she said 138 1234 5678, {NAME.upper()}, card {CARD}", "key": "first",
}  # fmt: skip
ROLES = DESK.replace("apply, retry]", "apply, retry, reveal, redact]")
PLANTED: dict[Table, dict[str, str]] = {  # what a fault, a host or a server may have said there
    incidents: {"reason": f"cannot ring {PHONE}"},
    outbox: {"last_error": f"<{NAME}> unknown", "reason": f"ring {PHONE}", "data": json.dumps({"to": PHONE})},
    disclosures: {"reason": f"{NAME} is on the line"},
}
EVERYWHERE = {
    "tickets.fields", "tickets.search", "customers.fields", "customers.search", "customer_keys.key", "history.private",
    "idempotency.result", "outbox.reason", "outbox.data", "outbox.last_error", "incidents.reason", "disclosures.reason",
    "proposals.proposed", "proposals.voices", "proposals.faults", "proposals.corrected",
}  # fmt: skip
SORTED: dict[str, Any] = {
    "proposed": {"category": PHONE}, "sources": {"category": "machine:x"}, "faults": [["machine:y", f"no {PHONE}"]],
    "voices": [["machine:x", {"category": PHONE}, [NAME]]], "corrected": {"category": {"to": NAME, "by": "ann"}},
}  # fmt: skip


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions", desk=ROLES)


@pytest.fixture
def told(desk: Desk, clock: VirtualClock, books: Books) -> Books:
    """Three tickets of one customer and one of another, who have lived; the data stand wherever they can."""
    desk.open("job", actor="ann", **OPENING)
    desk.open("job", actor="ann", fields={"statement": f"{PHONE} again, Wu Meiling"}, customer=WHO, key="second")
    desk.open("job", actor="ann", fields={"statement": "nothing"}, customer={"phone": PHONE, "name": "W. Meiling"})
    desk.open("job", actor="ann", fields={"statement": "nobody's"}, customer={"name": "Wu", "phone": "13900000000"})
    desk.escalate(1, actor="ann", reason=f"{NAME} shouts")
    desk.set_fields(1, {"secret": 7, "statement": f"card {CARD} is void"}, actor="ann", note="put right")
    desk.promise(2, clock.now() + timedelta(hours=2), actor="ann", reason=f"ring {PHONE} first")
    desk.reveal(*desk.find().tickets, actor="boss", how="test")
    clock.advance(timedelta(minutes=11))
    desk.run_timeouts()
    desk.advance(1, "accept", actor="ann", key="third", note=f"ring {PHONE}")
    fault = {"timer": "timeout:x:1:1", "due_at": clock.now(), "position": 0, "opened_at": clock.now()}
    with books.engine.begin() as connection:
        connection.execute(incidents.insert().values(ticket_id=1, reason="", closed_at=clock.now(), **fault))
        sorted_ = {name: json.dumps(value) for name, value in SORTED.items()}
        connection.execute(proposals.insert().values(ticket_id=2, **sorted_))
        for table, values in PLANTED.items():
            connection.execute(update(table).where(table.c.ticket_id < 4).values(**values))
    return books


def folded(value: object) -> str:
    return re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", str(value))).casefold()


def standing(books: Books, data: list[str]) -> set[str]:
    """Return the columns of all tables in which some of the data stand, however they are written."""
    wanted = {folded(datum) for datum in data}
    return {
        f"{table.removeprefix(PREFIX)}.{column}"
        for table in metadata.tables
        for row in books.of(table.removeprefix(PREFIX))
        for column, value in row.items()
        if any(each in folded(value) for each in wanted)
    }


def salts(books: Books, data: list[str]) -> set[str]:
    """Return the salts of all that is digested with some of the data in it."""
    wanted = {folded(datum) for datum in data}
    parts = [json.loads(row["private"] or "{}") for row in books.of("history")]
    items = [item for part in parts for item in part.values() if any(each in folded(item["value"]) for each in wanted)]
    return {item["salt"] for item in items}


def guesses(data: list[str]) -> set[str]:
    texts = {form for datum in data for form in (datum, json.dumps(datum), datum.lower(), f'[["phone","{datum}"]]')}
    return {kind(text.encode()).hexdigest() for text in texts for kind in (hashlib.sha256, hashlib.md5, hashlib.sha1)}


def test_a_customers_data_are_gone_from_everything(told: Books, desk: Desk, database_url: str) -> None:
    assert standing(told, SPELLINGS) >= EVERYWHERE
    marks = {row["arguments"].partition(":")[0] for row in told.of("idempotency")} | salts(told, SPELLINGS)
    heads = [entry.hash for entry in desk.history(1)]
    found = desk.redact(1, ["secret"], customer=["phone", "name"], actor="boss", reason=f"{NAME} asked for it")
    assert (found.tickets, found.left) == ((1, 2, 3), ())
    desk.compact()

    assert standing(told, [*SPELLINGS, "W. Meiling"]) == set()
    assert standing(told, sorted(marks)) == set()
    assert standing(told, sorted(guesses([*SPELLINGS, "7"]))) == set()
    if database_url.startswith("sqlite"):
        for path in Path(database_url.removeprefix("sqlite:///")).parent.glob("t.db*"):
            content = path.read_bytes().decode(errors="replace").casefold()
            assert not [each for each in (*SPELLINGS, *marks) if each.casefold() in content], path

    told.assert_balanced()
    store = Store(database_url)
    assert auditing.verify(store).faults == ()
    store.close()
    assert [entry.hash for entry in desk.history(1)][: len(heads)] == heads
    last = desk.history(1)[-1]
    assert (last.kind, last.actor) == ("redacted", "boss")
    assert last.data == {"redacted": ["secret"], "of_customer": ["phone", "name"]}
    assert last.private["reason"] == f"{REDACTED} asked for it"
    assert last.private["1.note"] == f"she said {REDACTED}, {REDACTED}, card {REDACTED}"
    assert last.private["1.fields.statement"] == f"Call {REDACTED} on {REDACTED}"
    assert desk.get(1).fields["statement"] == f"card {REDACTED} is void"
    assert desk.get(2).fields["statement"] == f"{REDACTED} again, {REDACTED}"
    assert desk.get(4).customer == desk.customer(2), "another customer's are as they were"
    assert desk.customer(1).fields == {"company": f"{REDACTED} Trading"}
    assert [ticket.id for ticket in desk.find(customer=1).tickets] == [1, 2, 3]


def test_the_desk_works_on_with_what_is_left(told: Books, desk: Desk, clock: VirtualClock) -> None:
    desk.redact(1, customer=["phone", "name"], actor="boss", reason="asked for")
    assert desk.open(
        "job", actor="ann", fields={"statement": "x"}, customer={"phone": PHONE}
    ).customer != desk.customer(1)
    with pytest.raises(Conflict, match="redacted"):
        desk.open("job", actor="ann", **OPENING)
    desk.redact(2, ["statement"], actor="boss", reason="asked for")
    assert desk.get(2).fields["statement"] == REDACTED, "a required text says so"
    desk.set_fields(2, {"statement": "anew"}, actor="ann")
    clock.advance(timedelta(hours=5))
    desk.run_timeouts()
    told.assert_balanced()


def test_what_was_written_in_an_entry_goes_alone(told: Books, desk: Desk) -> None:
    before = desk.history(1)
    desk.redact(1, entries=[1], actor="boss", reason="written into the wrong ticket")
    after = desk.history(1)
    assert "note" not in after[0].private
    assert after[0].private["fields.statement"] == before[0].private["fields.statement"]
    assert after[1:-1] == before[1:]
    assert after[-1].data == {"entries": [1]}
    told.assert_balanced()


def test_a_field_is_redacted_with_all_it_ever_held(told: Books, desk: Desk) -> None:
    desk.redact(1, ["secret"], actor="boss", reason="asked for")
    assert standing(told, [CARD]) == set()
    assert PHONE in str(desk.get(1).customer), "what was not named stays"
    with pytest.raises(NotFound):
        desk.redact(1, ["secret"], actor="boss", reason="again")


def test_what_the_chain_is_made_of_is_named_not_hidden(desk: Desk) -> None:
    who = {"phone": PHONE}
    desk.open("job", actor="ann", fields={"statement": "x"}, customer=who, tags=[PHONE], external_id=PHONE, key=PHONE)
    found = desk.redact(1, customer=["phone"], actor="boss", reason="asked for")
    assert found.left == (
        "ticketflow_tickets.external_id (1)", "ticketflow_tickets.tags (1)", "ticketflow_history.data (1, 1)",
        "ticketflow_idempotency.key",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"fields": ["statement"], "actor": "ann"}, Forbidden),
        ({"fields": ["statement"], "reason": " "}, UsageError),
        ({}, UsageError),
        ({"fields": ["nothing"]}, NotFound),
        ({"fields": ["severity"]}, Refused),
        ({"fields": ["code"]}, NotFound),
        ({"customer": ["nothing"]}, NotFound),
        ({"customer": ["company"]}, NotFound),
        ({"entries": [99]}, NotFound),
    ],
)
def test_what_cannot_be_redacted_changes_nothing(
    desk: Desk, books: Books, what: dict[str, Any], error: type[TicketflowError]
) -> None:
    desk.open("job", actor="ann", fields={"statement": "x"}, customer={"phone": PHONE})
    before = books.rows()
    with pytest.raises(error):
        desk.redact(1, **{"actor": "boss", "reason": "asked for"} | what)
    assert books.rows() == before


def test_compacting_leaves_nothing_deleted_in_the_file(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    store = Store(sqlite_url)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA secure_delete=OFF")  # as most builds of SQLite have it
        other.execute("CREATE TABLE t (text TEXT)")
        other.executemany("INSERT INTO t VALUES (?)", [(f"{CARD} {number}",) for number in range(99)])
        other.execute("DELETE FROM t")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert CARD.encode() in path.read_bytes()
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        busy = Store(sqlite_url, busy_timeout=0.05)
        with pytest.raises(StoreBusy):
            busy.compact()
        busy.close()
        other.execute("COMMIT")
    store.compact()
    store.close()
    assert not [file for file in path.parent.glob("t.db*") if CARD.encode() in file.read_bytes()]
