"""Finding: every filter, substrings of every script, pages that neither skip nor repeat; the same on both databases."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import MINUTE, NOON, opened
from workflow.desk.desk import Desk
from workflow.errors import UsageError
from workflow.store.search import Page

SORTS = ("id", "-id", "due", "-due", "updated", "-updated", "opened", "-opened", "priority", "-priority")
STATEMENTS = [
    "宽带断线，要求投诉处理",
    "ＡＢＣ full Width ﾃｽﾄ",
    "100% of_it \\ back/slash",
    "Straße ÅNGSTRÖM İstanbul",
    "'quoted' \"double\" -- ;",
    "emoji 👨‍👩‍👧 family",
    "plain 1000 of it",
    "line one\nline two",
]


@pytest.fixture
def found(desk: Desk) -> Desk:
    """A desk with a ticket for each statement, told apart by everything that filters look at."""
    for number, statement in enumerate(STATEMENTS):
        known = {"name": f"Name {number}", "company": "50% Acme"}
        desk.open(
            "job", actor="ann", fields={"statement": statement, "words": f"word{number}"},
            channel=("phone", "web")[number % 2], priority=("low", "normal", "high", "urgent")[number % 4],
            tags=[f"t{number}", "all"] if number else ["T0", 'a"b'], external_id=f"e{number}",
            customer=known if number < 3 else {"phone": f"1380000000{number}"},
            at=NOON - (number * 5 % 8) * MINUTE,
        )  # fmt: skip
    desk.assign(1, "bob", actor="boss")
    desk.advance(2, "accept", actor="ann")
    desk.advance(3, "only_lead", actor="boss")
    return desk


def ids(page: Page) -> list[int]:
    return [ticket.id for ticket in page.tickets]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
    ({"type": "job"}, [1, 2, 3, 4, 5, 6, 7, 8]),
    ({"type": "jo"}, []),
    ({"state": "handle.first"}, [2]),
    ({"state": "handle"}, []),
    ({"stage": "intake"}, [1, 4, 5, 6, 7, 8]),
    ({"stage": "archive"}, [3]),
    ({"team": "back"}, [2]),
    ({"assignee": "bob"}, [1]),
    ({"assignee": ""}, []),
    ({"priority": "urgent"}, [4, 8]),
    ({"channel": "web"}, [2, 4, 6, 8]),
    ({"external_id": "e4"}, [5]),
    ({"tag": "t1"}, [2]),
    ({"tag": "T1"}, []),
    ({"tag": "t"}, []),
    ({"tag": 'a"b'}, [1]),
    ({"tag": "%"}, []),
    ({"customer": 1}, [1]),
    ({"customer": "2"}, [2]),
    ({"customer": "Name"}, [1, 2, 3]),
    ({"customer": "name 2"}, [3]),
    ({"customer": "50% A"}, [1, 2, 3]),
    ({"customer": "5_%"}, []),
    ({"customer": "company"}, []),
    ({"customer": "13800000005"}, [6]),
    ({"customer": '"'}, []),
    ({"overdue": True}, []),
    ({"stage": "intake", "channel": "web", "priority": "urgent"}, [4, 8]),
    ({"stage": "intake", "team": "back"}, []),
    ({"text": "of", "channel": "phone"}, [3, 7]),
]
TEXTS: list[tuple[str, list[int]]] = [
    ("投", [1]), ("投诉", [1]), ("诉投", []), ("断线，要求", [1]), ("abc", [2]), ("ＦＵＬＬ", [2]), ("テスト", [2]),
    ("%", [1, 2, 3]), ("100%", [3]), ("1000", [7]), ("of_it", [3]), ("_", [3]), ("\\", [3]), ("/", [3]),
    ("back/slash", [3]), ("STRASSE", [4]),
    ("ångström", [4]), ("ÅNG", [4]), ("'quoted'", [5]), ('"', [1, 5]), ("-- ;", [5]),
    ("👩", [6]), ("ONE\nLINE", [8]), ("name 1", [2]), ("T0", [1]), ("e5", [6]), ("13800000005", [6]),
    ("acme", [1, 2, 3]), ("nothing of the kind", []), ("", [1, 2, 3, 4, 5, 6, 7, 8]),
]  # fmt: skip


def test_every_filter_finds_its_own(found: Desk, subtests: pytest.Subtests) -> None:
    for filters, expected in FILTERS:
        with subtests.test(str(filters)):
            assert ids(found.find(**filters)) == expected


def test_text_is_found_by_any_part_of_it(found: Desk, subtests: pytest.Subtests) -> None:
    for text, expected in TEXTS:
        with subtests.test(text):
            assert ids(found.find(text)) == expected


def test_what_changes_is_found_as_it_is_now(found: Desk) -> None:
    found.set_fields(1, {"statement": "something else"}, actor="ann")
    found.tag(1, actor="ann", add=["新标签"], remove=["T0"])
    assert [ids(found.find(text)) for text in ("投", "else", "标签", "t0")] == [[], [1], [1], []]


def test_personal_numbers_of_other_kinds_are_not_text(found: Desk) -> None:
    found.set_fields(1, {"amount": 31337, "secret": 31337}, actor="ann")
    assert ids(found.find("31337")) == []


def test_overdue_is_what_should_have_happened(found: Desk) -> None:
    found.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    late = [
        ticket.id for ticket in found.find().tickets if ticket.next_due_at and ticket.next_due_at < found.clock.now()
    ]
    assert len(late) > 1
    assert ids(found.find(overdue=True)) == late
    assert ids(found.find(overdue=True, sort="due", limit=1)) == [
        min(late, key=lambda id: (found.get(id).next_due_at, id))
    ]
    found.run_timeouts()
    assert ids(found.find(overdue=True)) == late


def pages(desk: Desk, limit: int, **query: Any) -> Iterator[Page]:
    page = desk.find(limit=limit, **query)
    yield page
    while page.next is not None:
        page = desk.find(limit=limit, after=page.next, **query)
        yield page


def key_of(ticket: Any, sort: str) -> Any:
    never = datetime.max.replace(tzinfo=UTC)
    return {
        "id": ticket.id,
        "due": ticket.next_due_at or never,
        "updated": ticket.updated_at,
        "opened": ticket.opened_at,
        "priority": ("low", "normal", "high", "urgent").index(ticket.priority),
    }[sort.removeprefix("-")]


def test_pages_neither_skip_nor_repeat_under_any_order(found: Desk, subtests: pytest.Subtests) -> None:
    everyone = found.find(limit=100).tickets
    for sort, limit in product(SORTS, (1, 2, 3, 8, 9)):
        with subtests.test(f"{sort} by {limit}"):
            some = list(pages(found, limit, sort=sort))
            expected = sorted(everyone, key=lambda t: (key_of(t, sort), t.id), reverse=sort.startswith("-"))
            assert [ticket for page in some for ticket in page.tickets] == expected
            assert all(len(page.tickets) == limit for page in some[:-1])
            assert some[-1].tickets


def test_pages_go_on_where_they_were_when_tickets_come_and_change(found: Desk) -> None:
    first = found.find(limit=3)
    found.note(1, "seen", actor="ann")
    found.open("job", actor="ann", fields={"statement": "new"})
    assert ids(found.find(limit=10, after=first.next)) == [4, 5, 6, 7, 8, 9]
    newest = found.find(limit=3, sort="-id")
    found.open("job", actor="ann", fields={"statement": "newer"})
    assert ids(found.find(limit=3, sort="-id", after=newest.next)) == [6, 5, 4]


def test_pages_keep_their_filter(found: Desk) -> None:
    assert [ids(page) for page in pages(found, 2, text="of", sort="-id")] == [[7, 3]]
    assert [ids(page) for page in pages(found, 2, stage="intake")] == [[1, 4], [5, 6], [7, 8]]


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def test_a_cursor_that_is_none_is_a_usage_error(found: Desk, subtests: pytest.Subtests) -> None:
    real = found.find(limit=1).next
    assert real is not None
    for wrong in (
        "", "x", "!!!", "é", "\0", real[:-3], real * 2, cursor("id", 1), cursor("id", "a", 1), cursor("id", None, 1),
        cursor("id", 10**400, 1), cursor("id", 1, 2**70), cursor("-id", 1, 1), cursor("due", 1, 1),
        cursor("id", float("inf"), 1), base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ):  # fmt: skip
        with subtests.test(wrong[:40]), pytest.raises(UsageError):
            found.find(after=wrong)
    for wrong in (cursor("due", "yesterday", 1), cursor("due", "2026-03-02T12:00:00", 1), real):
        with subtests.test(wrong[:40]), pytest.raises(UsageError):
            found.find(after=wrong, sort="due")


def test_a_question_that_makes_no_sense_is_a_usage_error(found: Desk, subtests: pytest.Subtests) -> None:
    wrong: list[dict[str, Any]] = [
        {"sort": "name"}, {"sort": "--id"}, {"sort": ""}, {"limit": 0}, {"limit": -1}, {"limit": 10**30},
        {"text": "nul \0 inside"}, {"text": "half \ud800"}, {"text": "字" * 100_001}, {"tag": "\0"}, {"team": "\0"},
        {"customer": "\0"}, {"customer": 2**70}, {"assignee": "half \ud800"},
    ]  # fmt: skip
    for query in wrong:
        with subtests.test(str(query)[:60].encode("ascii", "replace").decode()), pytest.raises(UsageError):
            found.find(**query)


def test_a_desk_without_tickets_has_one_empty_page(desk: Desk) -> None:
    assert desk.find() == Page(())
    assert desk.find("x", sort="-due", overdue=True) == Page(())


def test_the_order_by_due_time_holds_in_a_host_s_zone(postgres_url: str, definitions: Path) -> None:
    with opened(postgres_url, definitions) as desk, desk._transactions.store.write() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("SET TIME ZONE 'Asia/Shanghai'")
        host = desk.within(connection)
        for _ in range(3):
            host.open("job", actor="ann", fields={"statement": "x"})
        host.advance(2, "only_lead", actor="boss")
        assert [ids(page) for page in pages(host, 1, sort="due")] == [[1], [3], [2]]
        assert host.get(1).opened_at == NOON
