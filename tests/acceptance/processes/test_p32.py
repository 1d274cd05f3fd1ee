"""P32: tags on the customer and the case, set by rules and by hand."""

from __future__ import annotations

from workflow import Proposal, Ticket
from workflow.testing import memory_desk

WHO = {"name": "王小姐", "phone": "13800000001"}


def test_rules_tag_the_case_by_its_words_and_by_the_tags_of_its_customer() -> None:
    with memory_desk() as desk:
        first = desk.open(actor="agent_01", fields={"statement": "太气人了，宽带又断了"}, customer=WHO)
        assert first.tags == ("broadband", "heated")
        desk.tag_customer(customer_of(first), actor="agent_01", add=["vip"])
        again = desk.open(actor="agent_01", fields={"statement": "请问几点开门"}, customer=WHO, separate="另一件事")
        assert (again.tags, again.priority) == (("vip",), "high")


def test_a_person_goes_before_the_rules_and_their_correction_stands_beside_the_proposal() -> None:
    with memory_desk() as desk:
        ticket = desk.open(
            actor="agent_01", fields={"statement": "太气人了", "topic": "order"}, tags=["mine"], priority="low"
        )
        assert (ticket.tags, ticket.priority, ticket.fields["topic"]) == (("heated", "mine"), "low", "order")
        desk.tag(ticket.id, actor="agent_02", add=["more"])
        assert corrected(desk.proposal(ticket.id)) == {}, "one more tag contradicts nobody"
        desk.tag(ticket.id, actor="agent_02", remove=["heated"])
        assert corrected(desk.proposal(ticket.id)) == {"tags": {"by": "agent_02", "to": ["mine", "more"]}}
        desk.tag(ticket.id, actor="agent_02", add=["heated"])
        assert corrected(desk.proposal(ticket.id)) == {}, "they came back to it"


def test_it_is_counted_how_often_a_person_agreed() -> None:
    with memory_desk() as desk:
        for number, topic in enumerate(("billing", "policy"), 1):
            desk.open(actor="agent_01", fields={"statement": "请问月租多少钱"})
            desk.advance(number, "accept", actor="agent_01")
            desk.advance(number, "classified", actor="agent_01", fields={"topic": topic})
        figures = {rule.rule: (rule.spoke, rule.agreed, rule.corrected) for rule in desk.rules_report().rules}
        assert (figures["about_billing"], figures["asks"]) == ((2, 1, 1), (2, 2, 0))


def customer_of(ticket: Ticket) -> int:
    assert ticket.customer is not None
    return ticket.customer.id


def corrected(proposal: Proposal | None) -> dict[str, object]:
    assert proposal is not None
    return dict(proposal.corrected)
