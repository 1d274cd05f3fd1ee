"""P24: an apology, an offer to make up for it, and another one if that is declined."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import RECORD, SPECIAL, heard, opened, walk
from workflow import Desk, Refused

ANSWER = {"offer_answer": "太少"}


def test_offers_go_on_until_one_is_accepted_and_all_are_kept(desk: Desk) -> None:
    ticket = opened(
        desk,
        "complaint",
        *SPECIAL,
        ("specialist_01", "negotiate"),
        ("specialist_01", "make_offer", {"offer": "一张代金券"}),
        ("specialist_01", "offer_declined", ANSWER),
        ("specialist_01", "make_offer", {"offer": "退还39元"}),
        ("specialist_01", "offer_accepted", RECORD),
    )
    assert (ticket.state, ticket.fields["offer"]) == ("review", "退还39元")
    offers = [step.told for step in desk.form(ticket.id, actor="lead_day", lang="zh").strategy if step.told]
    assert offers == [("一张代金券",), ("太少",), ("退还39元",)]


def test_each_offer_is_a_new_one_and_each_refusal_has_its_answer(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("specialist_01", "negotiate"))
    first = (("specialist_01", "make_offer", {"offer": "一张代金券"}), ("specialist_01", "offer_declined", ANSWER))
    walk(desk, ticket.id, *first)
    with pytest.raises(Refused, match="offer"):
        desk.advance(ticket.id, "make_offer", actor="specialist_01")
    walk(desk, ticket.id, first[0])
    with pytest.raises(Refused, match="offer_answer"):
        desk.advance(ticket.id, "offer_declined", actor="specialist_01")


def test_the_apology_is_what_to_say_first(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("specialist_01", "negotiate"))
    spoken = desk.what_to_say(ticket.id, actor="specialist_01", lang="zh")
    assert any("抱歉" in line.say or "歉" in line.do for line in spoken.lines)


def test_there_are_words_for_each_offer(desk: Desk) -> None:
    said = heard(
        desk,
        "complaint",
        *SPECIAL,
        ("specialist_01", "negotiate"),
        ("specialist_01", "make_offer", {"offer": "一张代金券"}),
        ("specialist_01", "offer_declined", ANSWER),
    )
    assert [each for each in said if each in ("negotiating", "offer_made", "another_offer")] == [
        "negotiating",
        "offer_made",
        "another_offer",
    ]
