"""P36: the strategy record of any ticket, as a form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.cli.pages import Tags
from workflow import Desk, Forbidden
from workflow.cli import paper
from workflow.testing import memory_desk

HOSTILE = "<script>alert(1)</script> | **bold** [x](javascript:y)\n# no heading\n1. no list\x1b[31m"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with memory_desk() as found:
        yield found


def complaint(desk: Desk, statement: str) -> int:
    fields = {"statement": statement, "demand": "退一个月费用", "category": "billing"}
    customer = {"name": "张小明", "phone": "13812345678", "account": "20240001"}
    ticket = desk.open("complaint", actor="agent_01", fields=fields, customer=customer)
    for trigger in ("accept", "classified", "negotiate"):
        desk.advance(ticket.id, trigger, actor="agent_01")
    desk.advance(ticket.id, "make_offer", actor="agent_01", fields={"offer": "减免一个月费用"}, note="客户语气平和")
    return ticket.id


def test_every_row_is_filled_from_the_ticket(desk: Desk) -> None:
    ticket = complaint(desk, "多扣了一个月的费用")
    desk.promise(ticket, desk.clock.now() + timedelta(hours=5), actor="agent_01")
    settled = {"product": "宽带", "resolution": "已退费", "fees": "0", "opinions": "处理得快"}
    desk.advance(ticket, "offer_accepted", actor="agent_01", fields=settled)
    record = desk.form(ticket, actor="agent_01", lang="zh")
    assert (record.name, record.contact, record.type) == ("张*", "138****5678", "投诉")
    assert (record.words, record.demand, record.result) == ("多扣了一个月的费用", "退一个月费用", "已退费")
    assert record.order == "2****01"
    assert record.feedback == "客户意见：处理得快"
    assert record.state == "处理中 · 审核"
    assert record.time.startswith("2026-03-02 09:00 · 到期 ")
    assert [(step.who, step.what, step.told) for step in record.strategy[2:5]] == [
        ("坐席01", "协商补偿", ()),
        ("坐席01", "提出方案", ("减免一个月费用", "客户语气平和")),
        ("坐席01", "承诺 2026-03-02 14:00 前答复", ()),
    ]
    english = desk.form(ticket, actor="agent_01", lang="en")
    assert (english.type, english.state) == ("Complaint", "being handled · Review")
    assert desk.form(ticket, actor="lead_day", lang="zh", reveal=True).contact == "13812345678"
    with pytest.raises(Forbidden):
        desk.form(ticket, actor="agent_01", reveal=True)


@pytest.mark.parametrize("width", [None, 40, 80])
def test_nothing_that_was_typed_is_taken_for_markup(desk: Desk, width: int | None) -> None:
    record = desk.form(complaint(desk, HOSTILE), actor="agent_01", lang="zh")
    html, markdown = ("\n".join(write(record, width)) for write in (paper.html, paper.markdown))
    parser = Tags()
    parser.feed(html)
    assert parser.tags == {"html", "meta", "title", "style", "h1", "table", "tr", "th", "td", "br"}
    assert "\x1b" not in html + markdown
    assert "<script" not in markdown
    lines = markdown.splitlines()
    assert [line for line in lines if line.startswith("#")] == ["# 策略记录表"]
    assert "  1\\. no list[31m".replace("[", "\\[") in lines
    assert r"\*\*bold\*\*" in markdown
    assert r"\[x\](javascript:y)" in markdown.replace("\n  ", " ")
