"""P2: a customer who waited long is thanked first, then guided to state the case."""

from __future__ import annotations

from datetime import timedelta

from workflow import Desk, Line, VirtualClock
from workflow.testing import memory_desk


def test_who_waited_long_is_thanked_before_anything_is_asked() -> None:
    with memory_desk() as desk:
        desk.open("complaint", actor="agent_01", fields={"statement": "断网三天"}, customer={"name": "张小明"})
        assert [line.situation for line in said(desk)] == ["greeting", "hear_complaint"]
        later(desk, 3)
        first, then = said(desk)
        assert (first.situation, then.situation) == ("thank_for_waiting", "hear_complaint")
        assert first.say.startswith("张*，您好，感谢您")
        assert "3 分钟" in first.do
        assert "断网三天" in then.say


def test_whoever_was_served_meanwhile_has_not_waited_long() -> None:
    with memory_desk() as desk:
        desk.open("complaint", actor="agent_01", fields={"statement": "断网三天"})
        later(desk, 20)
        desk.advance(1, "accept", actor="agent_01")
        assert "thank_for_waiting" not in [line.situation for line in said(desk)]


def said(desk: Desk) -> tuple[Line, ...]:
    return desk.what_to_say(1, actor="agent_01", lang="zh").lines


def later(desk: Desk, minutes: int) -> None:
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(minutes=minutes))
