"""A message takes one way: that of whom it is for, whatever is set in this process."""

from __future__ import annotations

from typing import cast

import pytest

from tests.store.small import NOON
from workflow.core.model import Ticket
from workflow.definition.desk import DeskSpec
from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.routes import MAIL, OUTLET, WEBHOOK, Routes, plan, takes, unset
from workflow.delivery.settings import Access, Delivery

OUTLETS = {
    "own": {"kind": "wecom", "to": ["bob"]},
    "leads": {"kind": "dingtalk", "to": ["lead"]},
    "office": {"kind": "feishu", "to": ["back", "customer"]},
    "book": {"kind": "file", "to": ["night"], "path": "/srv/told.jsonl"},
}
MAILBOX = {"email": "x@example.org"}
DESK = DeskSpec.model_validate({
    "desk": "d", "zone": "UTC", "outlets": OUTLETS,
    "teams": {
        "front": {"lead": ["boss"], "members": ["ann", "bob", "eve"]},
        "back": {"lead": ["chief"], "members": ["bob", "boss", "cat", "dan"]},
        "night": {"lead": ["cat"], "members": ["dan"]},
    },
    "members": dict.fromkeys(("ann", "bob", "boss", "cat", "chief", "dan"), MAILBOX) | {"eve": {}},
})  # fmt: skip
ADDRESS = Access("https://chat.example.org/in?key=secret")
EVERYTHING = Delivery(
    webhook_url="https://example.org", webhook_secret="s", smtp_url="smtp://m?from=a@b",
    outlets={"own": ADDRESS, "leads": ADDRESS, "office": ADDRESS},
)  # fmt: skip


@pytest.mark.parametrize(
    ("to", "way"),
    [
        ("member:bob", OUTLET + "own"),  # who stands in an outlet, whatever their team has
        ("member:boss", OUTLET + "leads"), ("member:cat", OUTLET + "leads"),  # who leads, before their team's
        ("member:dan", OUTLET + "office"),  # the first of their teams that has one
        ("member:ann", MAIL), ("team:front", MAIL), ("member:eve", WEBHOOK),
        ("team:back", OUTLET + "office"), ("team:night", OUTLET + "book"), ("customer", OUTLET + "office"),
        ("host:bell", "host"),
    ],
)  # fmt: skip
def test_everybody_has_one_way(to: str, way: str) -> None:
    assert plan(EVERYTHING, DESK, ["bell"]).get(to, WEBHOOK) == way


@pytest.mark.parametrize("settings", [EVERYTHING, Delivery(), Delivery(outlets={"leads": ADDRESS})])
def test_no_message_can_leave_by_two_ways(settings: Delivery) -> None:
    routes = Routes(settings, DESK, {"bell": print})
    assert routes.takes == takes(settings, DESK, ["bell"])
    named = [to for way in routes.ways.values() for to in way.names]
    assert len(named) == len(set(named))
    if WEBHOOK in routes.ways:
        assert routes.ways[WEBHOOK].but >= set(named)


def test_what_is_for_an_outlet_that_is_not_set_here_goes_no_other_way() -> None:
    settings = Delivery(webhook_url="https://example.org", webhook_secret="s", outlets={"own": ADDRESS})
    found = takes(settings, DESK, ())
    assert {"member:bob", "team:night"} <= found.names
    assert found.all_others
    assert {"member:boss", "customer", "team:back"} <= found.but
    assert unset(settings, DESK) == ("leads", "office")
    assert unset(EVERYTHING, DESK) == ()


def test_whatever_a_sender_breaks_by_is_a_failure_of_its_message_and_not_repeated() -> None:
    settings = Delivery(outlets={"leads": Access("http://127.0.0.1:9/?key=hunter2", "hunter2\udcff")})
    notice = Notice("1-2", "member:boss", "escalate", "raised", NOON, cast("Ticket", None))
    with pytest.raises(Failure) as caught:
        Routes(settings, DESK, {}).send(notice, NOON)
    assert str(caught.value) == "unexpected UnicodeEncodeError"
