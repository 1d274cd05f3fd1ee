"""Where a setting comes from, which desk is meant, and who acts."""

from __future__ import annotations

import os
import pwd
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import NOW, Terminal
from workflow.cli.context import Session, read_settings
from workflow.cli.osuser import os_user
from workflow.errors import UsageError


def settings(text: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ticketflow.toml").write_text(text, "utf-8")


def test_an_option_goes_before_the_environment_and_that_before_the_file(
    empty: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings('actor = "from_file"\nlang = "zh"', empty.folder)
    session = Session()
    assert session.setting("actor") == "from_file"
    monkeypatch.setenv("TICKETFLOW_ACTOR", "from_environment")
    assert session.setting("actor") == "from_environment"
    session.flags["actor"] = "from_option"
    assert session.setting("actor") == "from_option"
    assert session.setting("database") is None
    assert session.lang == "zh"


def test_the_nearest_file_upward_counts(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    settings('actor = "far"', empty.folder)
    settings('actor = "near"', empty.folder / "a")
    (empty.folder / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.chdir(empty.folder / "a" / "b" / "c")
    assert Session().setting("actor") == "near"


def test_paths_in_the_file_are_relative_to_it(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    settings('database = "sqlite:///data/desk.db"\ndefinitions = "rules"', empty.folder)
    (empty.folder / "inner").mkdir()
    monkeypatch.chdir(empty.folder / "inner")
    assert Session().setting("database") == f"sqlite:///{empty.folder / 'data' / 'desk.db'}"
    assert Session().definitions == empty.folder / "rules"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://localhost/desk"])
def test_a_database_without_a_file_stays_as_it_is(empty: Terminal, url: str) -> None:
    settings(f'database = "{url}"', empty.folder)
    assert Session().setting("database") == url


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("actor = ", "cannot be read"),
        ("colour = 'red'", "colour is no setting"),
        ("actor = 3", "actor is no setting"),
        ("actor = '\udcff'", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_refused(empty: Terminal, text: str, told: str) -> None:
    path = empty.folder / "ticketflow.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=told):
        read_settings(path)
    assert told in empty.error("list", code=2, TICKETFLOW_ACTOR=None)["message"]
    assert "Usage:" in empty("--help"), "help is given all the same"


def test_the_definitions_here_go_before_the_shipped_ones(empty: Terminal) -> None:
    assert Session().definitions.name == "definitions"
    assert Session().definitions.is_absolute()
    (empty.folder / "definitions").mkdir()
    assert Session().definitions.is_absolute(), "a folder without a desk is somebody else's"
    (empty.folder / "definitions" / "desk.yaml").touch()
    assert Session().definitions == Path("definitions")


def test_an_unknown_language_is_refused(empty: Terminal) -> None:
    assert "there is no language fr" in empty.error("list", code=2, TICKETFLOW_LANG="fr")["message"]
    assert "--lang" in empty.error("--lang", "fr", "list", code=2)["message"]


def test_settings_may_stand_before_and_after_the_command(terminal: Terminal) -> None:
    for words in (("--actor", "lead_day", "open"), ("open", "--actor", "lead_day")):
        terminal(*words, "inquiry", "--field", "statement=?", TICKETFLOW_ACTOR=None)
    entries = terminal.objects("history", "1") + terminal.objects("history", "2")
    assert [entry["actor"] for entry in entries] == ["lead_day", "lead_day"]


def test_the_database_is_made_on_first_use(empty: Terminal) -> None:
    empty("--database", "sqlite:///other.db", "list")
    assert (empty.folder / "other.db").exists()
    assert not (empty.folder / "ticketflow.db").exists()


def test_how_long_to_wait_for_a_lock_can_be_said(terminal: Terminal) -> None:
    with sqlite3.connect(terminal.folder / "ticketflow.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        settings("busy_timeout = 0.05", terminal.folder)
        assert terminal.error("open", "inquiry", "-f", "statement=?", code=7)["code"] == "store_busy"
        assert terminal.error("db", "upgrade", "--busy-timeout", "0", code=7)["code"] == "store_busy"
        assert time.monotonic() - began < 4
        other.execute("ROLLBACK")
    for given in ("soon", "-1", "nan"):
        assert given in terminal.error("list", "--busy-timeout", given, code=2)["message"]


# Who acts.

ME = os_user()


def desk_with(terminal: Terminal, old: str, new: str) -> None:
    terminal("init")
    path = terminal.folder / "definitions" / "desk.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def opened_by(terminal: Terminal) -> str:
    terminal("open", "inquiry", "--field", "statement=?", TICKETFLOW_ACTOR=None)
    return str(terminal.objects("history", "1")[0]["actor"])


def test_without_a_name_the_default_actor_acts(empty: Terminal) -> None:
    assert opened_by(empty) == "agent_01"


def test_the_member_with_my_os_user_acts(empty: Terminal) -> None:
    desk_with(empty, "  lead_day: {", f"  lead_day: {{os_user: [nobody_here, {ME}], ")
    assert opened_by(empty) == "lead_day"


def test_without_anybody_it_is_refused(empty: Terminal) -> None:
    desk_with(empty, "default_actor: agent_01", "")
    error = empty.error("open", "inquiry", code=5, TICKETFLOW_ACTOR=None)
    assert ME in error["message"]
    assert "--actor" in error["remedy"]
    (row,) = empty.objects("refusals", "list")
    assert (row["actor"], row["os_user"], row["verb"], row["rule"]) == (None, ME, "open", "os_user")


def test_a_user_without_a_name_goes_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert os_user() == str(os.getuid())


def test_a_name_is_taken_only_by_whom_the_desk_lets(empty: Terminal) -> None:
    """Neither an option nor the environment proves who somebody is."""
    desk_with(empty, 'act_as: {"*": "*"}', f"act_as: {{{ME}: [lead_day, lead_night], somebody: [supervisor_01]}}")
    words = ("open", "inquiry", "-f", "statement=?")
    more: dict[str, Any] = {"TICKETFLOW_ACTOR": None, "LOGNAME": "somebody"}
    for actor in ("lead_day", "lead_night", "agent_01"):  # the last is the default actor
        empty(*words, "--actor", actor, **more)
    forged: list[tuple[str, ...]] = [("open", *words[1:]), ("note", "1", "x"), ("sla", "rebuild")]
    for command in forged:
        error = empty.error(*command, code=5, **more | {"TICKETFLOW_ACTOR": "supervisor_01"})
        assert (error["code"], ME in error["message"]) == ("forbidden", True)
        assert "lead_day, lead_night, agent_01" in error["message"]
    assert "supervisor_01" in empty.error("claim", "1", "--actor", "supervisor_01", "--lang", "zh", code=5)["remedy"]
    rows = empty.objects("refusals", "list")
    assert [(row["verb"], row["ticket_id"]) for row in rows] == [
        ("open", None), ("note", 1), ("sla rebuild", None), ("claim", 1),
    ]  # fmt: skip
    assert {(row["actor"], row["os_user"], row["rule"]) for row in rows} == {("supervisor_01", ME, "os_user")}
    assert len(empty.objects("list", **more)) == 3, "to read takes no name"


def locked_out(terminal: Terminal) -> Path:
    """Make a desk at which nobody at a command line is anybody, as those made by an older release may be."""
    terminal("init")
    path = terminal.folder / "definitions" / "desk.yaml"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(x for x in lines if not x.startswith(("default_actor:", "act_as:"))), "utf-8")
    return path


def test_who_is_refused_is_told_what_to_write_where_and_the_owner_opens_the_desk(empty: Terminal) -> None:
    path, words = locked_out(empty), ("open", "inquiry", "-f", "statement=?")
    (remark,) = empty.one("check")["problems"]
    assert remark["code"] == "nobody-applies"
    error = empty.error(*words, code=5)
    line = f'"{ME}": [agent_01]'
    assert f"in definitions/desk.yaml:6:1 write {line} under `act_as`" in error["remedy"]
    assert empty.one("health")["nobody_applies"] is True
    assert "No user of this system may act as a member who may `apply`" in empty("health")
    path.write_text(path.read_text("utf-8") + f"act_as:\n  {line}\n", "utf-8")
    place = f"definitions/desk.yaml:{len(path.read_text('utf-8').splitlines()) - 1}:1"
    assert f"{place} lets you already" in empty.error(*words, code=5)["remedy"]
    assert "已允许您" in empty.error(*words, "--lang", "zh", code=5)["remedy"]
    assert "No user of this system" in empty("apply"), "agent_01 may open tickets, and apply nothing"
    empty(*words)
    path.write_text(path.read_text("utf-8").replace(line, f'"{ME}": [agent_01, admin_01]'), "utf-8")
    assert "No user of this system" not in empty("apply")
    assert empty.err == "Nobody at a command line may `apply`: this is done as the owner of the database.\n"
    assert empty.one("health")["nobody_applies"] is False
    assert empty.error("apply", code=5)["code"] == "forbidden", "the owner's way is closed again"


def test_who_does_not_own_the_database_opens_no_desk(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    locked_out(empty)
    empty("list")
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    for more in ((), ("--actor", "supervisor_01"), ("--actor", "system"), ("--dry-run",)):
        assert empty.error("apply", *more, code=5)["code"] in ("forbidden", "refused")


@pytest.mark.prove
@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0 or ME != "root", reason="only root can be somebody else")
def test_somebody_else_is_somebody_else_whatever_the_environment_says(empty: Terminal) -> None:
    desk_with(empty, 'act_as: {"*": "*"}', "act_as: {'54321': lead_day, root: supervisor_01}")

    def somebody() -> None:
        os.setresuid(54321, 0, 0)  # whose process it is; what it may read and write stays root's

    environment = {**empty.environment(), "USER": "root", "LOGNAME": "root"}
    for actor, code in (("lead_day", 0), ("supervisor_01", 5)):
        words = ("open", "inquiry", "-f", "statement=?", "--actor", actor)
        with empty.spawn(*words, preexec_fn=somebody, env=environment) as process:
            told = process.communicate()[1]
        assert process.returncode == code, told
    assert b"the user 54321 of this system" in told


@pytest.mark.parametrize("name", ["system", "timer"])
def test_nobody_acts_as_the_desk_itself(terminal: Terminal, name: str) -> None:
    assert name in terminal.error("claim", "1", "--actor", name, code=5)["message"]


def test_an_unknown_member_is_not_found(terminal: Terminal) -> None:
    assert "nobody_here" in terminal.error("open", "inquiry", "--actor", "nobody_here", code=4)["message"]


# The clock.


@pytest.mark.parametrize("text", ["noon", "2026-03-02T09:00"])
def test_now_takes_a_time_with_its_offset(empty: Terminal, text: str) -> None:
    assert text in empty.error("--now", text, "list", code=2)["message"]


def test_a_virtual_desk_does_not_run_on_the_system_clock(terminal: Terminal) -> None:
    assert terminal.error("list", code=5, TICKETFLOW_NOW=None)["code"] == "refused"
    assert terminal("list", "--now", NOW.replace("09", "10")) == ""
    assert terminal.error("list", code=5)["code"] == "refused", "nor does its clock go back"


# A host's own desk.

HOST = """
from datetime import datetime
from pathlib import Path
from workflow import Desk, VirtualClock
clock = VirtualClock(datetime.fromisoformat("2026-03-02T09:00:00+08:00"))
def desk():
    conditions = {"weekday": lambda ticket, now: True}
    return Desk.connect("sqlite:///host.db", definitions="rules", clock=clock, conditions=conditions)
nothing = 3
broken = desk.colour if False else None
"""


@pytest.fixture
def hosted(empty: Terminal) -> Terminal:
    empty("init", "copy")
    (empty.folder / "copy" / "definitions").rename(empty.folder / "rules")
    path = empty.folder / "rules" / "inquiry.yaml"
    text = path.read_text("utf-8")
    assert "dest: classify\n" in text
    path.write_text(
        text.replace("dest: classify\n", "dest: classify\n        conditions: {call: weekday}\n", 1), "utf-8"
    )
    (empty.folder / "shop_of_tests.py").write_text(HOST)
    return empty


def test_the_host_brings_its_desk_and_its_conditions(hosted: Terminal) -> None:
    app = ("--app", "shop_of_tests:desk")
    without = hosted.one("check", "rules", code=3)
    assert [problem["code"] for problem in without["problems"]] == ["anybody-acts", "unknown-host-condition"]
    env: dict[str, Any] = {"TICKETFLOW_NOW": None}
    assert hosted.one("check", "rules", *app, **env)["errors"] == 0
    number = hosted.ticket("inquiry", *app)
    assert hosted.one("advance", number, "accept", *app)["state"] == "classify"
    assert (hosted.folder / "host.db").exists()


def test_the_host_of_a_settings_file_is_found_from_below(hosted: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    settings('app = "shop_of_tests:desk"', hosted.folder)
    (hosted.folder / "below").mkdir()
    (hosted.folder / "below" / "rules").symlink_to(hosted.folder / "rules")
    monkeypatch.chdir(hosted.folder / "below")
    monkeypatch.delitem(sys.modules, "shop_of_tests", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(hosted.folder))])
    assert len(hosted.objects("types", TICKETFLOW_NOW=None)) == 7


@pytest.mark.parametrize("app", ["no_such_module:desk", "shop_of_tests:missing", "shop_of_tests", ":desk"])
def test_a_host_that_cannot_be_imported_is_told(hosted: Terminal, app: str) -> None:
    assert hosted.error("list", "--app", app, code=2)["message"].startswith(f"the host's desk {app}")


def test_a_host_that_has_no_desk_is_told(hosted: Terminal) -> None:
    assert "is no desk" in hosted.error("list", "--app", "shop_of_tests:nothing", code=2)["message"]


def test_the_hosts_desk_has_its_own_database(hosted: Terminal) -> None:
    error = hosted.error("list", "--app", "shop_of_tests:desk", "--database", "sqlite://", code=2)
    assert "--database does not go with" in error["message"]


def test_nobody_elses_settings_reach_these_tests() -> None:
    assert not [
        name for name in os.environ if name.startswith("TICKETFLOW_") and "TEST" not in name and "LAWS" not in name
    ]


def test_bots_are_set_in_the_environment_or_in_a_table_of_the_file(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(
        '[outlets.night]\nurl = "https://b/?key=file"\nsecret = "SECfile"\n[outlets.leads]\nurl = "https://b/x"',
        terminal.folder,
    )
    monkeypatch.setenv("TICKETFLOW_OUTLET_NIGHT_URL", "https://b/?key=environment")
    monkeypatch.setenv("TICKETFLOW_OUTLET_THE_URL_SECRET", "lost")
    found = Session()._outlets
    assert {name: (access.url, access.secret) for name, access in found.items()} == {
        "leads": ("https://b/x", None),
        "night": ("https://b/?key=environment", "SECfile"),
        "the_url": ("", "lost"),
    }
    error = terminal.error("deliver", code=2)
    assert error["message"] == "the setting outlet_the_url_url cannot be used"


@pytest.mark.parametrize(
    "text", ["outlets = 'x'", "[outlets]\na = 'x'", "[outlets.a]\nkey = 'x'", "[outlets.a]\nurl = 1"]
)
def test_what_is_no_setting_of_a_bot_is_named(empty: Terminal, text: str) -> None:
    settings(text, empty.folder)
    with pytest.raises(UsageError, match=r"outlet_.* is no setting, or not a text"):
        read_settings(empty.folder / "ticketflow.toml")
