"""Who was shown personal data is recorded, whichever way it was asked for; nothing else of the ticket changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.small import DESK, write
from workflow import Desk, Forbidden
from workflow.testing import memory_desk

CALL = "请打 138-1234-5678 或发 zhang@example.com，订单 2026030212345"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with memory_desk() as desk:
        who = {"name": "张小明", "phone": "13812345678"}
        desk.open("complaint", actor="agent_01", fields={"statement": CALL}, customer=who, note="本人电话13812345678")
        yield desk


def test_a_look_is_a_row_and_leaves_the_ticket_as_it_is(desk: Desk) -> None:
    before = desk.get(1)
    desk.reveal(before, actor="lead_day", how="console", reason="calls back")
    desk.what_to_say(1, actor="lead_day", reveal=True)
    desk.form(1, actor="lead_day", reveal=True, reason="asked by the customer")
    assert desk.get(1) == before
    found = desk.disclosures(1)
    assert [(row.actor, row.how, row.reason) for row in found] == [
        ("lead_day", "console", "calls back"), ("lead_day", "say", None), ("lead_day", "form", "asked by the customer"),
    ]  # fmt: skip
    assert {row.fields for row in found} == {("customer.name", "customer.phone")}
    assert {row.happened_at for row in found} == {desk.clock.now()}
    assert desk.disclosures(2) == ()
    assert desk.disclosures(after=found[0].id) == found[1:]


def test_whoever_may_not_see_them_is_refused_and_leaves_no_row(desk: Desk) -> None:
    for attempt in (
        lambda: desk.reveal(desk.get(1), actor="agent_01", how="console"),
        lambda: desk.what_to_say(1, actor="agent_01", reveal=True),
        lambda: desk.form(1, actor="agent_01", reveal=True),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert desk.disclosures() == ()


def test_a_field_that_is_shown_is_told_though_the_customers_of_its_name_is_not(tmp_path: Path) -> None:
    spec = DESK.replace("apply, retry]", "apply, retry, reveal]").replace(
        "    name:", "    secret: {type: text, pii: true, identity: {facts: last4, within: 30m}}\n    name:"
    )
    spec += "identity: {attempts: 3, facts: {last4: {field: phone, last: 4}}}\n"
    with memory_desk(write(tmp_path / "definitions", desk=spec)) as desk:
        facts = {"statement": "x", "secret": 4711}
        ticket = desk.open("job", actor="ann", fields=facts, customer={"phone": "13812345678", "secret": "0815"})
        (shown,) = desk.reveal(ticket, actor="boss", how="console")
        assert (shown.fields["secret"], shown.customer and shown.customer.fields["secret"]) == (4711, "0****")
        assert desk.disclosures()[0].fields == ("secret", "customer.phone")


def test_a_host_masks_a_ticket_whole(desk: Desk) -> None:
    shown = desk.masked(desk.get(1))
    assert shown.customer is not None
    assert shown.customer.fields == {"name": "张*", "phone": "138****5678"}
    assert shown.fields["statement"] == "请打 138****5678 或发 z*@example.com，订单 2026030212345"
    assert desk.form(1, actor="agent_01").words == shown.fields["statement"]
