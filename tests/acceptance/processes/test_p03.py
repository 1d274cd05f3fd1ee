"""P3: business line and region decide the queue; out of scope is referred; who insists gets a ticket all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.acceptance.processes.steps import situations, walk
from workflow import Desk, Refused, Ticket
from workflow.desk.files import folder_or_default
from workflow.testing import memory_desk

BROADBAND = {"statement": "请问宽带怎么续约"}
MOVE = {"request": "move", "notes": "客户在外地"}


def test_the_business_line_decides_the_queue_in_every_state_of_the_front_line(desk: Desk) -> None:
    ticket = desk.open(actor="agent_01", fields=BROADBAND)
    mobile = desk.open(actor="agent_01", fields={"statement": "请问手机套餐怎么续约"})
    assert (ticket.team, ticket.tags, ticket.assignee) == ("broadband", ("broadband",), "agent_03")
    assert (mobile.team, mobile.assignee) == ("frontline", "agent_01")
    ticket = walk(desk, ticket.id, ("agent_03", "accept"), ("agent_03", "classified", {"topic": "usage"}))
    assert (ticket.state, ticket.team, ticket.assignee) == ("handle.answering", "broadband", "agent_03")
    ticket = walk(desk, ticket.id, ("agent_03", "answered", {"answer": "在营业厅办理", "satisfied": "no"}))
    assert ticket.team == "back_office"
    assert desk.explain(mobile.id, actor="lead_day").queue is None
    ticket = walk(desk, ticket.id, ("lead_day", "take_over"), ("lead_day", "handed_back"))
    assert (ticket.team, ticket.assignee) == ("broadband", "agent_03"), "it finds its way back"
    assert desk.explain(ticket.id, actor="lead_day").queue == "frontline"


def test_the_transfer_is_announced_first(desk: Desk) -> None:
    assert "out_of_scope" in situations(desk, asked(desk, region="外省").id)
    assert "out_of_scope" not in situations(desk, asked(desk, region="本省").id)


def test_the_region_decides_where_teams_are_named_for_theirs(tmp_path: Path) -> None:
    for file in folder_or_default(None).glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    known = yaml.safe_load((tmp_path / "desk.yaml").read_text("utf-8"))
    known["teams"]["south"] = {"lead": "lead_day", "members": ["agent_02"], "serves": "frontline", "regions": ["广东"]}
    (tmp_path / "desk.yaml").write_text(yaml.safe_dump(known, allow_unicode=True), "utf-8")
    with memory_desk(tmp_path) as desk:
        told = {name: asked(desk, region=name).team for name in ("广东", "本省")}
        assert told == {"广东": "south", "本省": "frontline"}


def test_what_a_person_sends_elsewhere_stays_there(desk: Desk) -> None:
    ticket = desk.open("inquiry", actor="agent_01", fields=BROADBAND)
    assert ticket.team == "frontline", "no rule was asked, for its type was given"
    desk.assign(ticket.id, "night_shift", actor="lead_day")
    assert walk(desk, ticket.id, ("agent_01", "accept")).team == "night_shift"


def test_who_is_out_of_our_region_is_marked_and_referred_with_the_way_to_go(desk: Desk) -> None:
    ticket = asked(desk, region="外省")
    assert ticket.tags == ("out_of_scope",)
    assert desk.proposal(ticket.id).by["tags"] == "elsewhere"  # type: ignore[union-attr]
    assert asked(desk, region="本省").tags == ()
    with pytest.raises(Refused, match="referral"):
        desk.advance(ticket.id, "refer", actor="agent_01")
    ticket = desk.advance(ticket.id, "refer", actor="agent_01", fields={"referral": "当地营业厅，电话在官网首页"})
    assert (ticket.state, ticket.fields["outcome"]) == ("archive", "referred")


def test_who_insists_gets_a_work_order_with_the_reason(desk: Desk) -> None:
    ticket = asked(desk, region="外省")
    with pytest.raises(Refused, match="insists"):
        desk.advance(ticket.id, "work_order", actor="agent_01")
    ticket = desk.advance(ticket.id, "work_order", actor="agent_01", fields={"insists": "在当地多次碰壁"})
    assert (ticket.state, ticket.team, ticket.assignee) == ("handle.region", "region", "region_01")


def test_a_service_out_of_scope_is_referred_unless_the_customer_insists(desk: Desk) -> None:
    ours, theirs = (service(desk, region=region) for region in ("本省", "外省"))
    assert desk.advance(ours.id, "classified", actor="agent_01", fields=MOVE).stage == "handle"
    with pytest.raises(Refused, match="tags"):
        desk.advance(ours.id, "refer", actor="agent_01", fields={"referral": "省外营业厅"})
    with pytest.raises(Refused, match="insists"):
        desk.advance(theirs.id, "classified", actor="agent_01", fields=MOVE)
    insisting = service(desk, region="外省")
    referred = desk.advance(theirs.id, "refer", actor="agent_01", fields={"referral": "省外营业厅"})
    assert (referred.state, referred.fields["outcome"]) == ("archive", "referred")
    served = desk.advance(insisting.id, "classified", actor="agent_01", fields={**MOVE, "insists": "当地拒绝受理"})
    assert served.stage == "handle"


def asked(desk: Desk, *, region: str) -> Ticket:
    """An inquiry of a customer from a region, about to be answered."""
    ticket = of_customer(desk, "请问怎么续约", region)
    assert ticket.type == "inquiry"
    return walk(desk, ticket.id, ("agent_01", "accept"), ("agent_01", "classified", {"topic": "usage"}))


def service(desk: Desk, *, region: str) -> Ticket:
    """A service asked for by a customer from a region, about to be classified."""
    ticket = of_customer(desk, "想办理移机", region)
    assert ticket.type == "service"
    return walk(desk, ticket.id, ("agent_01", "accept"))


def of_customer(desk: Desk, statement: str, region: str) -> Ticket:
    customer = {"account": f"{statement} {region} {len(desk.find().tickets)}", "region": region}
    return desk.open(actor="agent_01", fields={"statement": statement}, customer=customer)
