"""What makes two contacts the same customer, and what the desk knows of one."""

from __future__ import annotations

import pytest

from workflow.desk.desk import Desk
from workflow.errors import Forbidden, NotFound

WORDS = {"statement": "x"}


def test_contacts_that_agree_in_a_line_of_same_by_are_one_customer(desk: Desk) -> None:
    def who(**facts: str) -> int:
        ticket = desk.open("job", actor="ann", fields=WORDS, customer=facts)
        assert ticket.customer is not None
        return ticket.customer.id

    first = who(name="Li", phone="13800000001")
    assert who(phone="１３８００００００01 ", company="Acme") == first  # full width, as phones get typed
    assert desk.customer(first).fields == {"name": "Li", "phone": "１３８００００００01 ", "company": "Acme"}
    by_name = who(name="Wu", company="Acme")
    assert by_name != first
    assert who(name="wu", company="ACME", phone="13800000002") == by_name
    assert who(phone="13800000002") == by_name  # the phone was remembered too
    assert len({who(name="Wu"), who(name="Wu"), by_name}) == 3  # a name alone tells nobody apart
    assert [ticket.id for ticket in desk.find(customer=by_name).tickets] == [3, 4, 5]


def test_a_customer_is_tagged_by_whoever_may_tag(desk: Desk) -> None:
    ticket = desk.open("job", actor="ann", fields=WORDS, customer={"phone": "1"})
    assert ticket.customer is not None
    assert desk.tag_customer(ticket.customer.id, actor="ann", add=["vip", " old "], remove=["new"]).tags == (
        "old",
        "vip",
    )
    assert desk.tag_customer(ticket.customer.id, actor="ann", remove=["old"]).tags == ("vip",)
    loaded = desk.get(ticket.id).customer
    assert loaded is not None
    assert loaded.tags == ("vip",)
    with pytest.raises(Forbidden):
        desk.tag_customer(ticket.customer.id, actor="eve", add=["x"])
    for nobody in (99, 2**63):
        with pytest.raises(NotFound):
            desk.customer(nobody)


def test_what_is_learned_of_a_customer_later_finds_their_older_tickets(desk: Desk) -> None:
    older = desk.open("job", actor="ann", fields={"statement": "dead line"}, customer={"phone": "139"})
    newer = desk.open("job", actor="ann", fields={"statement": "again"}, customer={"phone": "139", "name": "Ünal"})
    desk.run_timeouts()
    assert [ticket.id for ticket in desk.find("ünal").tickets] == [older.id, newer.id]
    assert [ticket.id for ticket in desk.find("DEAD").tickets] == [older.id]
