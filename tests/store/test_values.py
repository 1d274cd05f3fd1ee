"""What is put in comes out again, the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.store.small import NOON, TICK, Books
from workflow.clock import VirtualClock
from workflow.core.model import Value
from workflow.desk.desk import Desk
from workflow.errors import BadValue

TEXTS = [
    "投诉：宽带断线 😀👨‍👩‍👧 𠮷",
    "‮txt.exe‬ ‏שלום‎",
    "bell \x07 escape \x1b[31m delete \x7f next line \x85",
    "'single' \"double\" `back` \\n \\ /* -- ; %s %(x)s {braces} :name ? $1",
    "line\nline\r\nline\ttab\x0b\x0c\u2028\u2029",
    "  spaces kept  ",
    "=cmd()|' /C calc'!A0",
    "e\u0301 is not \u00e9",
]
VALUES: list[tuple[str, Value]] = [
    *(("statement", text) for text in TEXTS),
    ("statement", "字" * 100_000),
    ("severity", "high"),
    ("agreed", True),
    ("agreed", False),
    ("amount", 2**63 - 1),
    ("amount", -(2**63)),
    ("amount", 0),
    ("fees", Decimal("0.10")),
    ("fees", Decimal("123456789012345678.123456789012345678")),
    ("fees", Decimal("1E-20")),
    ("day", date(1, 1, 1)),
    ("day", date(9999, 12, 31)),
    ("moment", datetime(2026, 3, 2, 1, 2, 3, 456789, UTC)),
    ("moment", datetime(1970, 1, 1, tzinfo=UTC)),
    ("words", ("一", "two, three", 'four"', "")),
]
WRONG: list[tuple[str, Any]] = [
    ("statement", "NUL \0 inside"),
    ("statement", "lone \ud800 surrogate"),
    ("statement", "x" * 100_001),
    ("statement", 5),
    ("severity", "medium"),
    ("agreed", "maybe"),
    ("amount", 2**63),
    ("amount", 1.0),
    ("amount", True),
    ("amount", "1_000"),
    ("amount", "twelve"),
    ("fees", "NaN"),
    ("fees", "Infinity"),
    ("fees", "1e999999"),
    ("fees", "-0.01"),
    ("fees", "12,50"),
    ("day", "2026-02-30"),
    ("day", "yesterday"),
    ("moment", "25:00"),
    ("words", ("a", "\0")),
    ("words", 7),
    ("code", "ab1"),
]


def test_every_value_comes_back_as_it_was(desk: Desk) -> None:
    for name, value in VALUES:
        ticket = desk.open("job", actor="ann", fields={"statement": "x", name: value})
        assert ticket.fields[name] == value
        stored = desk.get(ticket.id)
        assert stored == ticket
        assert type(stored.fields[name]) is type(value)
        assert stored.fields[name] == value
        assert str(stored.fields[name]) == str(ticket.fields[name])


def test_what_a_person_typed_is_read_by_the_kind_of_the_field(desk: Desk) -> None:
    typed = {
        "statement": "x", "severity": "high", "agreed": "是", "amount": " 12 ", "fees": "12.50", "day": "2026/03/02",
        "moment": "2026-03-02T09:30", "words": "a, b,c", "secret": "77", "code": "AB12",
    }  # fmt: skip
    ticket = desk.open("job", actor="ann", fields=typed)
    assert desk.get(ticket.id).fields == {
        "statement": "x", "severity": "high", "agreed": True, "amount": 12, "fees": Decimal("12.50"),
        "day": date(2026, 3, 2), "moment": datetime(2026, 3, 2, 1, 30, tzinfo=UTC), "words": ("a", "b", "c"),
        "secret": 77, "code": "AB12",
    }  # fmt: skip


def test_a_value_of_the_wrong_kind_is_refused_and_nothing_written(desk: Desk, books: Books) -> None:
    ticket = desk.open("job", actor="ann", fields={"statement": "x"})
    before = books.rows()
    for name, value in WRONG:
        with pytest.raises(BadValue) as refused:
            desk.open("job", actor="ann", fields={"statement": "x", name: value})
        assert refused.value.field == name
        with pytest.raises(BadValue):
            desk.set_fields(ticket.id, {name: value}, actor="ann")
        refused.value.message.encode()
    assert books.rows() == before


@pytest.mark.parametrize("text", ["NUL \0 inside", "lone \udcff surrogate", "x" * 100_001])
def test_text_that_no_database_keeps_is_refused_wherever_it_is_typed(desk: Desk, books: Books, text: str) -> None:
    ticket = desk.open("job", actor="ann", fields={"statement": "x"})
    other = desk.open("job", actor="ann", fields={"statement": "y"})
    before = books.rows()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: desk.note(ticket.id, text, actor="ann"),
        lambda: desk.advance(ticket.id, "accept", actor="ann", note=text),
        lambda: desk.assign(ticket.id, "bob", actor="boss", note=text),
        lambda: desk.escalate(ticket.id, actor="ann", reason=text),
        lambda: desk.tag(ticket.id, actor="ann", add=[text]),
        lambda: desk.link(ticket.id, other.id, actor="ann", kind=text),
        lambda: desk.open("job", actor="ann", fields={"statement": "x"}, customer={"name": text}),
        lambda: desk.open("job", actor="ann", fields={"statement": "x"}, external_id=text),
        lambda: desk.open("job", actor="ann", fields={"statement": "x"}, channel=text),
        lambda: desk.open("job", actor="ann", fields={"statement": "x"}, note=text),
        lambda: desk.open("job", actor="ann", fields={"statement": "x"}, key=text),
    )
    for attempt in attempts:
        with pytest.raises(BadValue):
            attempt()
    assert books.rows() == before


def test_instants_keep_their_microsecond_and_their_meaning(desk: Desk, clock: VirtualClock) -> None:
    elsewhere = timezone(timedelta(hours=-7, minutes=-30))
    for instant in (NOON - TICK, datetime(1, 1, 2, tzinfo=UTC), datetime(987, 6, 5, 4, 3, 2, 1, UTC)):
        ticket = desk.open("job", actor="ann", fields={"statement": "x"}, at=instant.astimezone(elsewhere))
        stored = desk.get(ticket.id)
        assert stored == ticket
        assert (stored.opened_at, stored.opened_at.tzinfo) == (instant, UTC)
        assert desk.history(ticket.id)[0].happened_at == instant
        assert stored.next_due_at == instant + timedelta(minutes=10)
    assert desk.run_timeouts().tickets == 2
    assert clock.now() == NOON


def test_everything_else_about_a_ticket_comes_back(desk: Desk) -> None:
    given = {"name": "张小明 😀", "phone": "+86 138-1234-5678", "company": "=cmd() Ltd"}
    ticket = desk.open(
        "job", actor="ann", fields={"statement": "x"}, customer=given, channel="web", priority="urgent",
        tags=["重要", "=tag", "vip"], external_id="外部/1?%_\\", note="'; DROP TABLE x; --",
    )  # fmt: skip
    stored = desk.get(ticket.id)
    assert stored == ticket
    assert stored.customer is not None
    assert (stored.customer.fields, stored.tags) == (given, ("=tag", "vip", "重要"))
    assert (stored.channel, stored.priority, stored.external_id) == ("web", "urgent", "外部/1?%_\\")
    assert desk.history(ticket.id)[0].private == {"fields.statement": "x", "note": "'; DROP TABLE x; --"}
