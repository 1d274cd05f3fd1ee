"""P8: escalation risk 越级投诉倾向: the lead is told in the transaction of the intake, the region after."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import RECORD, SPECIAL, opened, situations, walk
from workflow import Contact, Desk, Refused, VirtualClock
from workflow.testing import memory_desk

RISKS = {
    "再不处理我就去工信部": "regulator", "我打１００１５了": "regulator", "等着微博见吧，发到网上去": "media",
    "明天就联系记者曝光": "media", "法庭见，我的律师会联系你们": "lawyer", "I will take legal action": "lawyer",
}  # fmt: skip


@pytest.mark.parametrize(("text", "rule"), RISKS.items())
def test_the_lead_is_told_with_the_opening_and_the_region_after(text: str, rule: str) -> None:
    with memory_desk() as desk:
        ticket = desk.open(actor="agent_01", channel="weibo", fields={"statement": text})
        assert (ticket.type, ticket.priority, ticket.tags) == ("complaint", "high", ("risk",))
        assert desk.proposal(ticket.id).by["risk"] == rule  # type: ignore[union-attr]
        assert told(desk) == ["member:lead_day"]
        assert isinstance(desk.clock, VirtualClock)
        for minutes in (30, 60):
            desk.clock.advance(timedelta(minutes=minutes))
            desk.run_timeouts()
        assert list(dict.fromkeys(told(desk))) == ["member:lead_day", "member:supervisor_01", "member:region_01"]


def test_a_risk_is_found_whoever_gave_the_type_and_a_harmless_word_is_none() -> None:
    with memory_desk() as desk:
        ticket = desk.open("inquiry", actor="agent_01", fields={"statement": "答不上来我就找媒体"})
        assert (ticket.type, ticket.tags, told(desk)) == ("inquiry", ("risk",), ["member:lead_day"])
        desk.open("inquiry", actor="agent_01", fields={"statement": "在微博上看到你们的多媒体套餐"})
        assert told(desk) == ["member:lead_day"]


def test_many_contacts_at_once_are_no_different() -> None:
    with memory_desk() as desk:
        texts = ("信号很好", "不解决就起诉你们")
        contacts = [Contact(line, {"statement": text}) for line, text in enumerate(texts)]
        assert desk.intake(contacts, actor="agent_01").opened == 2
        assert [ticket.tags for ticket in desk.find().tickets] == [(), ("risk",)]
        assert told(desk) == ["member:lead_day"]


def test_no_route_upward_is_offered_on_such_a_ticket() -> None:
    with memory_desk() as desk:
        ticket = desk.open(actor="agent_01", fields={"statement": "我要找工信部"})
        with pytest.raises(Exception, match=r"phrase|客户") as refusal:
            desk.promise(
                ticket.id, desk.clock.now() + timedelta(hours=2), actor="agent_01", reason="您可以向工信部投诉"
            )
        assert not isinstance(refusal.value, Refused)
        assert "risk" in {line.situation for line in desk.what_to_say(ticket.id, actor="agent_01").lines}


@pytest.mark.parametrize("text", ["您可以去消费者协会", "You could go to the ombudsman"])
def test_nor_in_any_language(text: str) -> None:
    with memory_desk() as desk:
        ticket = desk.open(actor="agent_01", fields={"statement": "我要找工信部"})
        assert [remark.phrase for remark in desk.check_phrases(text, ticket_id=ticket.id)] == ["route_upward"]


@pytest.mark.parametrize(
    ("fault", "said"), [("ours", "fault_ours"), ("both", "fault_both"), ("misunderstanding", "misunderstanding")]
)
def test_whose_fault_it_is_decides_how_it_is_answered(fault: str, said: str) -> None:
    with memory_desk() as desk:
        ticket = opened(desk, "complaint", *SPECIAL)
        desk.tag(ticket.id, actor="agent_01", add=["risk"])
        with pytest.raises(Refused, match="fault"):
            desk.advance(ticket.id, "settle", actor="office_01", fields=RECORD)
        desk.set_fields(ticket.id, {"fault": fault}, actor="office_01")
        assert said in situations(desk, ticket.id)
        assert walk(desk, ticket.id, ("office_01", "settle", RECORD)).state == "review"


def test_an_accepted_offer_settles_nothing_before_that_is_known() -> None:
    with memory_desk() as desk:
        offer = ("specialist_01", "negotiate"), ("specialist_01", "make_offer", {"offer": "减免一个月费用"})
        ticket = opened(desk, "complaint", *SPECIAL, *offer)
        desk.tag(ticket.id, actor="agent_01", add=["risk"])
        with pytest.raises(Refused, match="fault"):
            desk.advance(ticket.id, "offer_accepted", actor="specialist_01", fields=RECORD)
        found = ("specialist_01", "offer_accepted", {**RECORD, "fault": "ours"})
        assert walk(desk, ticket.id, found).state == "review"


def told(desk: Desk) -> list[str]:
    return [row.to for row in desk.outbox(limit=500) if row.kind == "escalate"]
