"""P24: an apology, an offer to make up for it, and another one if that is declined."""

from __future__ import annotations

from tests.acceptance.processes.steps import RECORD, SPECIAL, opened
from workflow import Desk


def test_offers_go_on_until_one_is_accepted_and_all_are_kept(desk: Desk) -> None:
    ticket = opened(
        desk,
        "complaint",
        *SPECIAL,
        ("specialist_01", "negotiate"),
        ("specialist_01", "make_offer", {"offer": "一张代金券"}),
        ("specialist_01", "offer_declined"),
        ("specialist_01", "make_offer", {"offer": "退还39元"}),
        ("specialist_01", "offer_accepted", RECORD),
    )
    assert (ticket.state, ticket.fields["offer"]) == ("review", "退还39元")
    offers = [step.told for step in desk.form(ticket.id, actor="lead_day", lang="zh").strategy if step.told]
    assert offers == [("一张代金券",), ("退还39元",)]


def test_the_apology_is_what_to_say_first(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("specialist_01", "negotiate"))
    spoken = desk.what_to_say(ticket.id, actor="specialist_01", lang="zh")
    assert any("抱歉" in line.say or "歉" in line.do for line in spoken.lines)
