"""The commands about definitions."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.cli.conftest import Terminal
from workflow.definition.holidays import holiday_table
from workflow.definition.shipped import shipped_folder

TYPES = ["activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion"]


@pytest.fixture
def own(empty: Terminal) -> Terminal:
    """Return a terminal in a folder made by init."""
    empty("init")
    return empty


def edit(terminal: Terminal, name: str, old: str, new: str) -> None:
    path = terminal.folder / "definitions" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_init_makes_a_desk_ready_to_edit(empty: Terminal) -> None:
    found = empty.one("init", "shop/desk")
    assert found["folder"] == "shop/desk"
    folders = empty.folder / "shop" / "desk" / "definitions", shipped_folder()
    copied, shipped = ({path.relative_to(folder) for path in folder.rglob("*")} for folder in folders)
    assert copied == shipped
    settings = tomllib.loads((empty.folder / "shop" / "desk" / "ticketflow.toml").read_text("utf-8"))
    assert settings == {"definitions": "definitions", "database": "sqlite:///ticketflow.db"}
    assert "A new desk is in other" in empty("init", "other")


def test_init_never_overwrites(own: Terminal) -> None:
    (own.folder / "ticketflow.toml").unlink()
    edit(own, "desk.yaml", "desk: service_desk", "desk: mine")
    assert "exists already" in own.error("init", code=2)["message"]
    assert "desk: mine" in (own.folder / "definitions" / "desk.yaml").read_text("utf-8")
    assert not (own.folder / "ticketflow.toml").exists(), "nothing was written"


def test_check_names_the_types(empty: Terminal) -> None:
    remark, line = empty("check").splitlines()
    assert "remark anybody-acts: anybody at a command line may act as *" in remark
    assert line == f"7 ticket types: {', '.join(TYPES)}; 0 errors, 0 warnings"
    found = empty.one("check", "--strict")
    assert (found["types"], found["errors"], found["warnings"]) == (TYPES, 0, 0)
    assert [(problem["code"], problem["severity"]) for problem in found["problems"]] == [("anybody-acts", "remark")]


def test_check_shows_every_problem_at_once(own: Terminal) -> None:
    edit(own, "inquiry.yaml", "team: frontline", "team: frontlin")
    edit(own, "complaint.yaml", "dest: archive", "dest: archiv")
    lines = own("check", code=3).splitlines()
    assert any(
        line.startswith("definitions/inquiry.yaml:")
        and line.endswith("there is no team frontlin (did you mean frontline?)")
        for line in lines
    )
    assert any("complaint.yaml:" in line and "error unknown-place" in line for line in lines)
    assert lines[-1].endswith("0 warnings; nothing is loaded")
    assert "没有组 frontlin（是不是 frontline？）" in own("check", "--lang", "zh", code=3).replace(" (", "（").replace(
        ")", "）"
    )
    found = own.one("check", code=3)
    assert found["errors"] == len([problem for problem in found["problems"] if problem["severity"] == "error"]) >= 2


def test_warnings_count_only_with_strict(own: Terminal) -> None:
    edit(own, "desk.yaml", "roles:\n", "roles:\n  idler: {label: Idler, may: [advance]}\n")
    edit(own, "inquiry.yaml", "roles: [agent, lead]", "roles: [agent, lead, idler]")
    assert own("check").splitlines()[-1].endswith("0 errors, 1 warnings")
    own("check", "--strict", code=3)


def test_check_knows_what_day_it_is(own: Terminal) -> None:
    """Limits that would end after the last announced public holiday are warned about, and only then."""
    last = holiday_table("cn").announced_through
    for day, codes in ((last - timedelta(days=14), []), (last, ["holidays-unannounced"])):
        found = own.one("check", TICKETFLOW_NOW=f"{day}T09:00:00+08:00")
        assert [problem["code"] for problem in found["problems"]] == ["anybody-acts", *codes]


def test_check_looks_where_it_is_told(empty: Terminal) -> None:
    empty("init", "desk")
    assert empty.one("check", "desk/definitions")["folder"] == "desk/definitions"
    assert empty.one("check", "missing", code=3)["problems"][0]["code"] == "no-folder"


def test_apply_puts_in_force_what_changed(own: Terminal) -> None:
    own("types")
    admin = ("--actor", "admin_01")
    assert {change["change"] for change in own.one("apply", *admin)["changes"]} == {"unchanged"}
    edit(own, "inquiry.yaml", "version: 1", "version: 2")
    own("types")
    assert "differ from what is in force" in own.err
    own("types", "--json")
    assert "hint" in json.loads(own.err)
    rows = [line.split("\t") for line in own("apply", "--dry-run", *admin).splitlines()]
    assert rows[0] == ["kind", "name", "version", "change"]
    assert ["type", "inquiry", "2", "new"] in rows
    assert rows[-1] == ["Nothing was changed; without --dry-run this is put in force."]
    assert own.objects("types")[4]["version"] == 1
    own("apply", *admin)
    assert {kind["name"]: kind["version"] for kind in own.objects("types")}["inquiry"] == 2
    assert own.err == ""


def test_apply_says_how_many_due_times_other_hours_move(own: Terminal) -> None:
    admin = ("--actor", "admin_01")
    own("open", "complaint", "--field", "statement=x")
    edit(own, "desk.yaml", "mon-fri: 09:00-", "mon-fri: 09:30-")
    planned = own.one("apply", "--dry-run", *admin)
    assert (planned["dry_run"], planned["rearmed"], planned["set_aside"]) == (True, 1, 0)
    assert "Of 1 open tickets the timers are armed anew: " in own("apply", "--dry-run", *admin)
    assert own.one("apply", *admin) == planned | {"dry_run": False}


def test_apply_takes_a_role(own: Terminal) -> None:
    own("types")
    assert own.error("apply", code=5)["code"] == "forbidden"


def test_an_edit_without_a_new_version_is_refused_while_tickets_are_pinned(own: Terminal) -> None:
    own.ticket("inquiry")
    edit(own, "inquiry.yaml", "after: 10m", "after: 20m")
    error = own.error("apply", "--actor", "admin_01", code=3)
    assert error["code"] == "definition_changed"
    assert "version 2" in error["remedy"]


@pytest.mark.parametrize("which", ["type", "desk"])
def test_schema_fits_the_shipped_files(empty: Terminal, which: str) -> None:
    schema = json.loads(empty("schema", which))
    assert json.loads(empty("schema", which, "--json")) == schema
    path = shipped_folder() / ("desk.yaml" if which == "desk" else "complaint.yaml")
    Draft202012Validator(schema).validate(yaml.safe_load(path.read_text("utf-8")))


def test_types_are_listed(terminal: Terminal) -> None:
    found = {kind["name"]: kind for kind in terminal.objects("types")}
    assert sorted(found) == TYPES
    assert found["complaint"]["label"] == {"en": "Complaint", "zh": "投诉"}
    assert found["complaint"]["states"][0] == "intake"
    assert found["complaint"]["fields"]["fees"] == "decimal"
    assert "accept" in found["complaint"]["triggers"]
    assert "complaint\t1\t投诉\tintake, " in terminal("types", "--lang", "zh")


def test_a_diagram_is_drawn_from_the_files(own: Terminal) -> None:
    edit(own, "inquiry.yaml", "label: {en: Intake, zh: 受理}", "label: {en: At the door, zh: 受理}")
    assert "At the door" in own("diagram", "inquiry")
    assert not (own.folder / "ticketflow.db").exists()
    assert own.error("diagram", "nothing", code=4)["remedy"] == f"the types are: {', '.join(TYPES)}"
    edit(own, "inquiry.yaml", "team: frontline", "team: frontlin")
    assert own.error("diagram", "inquiry", code=3)["problems"]


def test_a_diagram_shows_where_a_ticket_has_been(terminal: Terminal) -> None:
    terminal.ticket()
    terminal("advance", "1", "accept")
    found = terminal.one("diagram", "complaint", "--ticket", "1")
    assert found["type"] == "complaint"
    assert "class classify current" in found["diagram"]
    assert "class intake visited" in terminal("diagram", "complaint", "--ticket", "1")
    assert "current" not in terminal("diagram", "complaint").partition("[*]")[2]
    assert "受理" in terminal("diagram", "complaint", "--lang", "zh")
    assert "is of type complaint" in terminal.error("diagram", "inquiry", "--ticket", "1", code=2)["message"]
