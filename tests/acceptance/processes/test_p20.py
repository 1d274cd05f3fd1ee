"""P20: while a case is handled the customer hears of its progress within two hours, and again until it is solved."""

from __future__ import annotations

from tests.acceptance.processes.steps import HANDLED, RECORD, SPECIAL, later, opened, situations, told_by, walk
from workflow import Desk

DUE = [("member:office_01", "notify")]


def test_progress_is_due_every_two_hours_until_it_is_settled(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    desk.assign(ticket.id, "office_01", actor="lead_day")
    assert later(desk, minutes=119) == []
    walk(desk, ticket.id, ("office_01", "progress_given"))
    assert later(desk, minutes=119) == []
    assert later(desk, minutes=1) == DUE
    assert later(desk, hours=2) == DUE * 2, "and again"
    walk(desk, ticket.id, ("office_01", "settle", RECORD))
    assert later(desk, hours=2) == DUE * 2


def test_so_it_is_in_every_type_but_suggestions_which_the_product_team_thinks_over(desk: Desk) -> None:
    tickets = {name: opened(desk, name, *HANDLED[name]) for name in set(HANDLED) - {"suggestion"}}
    for name, ticket in tickets.items():
        desk.assign(ticket.id, "office_01" if name == "complaint" else str(ticket.team), actor="lead_day")
    later(desk, hours=2)
    assert told_by(desk, "sla:progress/100%") == set(tickets)
    assert all("progress_due" in situations(desk, ticket.id) for ticket in tickets.values())


def test_the_customer_is_left_the_agents_number_and_the_tickets(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    lines = desk.what_to_say(ticket.id, actor="specialist_03", lang="zh").lines
    said = [line.say for line in lines if line.situation == "give_a_time"]
    assert [("专员03" in each, f"工单号是 {ticket.id}" in each) for each in said] == [(True, True)]
