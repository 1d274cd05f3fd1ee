"""The hash chain of a history: whole, and still whole when personal data and free text are gone from it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.store.small import Books, chained
from workflow.clock import VirtualClock
from workflow.core import chain
from workflow.desk.desk import Desk
from workflow.store.tables import history

PRIVATE = ["投诉 of Mrs Wu", "4815162342", "whispered note", "shouted reason", "second telling"]


@pytest.fixture
def told(desk: Desk, clock: VirtualClock, books: Books) -> Books:
    """A ticket that has lived, with private values in many places."""
    desk.open(
        "job", actor="ann", fields={"statement": PRIVATE[0], "secret": PRIVATE[1], "amount": 7},
        customer={"name": "Mrs Wu"}, note=PRIVATE[2], tags=["vip"],
    )  # fmt: skip
    desk.escalate(1, actor="ann", reason=PRIVATE[3])
    desk.set_fields(1, {"statement": PRIVATE[4]}, actor="ann")
    clock.advance(timedelta(minutes=11))
    desk.advance(1, "accept", actor="ann")
    clock.advance(timedelta(hours=3))
    desk.run_timeouts()
    return books


def private(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["private"] or "{}")
    return found


def test_the_chain_can_be_recomputed_from_the_stored_rows(told: Books, desk: Desk) -> None:
    rows = told.of("history")
    assert chained(1, rows) == [row["hash"] for row in rows] == [entry.hash for entry in desk.history(1)]
    assert len({row["hash"] for row in rows}) == len(rows)
    assert told.of("tickets")[0]["head"] == rows[-1]["hash"]


def test_a_change_of_any_part_breaks_it(told: Books, subtests: pytest.Subtests) -> None:
    rows = told.of("history")
    for column, value in rows[0].items():
        if column in ("ticket_id", "recorded_at", "hash", "private", "timer"):
            continue
        with subtests.test(str(column)):
            changed: Any = {
                str: "x", int: 99, dict: {}, type(None): "x", type(rows[0]["happened_at"]): rows[-1]["happened_at"],
            }[type(value)]  # fmt: skip
            if column in ("data", "digests"):
                changed = "{}"
            forged = [rows[0] | {column: changed, "private": None}, *rows[1:]]
            assert chained(1, forged)[-1] != rows[-1]["hash"]
    assert chained(2, rows)[-1] != rows[-1]["hash"]
    assert chained(1, [rows[0], rows[2], rows[1], *rows[3:]])[-1] != rows[-1]["hash"]
    assert chained(1, [{**rows[0], "timer": "timeout:x:1:1"}, *rows[1:]])[-1] != rows[-1]["hash"]


def test_every_private_value_has_a_salt_of_its_own(told: Books) -> None:
    items = [(row, name, item) for row in told.of("history") for name, item in private(row).items()]
    assert [(name, item["value"]) for _, name, item in items] == [
        ("fields.secret", 4815162342), ("fields.statement", PRIVATE[0]), ("note", PRIVATE[2]), ("reason", PRIVATE[3]),
        ("fields.statement", PRIVATE[4]),
    ]  # fmt: skip
    salts = [bytes.fromhex(item["salt"]) for _, _, item in items]
    assert {len(salt) for salt in salts} == {16}
    assert len(set(salts)) == len(salts)
    for row, name, item in items:
        assert json.loads(row["digests"])[name] == chain.digest(bytes.fromhex(item["salt"]), item["value"])


def test_private_values_stand_nowhere_in_the_clear_part(told: Books) -> None:
    for row in told.of("history"):
        clear = json.dumps({name: str(value) for name, value in row.items() if name != "private"}, ensure_ascii=False)
        assert not [value for value in (*PRIVATE, "Mrs Wu") if value in clear]
    for table in ("outbox", "timers", "incidents", "runs", "links"):
        assert not [value for value in PRIVATE if value in str(told.of(table))]


def test_deleting_values_with_their_salts_leaves_the_chain_whole(told: Books, desk: Desk) -> None:
    before = [entry.hash for entry in desk.history(1)]
    with told.engine.begin() as connection:
        connection.execute(update(history).values(private=None))
    rows = told.of("history")
    assert chained(1, rows) == before
    assert [entry.private for entry in desk.history(1)] == [{}] * len(rows)
    desk.note(1, "goes on", actor="ann")
    told.assert_balanced()
    for value in PRIVATE[1:4]:
        assert value not in str(told.of("history"))


def test_equal_values_have_different_digests(desk: Desk, books: Books) -> None:
    for _ in range(3):
        desk.open("job", actor="ann", fields={"statement": "the same"})
    rows = books.of("history")
    assert len({row["digests"] for row in rows}) == 3
    assert len({row["hash"] for row in rows}) == 3


def test_a_history_of_an_earlier_release_still_hashes_to_what_is_stored() -> None:
    lines = (Path(__file__).parent / "chain.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    for row in rows:
        row["happened_at"] = datetime.fromisoformat(row["happened_at"])
    assert len(rows) == 12
    assert chained(1, rows) == [row["hash"] for row in rows]
