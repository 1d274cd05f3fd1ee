"""`classify` explains, `rules report` counts, `open` and `intake` need no type; in both languages and in a pipe."""

from __future__ import annotations

from tests.cli.conftest import Terminal
from workflow.cli.render import cells

ROWS = "statement,type\n再不处理我找工信部,complaint\n咨询一下资费,complaint\n呵呵,\n"


def test_classify_explains(terminal: Terminal) -> None:
    found = terminal.one("classify", "--text", "再不处理我找工信部", "--channel", "weibo")
    assert (found["proposed"]["type"], found["by"]["risk"], found["defaulted"]) == ("complaint", "regulator", False)
    assert found["voices"][0]["words"] == ["工信部"]
    assert terminal("classify", "--text", "再不处理我找工信部").splitlines()[:2] == [
        "what\tproposed\tproposed by", "type\tcomplaint\tregulator",
    ]  # fmt: skip
    shown = terminal("--lang", "zh", "classify", "--text", "再不处理我找工信部")
    assert "类型\t投诉\t扬言向监管部门反映" in shown
    assert terminal.objects("list") == [], "nothing was written"


def test_a_ticket_is_opened_without_a_type_and_shows_how_it_was_sorted(terminal: Terminal) -> None:
    number = terminal.one("open", "-f", "statement=月租多少钱，太贵了")["id"]
    assert terminal.one("show", number)["proposal"]["by"]["type"] == "question"
    terminal("set", number, "-f", "topic=policy")
    shown = terminal("--lang", "zh", "show", number, COLUMNS="80")
    assert "费用咨询" in shown
    assert "分类依据=" in terminal("--lang", "zh", "history", number)
    assert all(cells(line) <= 200 for line in shown.splitlines())


def test_the_report_counts_over_a_file_and_over_the_tickets(terminal: Terminal) -> None:
    (terminal.folder / "calls.csv").write_text(ROWS, encoding="utf-8")
    found = terminal.one("rules", "report", "calls.csv")
    figures = {rule["rule"]: rule for rule in found["rules"]}
    assert (found["contacts"], found["defaulted"]) == (3, 1)
    assert (figures["regulator"]["agreed"], figures["asks"]["corrected"], figures["default"]["spoke"]) == (1, 1, 1)
    assert terminal.one("rules", "report")["contacts"] == 0
    terminal("intake", "calls.csv")
    lines = terminal("rules", "report").splitlines()
    assert lines[0] == "rule\tlabel\tspoke\tshare\tagreed\tcorrected"
    assert lines[-1] == "2 contacts were sorted: complaint 1, inquiry 1"
