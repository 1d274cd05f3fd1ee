"""P3: business line and region decide the queue; out of scope is referred; who insists gets a ticket all the same."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import situations
from workflow import Desk, Refused, Ticket
from workflow.testing import memory_desk


def test_the_business_line_decides_the_queue() -> None:
    with memory_desk() as desk:
        broadband = desk.open(actor="agent_01", fields={"statement": "请问宽带怎么续约"})
        mobile = desk.open(actor="agent_01", fields={"statement": "请问手机套餐怎么续约"})
        assert (broadband.team, broadband.tags, mobile.team) == ("broadband", ("broadband",), "frontline")


def test_who_is_out_of_our_region_is_marked_and_referred_with_the_way_to_go() -> None:
    with memory_desk() as desk:
        ticket = asked(desk, region="外省")
        assert ticket.tags == ("out_of_scope",)
        assert desk.proposal(ticket.id).by["tags"] == "elsewhere"  # type: ignore[union-attr]
        assert asked(desk, region="本省").tags == ()
        with pytest.raises(Refused) as refusal:
            desk.advance(ticket.id, "refer", actor="agent_01")
        assert "referral" in refusal.value.message
        ticket = desk.advance(ticket.id, "refer", actor="agent_01", fields={"referral": "当地营业厅，电话在官网首页"})
        assert (ticket.state, ticket.fields["outcome"]) == ("archive", "referred")


def test_the_transfer_is_announced_first() -> None:
    with memory_desk() as desk:
        assert "out_of_scope" in situations(desk, asked(desk, region="外省").id)
        assert "out_of_scope" not in situations(desk, asked(desk, region="本省").id)


def test_who_insists_gets_a_work_order_with_the_reason() -> None:
    with memory_desk() as desk:
        ticket = asked(desk, region="外省")
        with pytest.raises(Refused) as refusal:
            desk.advance(ticket.id, "work_order", actor="agent_01")
        assert "insists" in refusal.value.message
        ticket = desk.advance(ticket.id, "work_order", actor="agent_01", fields={"insists": "在当地多次碰壁"})
        assert (ticket.state, ticket.team) == ("handle.region", "region")


def asked(desk: Desk, *, region: str) -> Ticket:
    """An inquiry of a customer from a region, about to be answered."""
    customer = {"name": region, "region": region}
    ticket = desk.open(actor="agent_01", fields={"statement": "请问怎么续约"}, customer=customer)
    assert ticket.type == "inquiry"
    desk.advance(ticket.id, "accept", actor="agent_01")
    return desk.advance(ticket.id, "classified", actor="agent_01", fields={"topic": "usage"})
