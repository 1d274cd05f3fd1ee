"""P34: scripts per situation with the customer's name in them, and phrases that no customer is told (P8, P27)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from workflow import BadValue, Desk, Forbidden, NotFound, Verdict
from workflow.testing import memory_desk

FORBIDDEN = [
    ("cannot_help", "这个我也没办法", "I can't help it, sorry"),
    ("those_are_rules", "这是规定，改不了", "Those are the rules."),
    ("complain_upward", "你向上投诉也一样", "Complain to whoever you like"),
    ("cannot_find", "我查不到您的记录", "I can't find it"),
    ("no_permission", "我这边没有权限", "I have no permission for that"),
    ("only_wait", "稍等。", "Wait!"),
    ("just_wait", "请稍等", "Please wait"),
    ("sorry_for_waiting", "不好意思让您久等了", "Sorry for the long wait"),
    ("what_did_you_say", "你说什么？", "What did you say?"),
    ("soon", "我们会尽快处理", "We do it as soon as possible"),
    ("bare_word", "哦", "Oh"),
    ("bare_word", "嗯嗯……", "Mm."),
    ("bare_word", "好的", "Fine"),
]
ALLOWED = [
    "感谢您的耐心等候，我马上为您查，需要 2 分钟。",
    "好的，我记下了。接下来我核对您的订单。",
    "有没有办法更快？我去问，今天 18:00 前答复您。",
    "我们会尽快处理，最迟今天 18:00 前答复您。",
    "Thank you for waiting. I have the answer.",
    "Could you await our call at 15:30?",
    "We will finish it as soon as possible, within 2 hours.",
]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with memory_desk() as found:
        yield found


def complaint(desk: Desk, **more: object) -> int:
    """Bring a complaint to where an offer can be made, and return its id."""
    fields = {"statement": "断网三天", "category": "billing"}
    customer = {"name": "张小明", "phone": "13812345678"}
    ticket = desk.open("complaint", actor="agent_01", fields=fields, customer=customer, separate="另一件事", **more)  # type: ignore[arg-type]
    for trigger in ("accept", "classified", "negotiate"):
        desk.advance(ticket.id, trigger, actor="agent_01")
    return ticket.id


@pytest.mark.parametrize(("phrase", "zh", "en"), FORBIDDEN)
def test_a_forbidden_phrase_is_found_with_its_better_wording(desk: Desk, phrase: str, zh: str, en: str) -> None:
    for lang, text in (("zh", zh), ("en", en)):
        found = {remark.phrase: remark for remark in desk.check_phrases(text)}
        assert phrase in found
        assert found[phrase].lang == lang
        assert found[phrase].refused == (phrase != "just_wait")
        assert found[phrase].instead
        assert found[phrase].why


@pytest.mark.parametrize("text", ALLOWED)
def test_the_better_wording_passes(desk: Desk, text: str) -> None:
    assert desk.check_phrases(text) == ()


def test_what_a_customer_is_told_is_refused_and_nothing_has_happened(desk: Desk) -> None:
    ticket = complaint(desk)
    before = len(desk.history(ticket))
    with pytest.raises(BadValue, match="没办法") as caught:
        desk.advance(ticket, "make_offer", actor="agent_01", fields={"offer": "我也没 办法"})
    assert (caught.value.exit_code, caught.value.field, caught.value.ticket) == (2, "offer", ticket)
    assert "我能马上为您做的是" in caught.value.remedy
    with pytest.raises(BadValue, match="尽快"):
        desk.set_fields(ticket, {"offer": "尽快减免"}, actor="agent_01")
    with pytest.raises(BadValue, match="as soon as possible"):
        desk.promise(ticket, at(desk, hours=5), actor="agent_01", reason="We do it AS SOON  AS possible")
    assert len(desk.history(ticket)) == before
    assert desk.get(ticket).promise is None


def test_a_promise_with_a_time_in_it_and_the_customers_own_words_pass(desk: Desk) -> None:
    ticket = complaint(desk)
    desk.promise(ticket, at(desk, hours=5), actor="agent_01", reason="系统升级，今天 18:00 前办好")
    desk.set_fields(ticket, {"statement": "你们说尽快，结果没办法"}, actor="agent_01")


def test_what_had_better_be_said_otherwise_is_remarked(desk: Desk) -> None:
    ticket = complaint(desk)
    told = desk.advance(ticket, "make_offer", actor="agent_01", fields={"offer": "减免一个月费用，请稍等"})
    assert [(remark.phrase, remark.field) for remark in told.remarks] == [("just_wait", "offer")]
    assert desk.get(ticket).remarks == ()


def test_on_a_ticket_at_risk_no_route_upward_is_offered(desk: Desk) -> None:
    calm, risky = complaint(desk), complaint(desk, tags=["risk"])
    offer = {"offer": "减免费用；也可以向工信部或 10015 反映"}
    assert desk.check_phrases(offer["offer"], ticket_id=calm) == ()
    assert [remark.phrase for remark in desk.check_phrases(offer["offer"], ticket_id=risky)] == ["route_upward"] * 2
    with pytest.raises(BadValue, match="route_upward"):
        desk.advance(risky, "make_offer", actor="agent_01", fields=offer)
    assert desk.advance(calm, "make_offer", actor="agent_01", fields=offer).state == "handle.offer_made"


@pytest.mark.parametrize(
    ("answer", "state"), [("We open at 9:00.", "handle.bot"), ("I can't help you. We open at 9:00.", "intake")]
)
def test_a_machines_answer_with_a_forbidden_phrase_is_left_to_a_person(answer: str, state: str) -> None:
    with memory_desk(classifiers={"bot": lambda _: Verdict(type="inquiry", answer=answer)}) as desk:
        ticket = desk.open(actor="agent_01", fields={"statement": "When do you open?"})
        assert (ticket.type, ticket.state) == ("inquiry", state)


def test_guidance_bears_the_tickets_data_masked_as_the_role_demands(desk: Desk) -> None:
    ticket = complaint(desk)
    desk.advance(ticket, "make_offer", actor="agent_01", fields={"offer": "减免一个月费用"})
    desk.advance(ticket, "offer_declined", actor="agent_01", fields={"offer_answer": "太少"})
    desk.tag(ticket, actor="agent_01", add=["heated", "risk"])
    spoken = desk.what_to_say(ticket, actor="agent_01", lang="zh")
    assert [line.situation for line in spoken.lines] == ["risk", "another_offer", "give_a_time"]
    assert spoken.lines[0].say.startswith("张*，")
    assert "“减免一个月费用”" in spoken.lines[1].do
    assert desk.what_to_say(ticket, actor="lead_day", lang="zh", reveal=True).lines[0].say.startswith("张小明，")
    with pytest.raises(Forbidden):
        desk.what_to_say(ticket, actor="agent_01", reveal=True)
    with pytest.raises(NotFound):
        desk.what_to_say(ticket, actor="nobody")


def test_a_promise_about_to_slip_is_announced_and_a_missing_one_asked_for(desk: Desk) -> None:
    ticket = complaint(desk)
    assert situations(desk, ticket)[-1] == "give_a_time"
    desk.promise(ticket, at(desk, hours=1), actor="agent_01")
    assert situations(desk, ticket)[-1] == "promise_slips"
    desk.promise(ticket, at(desk, hours=9), actor="agent_01", reason="等供应商")
    assert "promise_slips" not in situations(desk, ticket)


def test_news_is_due_after_two_hours_and_given_is_not_due_again() -> None:
    with memory_desk() as desk:
        ticket = complaint(desk)
        desk.run_timeouts(as_of=at(desk, hours=2))
        assert situations(desk, ticket)[-1] == "progress_due"
        desk.advance(ticket, "progress_given", actor="agent_01")
        assert situations(desk, ticket)[-1] == "give_a_time"


def situations(desk: Desk, ticket: int) -> list[str]:
    return [line.situation for line in desk.what_to_say(ticket, actor="agent_01").lines]


def at(desk: Desk, *, hours: int) -> datetime:
    return desk.clock.now() + timedelta(hours=hours)


@pytest.mark.parametrize(("lang", "hello"), [("zh", "张*，您好"), ("en", "Hello 张*")])
def test_each_language_has_its_own_script(desk: Desk, lang: str, hello: str) -> None:
    ticket = desk.open("inquiry", actor="agent_01", fields={"statement": "?"}, customer={"name": "张小明"})
    assert desk.what_to_say(ticket.id, actor="agent_01", lang=lang).lines[0].say.startswith(hello)
