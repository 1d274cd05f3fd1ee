"""P29: every channel feeds one desk: the channel is on each ticket, and one intake sorts them all."""

from __future__ import annotations

from workflow import Contact
from workflow.testing import memory_desk

CONTACTS = {
    "web": ("咨询一下资费", "inquiry"), "wechat": ("投诉你们乱扣费", "complaint"),
    "weibo": ("建议夜间也有客服", "suggestion"),
    "douyin": ("申请开通套餐", "activation"), "app": ("上不了网，报修", "service"), "phone": ("机房起火", "emergency"),
}  # fmt: skip


def test_contacts_of_every_channel_are_sorted_by_one_intake() -> None:
    with memory_desk() as desk:
        assert set(desk.desk.channels) == set(CONTACTS)
        contacts = [Contact(line, {"statement": text}, channel=channel)
                    for line, (channel, (text, _)) in enumerate(CONTACTS.items())]  # fmt: skip
        assert desk.intake(contacts, actor="agent_01").opened == len(CONTACTS)
        sorted_ = {ticket.channel: ticket.type for ticket in desk.find().tickets}
        assert sorted_ == {channel: kind for channel, (_, kind) in CONTACTS.items()}
        assert desk.rules_report().defaulted == 0


def test_what_no_rule_knows_is_a_ticket_all_the_same_and_counted() -> None:
    with memory_desk() as desk:
        assert desk.open(actor="agent_01", channel="app", fields={"statement": "呵呵"}).type == "inquiry"
        assert desk.rules_report().defaulted == 1
