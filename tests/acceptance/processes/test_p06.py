"""P6: account data only after an identity check, and after self-service was offered; the digits are kept nowhere."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import Step, later, situations, walk
from workflow import Desk, Forbidden, Refused

WHO = {"name": "张小明", "phone": "13812345678", "id_number": "11010119900307123X"}
OFFERED = {"self_service": "yes"}
TO_HANDLE: dict[str, tuple[Step, ...]] = {
    "inquiry": (("agent_01", "accept"), ("agent_01", "classified", {"topic": "billing"})),
    "service": (("agent_01", "accept"), ("agent_01", "classified", {"request": "invoice", "notes": "三月"})),
}
TELLER = {"inquiry": "agent_01", "service": "specialist_01"}


def refused(desk: Desk, ticket: int, actor: str, fields: dict[str, str]) -> str:
    with pytest.raises(Refused) as found:
        desk.advance(ticket, "account_told", actor=actor, fields=fields)
    return found.value.rule


@pytest.mark.parametrize("kind", TO_HANDLE)
def test_account_data_are_told_last(desk: Desk, kind: str) -> None:
    ticket = desk.open(kind, actor="agent_01", fields={"statement": "这个月为什么多扣钱"}, customer=WHO).id
    walk(desk, ticket, *TO_HANDLE[kind])
    teller = TELLER[kind]
    assert refused(desk, ticket, teller, {}) == "self_service"
    assert refused(desk, ticket, teller, OFFERED) == "identity"
    desk.verify(ticket, {"phone_last4": "5678"}, actor=teller)
    assert refused(desk, ticket, teller, {}) == "self_service"
    assert walk(desk, ticket, (teller, "account_told", OFFERED)).stage == "handle"
    assert [entry.kind for entry in desk.history(ticket)][-2:] == ["verified", "advanced"]
    later(desk, minutes=31)
    assert refused(desk, ticket, teller, {}) == "identity", "half an hour later somebody else may be on the line"
    desk.verify(ticket, {"id_last6": "07123x"}, actor=teller, party="person_of_right")
    assert desk.history(ticket)[-1].data == {"facts": ["id_last6"], "party": "person_of_right"}
    walk(desk, ticket, (teller, "account_told"))


def test_wrong_answers_are_recorded_and_end(desk: Desk) -> None:
    ticket = desk.open("inquiry", actor="agent_01", fields={"statement": "查余额"}, customer=WHO).id
    walk(desk, ticket, *TO_HANDLE["inquiry"])
    for digits in ("0000", "0001", "0002", "5678"):
        with pytest.raises(Refused) as wrong:
            desk.verify(ticket, {"phone_last4": digits}, actor="agent_01")
    assert wrong.value.rule == "attempts"
    assert [entry.kind for entry in desk.history(ticket)].count("mismatched") == 3
    assert refused(desk, ticket, "agent_01", OFFERED) == "identity"
    desk.verify(ticket, {"phone_last4": "5678"}, actor="agent_02")
    walk(desk, ticket, ("agent_01", "account_told", OFFERED))


def test_the_number_of_the_card_is_shown_to_nobody_before(desk: Desk) -> None:
    ticket = desk.open("inquiry", actor="agent_01", fields={"statement": "查余额"}, customer=WHO)
    with pytest.raises(Forbidden):
        desk.reveal(ticket, actor="agent_01", how="test")

    def shown() -> dict[str, object]:
        (found,) = desk.reveal(desk.get(ticket.id), actor="lead_day", how="test")
        assert found.customer is not None
        return dict(found.customer.fields)

    assert shown() == WHO | {"id_number": "1****"}
    assert desk.disclosures()[-1].fields == ("customer.name", "customer.phone")
    desk.verify(ticket.id, {"phone_last4": "5678"}, actor="lead_day")
    assert shown() == WHO
    assert "customer.id_number" in desk.disclosures()[-1].fields
    later(desk, minutes=31)
    assert shown()["id_number"] == "1****"
    masked = desk.masked(ticket).customer
    assert masked is not None
    assert masked.fields["id_number"] == "1****", "how it ends is what the caller is asked for"


def test_there_are_words_for_offering_self_service_first(desk: Desk) -> None:
    ticket = desk.open("inquiry", actor="agent_01", fields={"statement": "查余额"}, customer=WHO)
    walk(desk, ticket.id, *TO_HANDLE["inquiry"])
    assert "own_data" in situations(desk, ticket.id)
