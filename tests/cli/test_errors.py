"""How every failure ends: one message, its remedy, its exit code, in two languages and as JSON."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from workflow.cli.app import run

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and byte arguments of POSIX")


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["open", "complaint", "--field", "fees=abc", "--field", "statement=x"], 2, "bad_value"),
        (["open", "complaint"], 2, "bad_value"),
        (["open", "nothing"], 4, "not_found"),
        (["open", "complaint", "--field", "colour=red"], 4, "not_found"),
        (["show", "99"], 4, "not_found"),
        (["advance", "1", "nonsense"], 4, "not_found"),
        (["advance", "1", "passed"], 5, "refused"),
        (["advance", "1", "accept", "--actor", "reviewer_01"], 5, "forbidden"),
        (["assign", "1", "reviewers"], 5, "forbidden"),
        (["assign", "1", "nobody", "--actor", "lead_day"], 4, "not_found"),
        (["advance", "1", "accept", "--if-version", "7"], 6, "conflict"),
        (["advance", "1", "accept", "--at", "2031-01-01"], 2, "usage"),
        (["advance", "1", "accept", "--at", "noon"], 2, "usage"),
        (["list", "--after", "rubbish"], 2, "usage"),
        (["--database", "oracle://x", "list"], 7, "store"),
        (["--database", "sqlite:////no/such/folder/x.db", "list"], 7, "store"),
        (["export", "--output", "missing/x.csv"], 2, "usage"),
    ],
)
def test_each_failure_has_its_code(terminal: Terminal, words: list[str], code: int, kind: str) -> None:
    terminal.ticket()
    error = terminal.error(*words, code=code)
    assert error["code"] == kind
    assert error["message"]
    assert set(error) == {"code", "message", "remedy", "ticket", "field"}


def test_an_error_names_ticket_and_field(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert terminal.error("set", number, "--field", "fees=much", code=2)["field"] == "fees"
    assert terminal.error("advance", number, "passed", code=5)["ticket"] == number


def test_an_error_tells_times_in_the_desks_zone(terminal: Terminal) -> None:
    number = terminal.ticket()
    future = terminal.error("note", number, "x", "--at", "2031-01-01T08:00:00Z", code=2)
    assert future["message"] == "2031-01-01 16:00 lies in the future"
    terminal("promise", number, "--until", "2020-01-01 00:00:01", "--lang", "zh", code=2)
    assert "2020-01-01 00:00:01" in terminal.err


def test_a_person_reads_a_sentence_and_what_to_do(terminal: Terminal) -> None:
    assert terminal("show", "7", code=4) == ""
    assert terminal.err == "Error: there is no ticket 7\n  list the tickets with `ticketflow list`\n"
    terminal("show", "7", "--lang", "zh", code=4)
    assert terminal.err == "错误： 没有工单 7\n  可用 `ticketflow list` 查看工单\n"


@pytest.mark.parametrize(
    ("words", "en", "zh"),
    [
        (["hstory"], "No such command 'hstory'. Did you mean 'history'?", "没有命令 'hstory'。是不是 'history'？"),
        (["listk"], "No such command 'listk'. (Did you mean one of:", "没有命令 'listk'。（是不是其中之一"),
        (["frobnicate"], "No such command 'frobnicate'.", "没有命令 'frobnicate'。"),
        (
            ["list", "--lmit", "3"],
            "No such option '--lmit'. (Did you mean one of:",
            "没有选项 '--lmit'。（是不是其中之一",
        ),
        (["list", "--overdu"], "No such option '--overdu'. Did you mean '--overdue'?", "没有选项 '--overdu'。是不是"),
        (["list", "--frobnicate"], "No such option '--frobnicate'.", "没有选项 '--frobnicate'。"),
        (["show"], "Missing argument 'ID'.", "缺少参数 'ID'。"),
        (["show", "1", "2"], "Got unexpected extra argument (2)", "多余的参数（2）"),
        (["show", "1", "2", "3"], "Got unexpected extra arguments (2 3)", "多余的参数（2 3）"),
        (["list", "--all=3"], "Option '--all' does not take a value.", "选项 '--all' 不带值。"),
        (["show", "x"], "Invalid value for 'ID': 'x' is not a valid integer", "'ID' 的值无效：'x' 不是有效的 integer"),
        (["show", "0"], "Invalid value for 'ID': 0 is not in the range", "'ID' 的值无效：0 不在"),
        (
            ["schema", "x"],
            "'x' is not one of 'type', 'desk', 'rules', 'situations', 'language'.",
            "'x' 不在 'type', 'desk', 'rules', 'situations', 'language' 之中",
        ),
        (["completion"], "Missing argument '{bash|zsh|fish}'. Choose from:", "缺少参数 '{bash|zsh|fish}'。可选："),
    ],
)
def test_misuse_is_told_in_both_languages_and_in_json(empty: Terminal, words: list[str], en: str, zh: str) -> None:
    error = empty.error(*words, code=2)
    assert en in error["message"]
    assert error["code"] == "usage"
    assert "--help" in error["remedy"]
    assert zh in empty.error("--lang", "zh", *words, code=2)["message"]


def test_an_option_without_its_value_is_told(empty: Terminal) -> None:
    empty("--lang", "zh", "list", "--limit", code=2)
    assert empty.err.startswith("错误： 选项 '--limit' 需要一个值。")


def test_misuse_that_nobody_foresaw_is_told_as_click_tells_it(empty: Terminal) -> None:
    empty("advance", "1", "x", "--from", "nothing.txt", code=2)
    assert empty.err.startswith("Error: Invalid value for '--from': 'nothing.txt': No such file")


def test_a_group_without_its_command_shows_its_help(empty: Terminal) -> None:
    assert empty("timeouts", code=2) == ""
    assert "run   Fire every timer" in empty.err


def test_a_wrong_definition_shows_every_problem(empty: Terminal) -> None:
    (empty.folder / "definitions").mkdir()
    (empty.folder / "definitions" / "desk.yaml").write_text("desk: d\nzone: Nowhere\ncolour: red\n")
    error = empty.error("list", code=3)
    assert {"unknown-zone", "unknown-key"} <= {problem["code"] for problem in error["problems"]}
    assert set(error["problems"][0]) == {"file", "line", "column", "severity", "code", "message", "suggestion", "text"}
    empty("list", code=3)
    assert "desk.yaml:2:7: error unknown-zone: there is no time zone Nowhere" in empty.err
    empty("list", "--lang", "zh", code=3)
    assert "desk.yaml:2:7: 错误 unknown-zone: 没有时区 Nowhere" in empty.err


def test_what_nobody_expected_is_one_message(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the \x1b[31mmoon")

    monkeypatch.setattr("workflow.definition.schema.json_schema", broken)
    error = empty.error("schema", code=1)
    assert error["message"] == "something unexpected went wrong: RuntimeError: the [31mmoon"
    monkeypatch.setenv("TICKETFLOW_DEBUG", "1")
    with pytest.raises(RuntimeError):
        run(["schema"])


def test_hostile_text_in_a_message_is_harmless(terminal: Terminal) -> None:
    terminal("open", "\x1b[2J\u202eexe.\nError: done", code=4)
    assert "\x1b" not in terminal.err
    assert "\u202e" not in terminal.err
    assert len(terminal.err.splitlines()) == 2


def test_tables_of_somebody_else_are_left_alone(empty: Terminal) -> None:
    with sqlite3.connect(empty.folder / "ticketflow.db") as database:
        database.execute("CREATE TABLE ticketflow_tickets (colour TEXT)")
    assert empty.error("list", code=7)["code"] == "schema"


@POSIX
def test_an_argument_that_is_not_utf8_is_a_usage_error(empty: Terminal) -> None:
    with empty.spawn("open", b"\xff\xfe", "--json") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert "is not UTF-8" in json.loads(err)["error"]["message"]


@POSIX
@pytest.mark.parametrize("command", ["schema", "--help", pytest.param("demo", marks=pytest.mark.prove)])
def test_a_reader_that_closes_the_pipe_is_no_error(terminal: Terminal, command: str) -> None:
    program = f"{sys.executable} -m workflow.cli.main"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program} {command} | head -n 1"], cwd=terminal.folder,
        env=terminal.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") <= 1


@POSIX
def test_a_closed_standard_output_is_no_error(terminal: Terminal) -> None:
    program = f"{sys.executable} -m workflow.cli.main"
    done = subprocess.run(
        ["bash", "-c", f"{program} export >&-"], cwd=terminal.folder, env=terminal.environment(), capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


@POSIX
def test_ctrl_c_ends_with_130(terminal: Terminal) -> None:
    words = ["intake", "-", "--type", "inquiry", "--map", "statement=s"]
    with terminal.spawn(*words, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"s\nhello\n")
        process.stdin.flush()
        wait_until_it_runs(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == b"Interrupted. What was committed stays.\n"


def wait_until_it_runs(process: subprocess.Popen[bytes]) -> None:
    """Wait until the database is open and the process waits for more: what it does before is none of this test's."""
    import time

    known, still = "", 0
    for _ in range(600):
        time.sleep(0.1)
        spent = " ".join(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13])
        is_open = any(Path(link).name.startswith("ticketflow.db") for link in open_files(process.pid))
        known, still = spent, still + 1 if is_open and spent == known else 0
        if still == 5:
            return
    raise AssertionError("it did not start")


def open_files(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(link))
        except OSError:
            continue
    return found


@POSIX
def test_ctrl_c_during_the_start_ends_with_130(empty: Terminal) -> None:
    code = "import builtins, sys; real = builtins.__import__\n"
    code += "def slow(name, *rest):\n    if name == 'click': raise KeyboardInterrupt\n    return real(name, *rest)\n"
    code += "builtins.__import__ = slow\nfrom workflow.cli.main import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], env=empty.environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_output_that_has_no_room_is_told(terminal: Terminal) -> None:
    with Path("/dev/full").open("wb") as full, terminal.spawn("types", "--json", stdout=full) as process:
        _, told = process.communicate()
    error = json.loads(told)["error"]
    assert (process.returncode, error["code"]) == (7, "store")
    assert "there is no room left" in error["message"]
