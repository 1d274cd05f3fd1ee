"""How much a text may hold: what is longer, or no database keeps, is refused by what it is, on both databases alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.small import Books
from workflow import BadValue, Contact, Desk
from workflow.core.opening import LONGEST_EXTERNAL_ID, MOST_TAGS
from workflow.core.values import LONGEST_TEXT, LONGEST_WORD
from workflow.desk.privacy import LONGEST_REASON
from workflow.desk.verbs import LONGEST_KEY
from workflow.errors import LONGEST_TOLD
from workflow.store import search

X = {"statement": "x"}
LIMITS: dict[str, tuple[int, Callable[[Desk, str], object]]] = {
    "statement": (LONGEST_TEXT, lambda desk, text: desk.open("job", actor="ann", fields={"statement": text})),
    "words": (LONGEST_TEXT, lambda desk, text: desk.set_fields(1, {"words": [text[:9], text[10:]]}, actor="ann")),
    "company": (LONGEST_TEXT, lambda desk, text: desk.open("job", actor="ann", fields=X, customer={"company": text})),
    "note": (LONGEST_TEXT, lambda desk, text: desk.note(1, text, actor="ann")),
    "reason": (LONGEST_TEXT, lambda desk, text: desk.escalate(1, actor="ann", reason=text)),
    "separate": (LONGEST_TEXT, lambda desk, text: desk.open("job", actor="ann", fields=X, separate=text)),
    "kind": (LONGEST_WORD, lambda desk, text: desk.link(1, 2, actor="ann", kind=text)),
    "key": (LONGEST_KEY, lambda desk, text: desk.open("job", actor="ann", fields=X, key=text)),
    "external_id": (
        LONGEST_EXTERNAL_ID, lambda desk, text: desk.open("job", actor="ann", fields=X, external_id=text),
    ),
}  # fmt: skip


@pytest.fixture
def desk(desk: Desk) -> Desk:
    for _ in range(2):
        desk.open("job", actor="ann", fields=X)
    return desk


def test_what_fits_is_kept_and_what_does_not_is_told_by_how_much(
    desk: Desk, books: Books, subtests: pytest.Subtests
) -> None:
    for field, (longest, attempt) in LIMITS.items():
        with subtests.test(field):
            attempt(desk, "字" * longest)
            before = books.rows()
            with pytest.raises(BadValue, match=r"has \d+ characters, and up to \d+ are kept") as refused:
                attempt(desk, "字" * (longest + 1))
            assert (refused.value.field, refused.value.values["longest"]) == (field, longest)
            assert refused.value.values["given"] == longest + 1
            for text in ("NUL \0 inside", "half a character \udcff inside"):
                with pytest.raises(BadValue, match="holds a NUL or half a character"):
                    attempt(desk, text)
            assert books.rows() == before


def test_the_page_tells_the_limits() -> None:
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    part = page.split("## How much a text may hold")[1].split("\n## ")[0]
    for limit in (
        LONGEST_TEXT,
        LONGEST_REASON,
        LONGEST_KEY,
        LONGEST_EXTERNAL_ID,
        LONGEST_WORD,
        MOST_TAGS,
        LONGEST_TOLD,
    ):
        assert f"| {limit:,} " in part
    assert search.LONGEST == LONGEST_REASON


def test_a_ticket_has_so_many_tags(desk: Desk) -> None:
    tags = [f"t{number}" for number in range(MOST_TAGS)]
    desk.tag(1, actor="ann", add=tags)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: desk.tag(1, actor="ann", add=["more"]),
        lambda: desk.open("job", actor="ann", fields=X, tags=[*tags, "more"]),
        lambda: desk.tag(1, actor="ann", add=["x" * (LONGEST_WORD + 1)]),
    )
    for attempt in attempts:
        with pytest.raises(BadValue) as refused:
            attempt()
        assert refused.value.field == "tags"
    assert len(desk.tag(1, actor="ann", add=["more"], remove=["t0"]).tags) == MOST_TAGS


def test_a_reason_to_see_personal_data_is_short(desk: Desk) -> None:
    with pytest.raises(BadValue, match=f"up to {LONGEST_REASON}"):
        desk.reveal(desk.get(1), actor="system", how="x", reason="x" * (LONGEST_REASON + 1))


@pytest.mark.parametrize("text", ["NUL \0 inside", "half \ud800 a character", "x" * (LONGEST_TEXT + 1)])
def test_intake_sets_the_row_aside_and_goes_on(desk: Desk, text: str) -> None:
    rows = [
        Contact(1, X, {}, external_id=text),
        Contact(2, {"statement": text}, {}),
        Contact(3, X, {"phone": text}),
        Contact(4, X, {"name": text, "company": text}),
        Contact(5, X, {}, channel=text),
        Contact(6, X, {}, tags=(text,)),
        Contact(7, X, {}, ticket_type=text),
        Contact(8, X, {}, priority=text),
        Contact(9, X, {}, state=text),
        Contact(10, X, {}),
    ]
    done = desk.intake(rows, actor="boss", ticket_type="job", past="record")
    assert (done.opened, [row.contact.line for row in done.rejected]) == (1, list(range(1, 10)))
    assert max(len(row.reason.message) for row in done.rejected) < 2 * LONGEST_TOLD
