"""Reading the files of a desk: whatever lies in the folder, there is a report and never a crash."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, TYPE, load
from workflow.definition.document import document
from workflow.definition.model import TicketTypeSpec
from workflow.definition.parse import load_definitions
from workflow.definition.problems import problem
from workflow.definition.shipped import LARGEST, shipped_folder
from workflow.definition.stored import read_desk, read_type, with_editions


def places(folder: Path, **files: str | bytes) -> list[tuple[str, int, int]]:
    _, problems = load(folder, **files)
    return [(each.code, each.line, each.column) for each in problems]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    definitions, problems = load_definitions(tmp_path / "none")
    assert definitions is None
    assert [each.code for each in problems] == ["no-folder"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    _, problems = load_definitions(tmp_path / "file")
    assert [each.code for each in problems] == ["no-folder"]


def test_a_folder_without_definitions(tmp_path: Path) -> None:
    definitions, problems = load_definitions(tmp_path)
    assert definitions is None
    assert [each.code for each in problems] == ["no-definitions"]


def test_a_desk_without_types_and_types_without_a_desk(tmp_path: Path) -> None:
    _, problems = load(tmp_path, t="")
    (tmp_path / "t.yaml").unlink()
    _, problems = load_definitions(tmp_path)  # type: ignore[assignment]
    assert [each.code for each in problems] == ["no-definitions"]
    (tmp_path / "desk.yaml").unlink()
    typo = TYPE.replace("team: front", "team: anybody").replace(
        "accept: handle", 'accept: {dest: handle, conditions: \'customer.phone == "1" && kinds == "a"\'}'
    )
    (tmp_path / "t.yaml").write_text(typo)
    _, problems = load_definitions(tmp_path)  # type: ignore[assignment]
    assert [each.code for each in problems] == ["no-desk", "condition-unknown-name"], "the type is checked all the same"


def test_a_file_of_another_ending_is_named_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "old.yml").write_text("ticket_type: old")
    (tmp_path / "notes.txt").write_text("no definition, and nobody takes it for one")
    definitions, problems = load(tmp_path)
    assert definitions is not None
    assert [(each.code, each.severity, each.text) for each in problems] == [("ignored-file", "warning", "old.yml")]


def test_one_name_for_two_types(tmp_path: Path) -> None:
    _, problems = load(tmp_path, a=TYPE, b=TYPE)
    assert [(each.code, Path(each.file).name, each.line, each.column) for each in problems] == [
        ("duplicate-type", "b.yaml", 1, 14)
    ]
    assert "a.yaml" in problems[0].message


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment\n", "~", "---\n"])
def test_an_empty_file(text: str, tmp_path: Path) -> None:
    assert places(tmp_path, t=text) == [("empty", 1, 1)]


@pytest.mark.parametrize("text", ["- a\n", "text", "12", "[]"])
def test_a_root_that_is_no_mapping(text: str, tmp_path: Path) -> None:
    assert places(tmp_path, t=text) == [("not-a-mapping", 1, 1)]


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(50_000_000)
    started = time.perf_counter()
    assert places(tmp_path, t=TYPE) == [("too-large", 1, 1)]
    assert time.perf_counter() - started < 1
    (tmp_path / "big.yaml").write_bytes(b"# " + b"x" * (LARGEST - 2))
    assert places(tmp_path, t=TYPE) == [("empty", 1, 1)]


def test_invalid_utf8_is_found_where_it_stands(tmp_path: Path) -> None:
    assert places(tmp_path, t="label: 投诉\nhelp: 投".encode() + b"\xff\xfe") == [("not-utf8", 2, 8)]
    assert places(tmp_path, t="label: 投诉".encode("gb18030"))[0][0] == "not-utf8"
    assert places(tmp_path, t=TYPE.encode("utf-16"))[0][0] == "not-utf8"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    definitions, problems = load(tmp_path, t=b"\xef\xbb\xbf" + TYPE.replace("\n", "\r\n").encode())
    assert definitions is not None
    assert problems == []
    assert places(tmp_path, t=b"\xef\xbb\xbf" + TYPE.replace("\n", "\r\n").replace("front", "fornt").encode()) == [
        ("unknown-team", 14, 11)
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows lets its owner read every file")
def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert [code for code, *_ in places(tmp_path, t=TYPE)] == ["unreadable"] * 3


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000 + "]" * 20_000,
        "{a: " * 20_000,
        "- " * 20_000,
        "\n".join(" " * depth + "a:" for depth in range(300)),
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200)),
    ],
    ids=["lists", "mappings", "dashes", "blocks", "aliases"],
)
def test_nesting_without_end(text: str, tmp_path: Path) -> None:
    started = time.perf_counter()
    assert [code for code, *_ in places(tmp_path, t=text)] == ["too-deep"]
    assert time.perf_counter() - started < 2


def test_a_bomb_of_aliases(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    assert [code for code, *_ in places(tmp_path, t=bomb)] == ["too-many-nodes"]


def test_a_few_aliases_are_welcome(tmp_path: Path) -> None:
    shared = TYPE.replace("n: {type: int}", "n: &n {type: int, label: Number}\n  m: *n").replace("ok:", "'ok':")
    definitions, problems = load(tmp_path, t=shared)
    assert problems == []
    assert definitions is not None
    assert definitions.types["t"].fields["m"] == definitions.types["t"].fields["n"]


def test_yaml_1_2_words_stay_what_they_look_like(tmp_path: Path) -> None:
    words = ["on", "no", "yes", "off", "22:00", "010", "0x1f", "1_000", "True", "Null", ".inf", "1e999", "2026-03-02"]
    text = TYPE.replace("choices: [a, b]", f"choices: [{', '.join(words)}], default: 010")
    text = text.replace("accept: handle", "on: handle\n      no: {dest: handle, actions: [{set: {kind: 22:00}}]}")
    definitions, problems = load(tmp_path, t=text)
    assert problems == []
    assert definitions is not None
    assert list(definitions.types["t"].fields["kind"].choices) == words
    assert list(definitions.types["t"].states["intake"].triggers) == ["on", "no"]
    assert definitions.types["t"].fields["kind"].default == "010"


def test_numbers_and_words_that_yaml_1_2_knows(tmp_path: Path) -> None:
    text = TYPE.replace(
        "fees: {type: decimal}", "fees: {type: decimal, min: -1.5, max: 1.5e3, required: true, default: +2}"
    )
    definitions, problems = load(tmp_path, t=text.replace("ok: {type: bool}", "ok: {type: bool, default: ~}"))
    assert problems == []
    assert definitions is not None
    fees = definitions.types["t"].fields["fees"]
    assert (fees.min, fees.max, fees.default, fees.required) == (-1.5, 1500.0, 2, True)


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    broken = TYPE.replace("note: {type: text}", "note: {tpye: text}").replace("done: archive", "done: [archiv]")
    unknown = TYPE.replace("ticket_type: t", "ticket_type: u").replace("team: front", "team: fornt")
    _, problems = load(tmp_path, DESK.replace("lead: li", "lead: lee"), t=broken, u=unknown, v="a: [")
    assert [(Path(each.file).name, each.code) for each in problems] == [
        ("desk.yaml", "lead-not-member"),
        ("t.yaml", "missing-key"),
        ("t.yaml", "unknown-key"),
        ("t.yaml", "wrong-type"),
        ("u.yaml", "unknown-team"),
        ("v.yaml", "syntax"),
    ]


def test_a_misfit_does_not_hide_the_rest_nor_make_more_of_itself(tmp_path: Path) -> None:
    text = TYPE.replace("kind: {type: choice, choices: [a, b]}", "kind: {typ: choice}").replace(
        "accept: handle", "accept: {dset: handle, conditions: 'kind == \"a\" && nn > 2', requires: [kind, notes]}"
    )
    assert places(tmp_path, t=text) == [
        ("missing-key", 5, 3),
        ("unknown-key", 5, 10),
        ("unknown-key", 16, 16),
        ("condition-unknown-name", 16, 58),
        ("unknown-field", 16, 84),
    ]


def test_every_missing_key_is_told(tmp_path: Path) -> None:
    _, problems = load(tmp_path, t="label: T\n")
    assert [(each.code, each.text) for each in problems] == [
        ("missing-key", "ticket_type"),
        ("missing-key", "version"),
        ("missing-key", "stages"),
    ]


def test_names_lost_in_the_desk_are_not_unknown_in_the_types(tmp_path: Path) -> None:
    _, problems = load(tmp_path, DESK.replace("front: {lead: li, members: [li]}", "front: {led: li, members: [li]}"))
    assert [(each.code, Path(each.file).name) for each in problems] == [
        ("missing-key", "desk.yaml"),
        ("unknown-key", "desk.yaml"),
    ]


def test_a_desk_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    definitions, problems = load(tmp_path, "desk: [")
    assert definitions is None
    assert [each.code for each in problems] == ["syntax"]


def test_keys_are_suggested_from_their_own_place(tmp_path: Path) -> None:
    text = TYPE.replace("accept: handle", "accept: {dest: handle, conditions: [{cal: is_vip}, {call: is_vip}]}")
    _, problems = load(tmp_path, t=text.replace("archive: {}", "archive: {stats: {}, states: {one: {states: {}}}}"))
    told = {each.text: str(each).partition("(")[2] for each in problems if each.code == "unknown-key"}
    assert told == {
        "cal": "did you mean call?)",
        "stats": "did you mean states?)",
        "states": "known are: label, help, team, calendar, roles, transitions, timeouts)",
    }


def test_a_branch_that_never_holds_leads_nowhere(tmp_path: Path) -> None:
    text = TYPE.replace("accept: handle", "accept: [{dest: handle, unless: '1 < 2'}, {dest: intake}]")
    assert places(tmp_path, t=text) == [
        ("no-way-to-archive", 13, 3),
        ("condition-always", 16, 39),
        ("unreachable-state", 17, 3),
        ("unreachable-state", 20, 3),
    ]


def test_who_can_be_told(tmp_path: Path) -> None:
    """A ticket keeps its team, so an escalation finds one unless no state before gave it any."""
    ask = TYPE.replace("done: archive", "done: archive\n      ask: {actions: [escalate]}")
    assert places(tmp_path, t=ask) == []
    nobody = ask.replace("    team: front\n", "")
    assert places(tmp_path, t=nobody) == [("nobody-to-tell", 19, 23)]
    given = nobody.replace("accept: handle", "accept: {dest: handle, actions: [assign: front]}")
    assert places(tmp_path, t=given) == []
    to_a_member = nobody.replace("accept: handle", "accept: {dest: handle, actions: [assign: li]}")
    assert places(tmp_path, t=to_a_member) == [("nobody-to-tell", 19, 23)]
    told = nobody.replace("actions: [escalate]", "actions: [notify: owner]")
    assert places(tmp_path, t=told) == []


def test_a_way_declared_for_many_states_must_be_right_in_each(tmp_path: Path) -> None:
    """`back` must fit one of the states that inherit it, the rest may go any other way."""
    text = TYPE.replace("version: 1", "version: 1\ntransitions: {again: {dest: intake, back: rework}}")
    assert places(tmp_path, t=text) == []
    onward = TYPE.replace("version: 1", "version: 1\ntransitions: {onward: review}")
    onward = onward.replace("  archive: {}", "  review: {transitions: {checked: archive}}\n  archive: {}")
    assert places(tmp_path, t=onward) == [("stage-skipped", 3, 23)]
    assert places(tmp_path, t=onward.replace("skips: [", "skips: [handle, ")) == []


def test_what_the_whole_type_can_do_ends_a_ticket_from_anywhere(tmp_path: Path) -> None:
    """A withdrawn ticket passes over no stage; a way of one stage to archive does, and so does a timeout."""
    withdrawn = TYPE.replace("version: 1", "version: 1\ntransitions: {withdraw: archive}")
    assert places(tmp_path, t=withdrawn) == []
    in_a_stage = TYPE.replace("accept: handle", "accept: handle\n      withdraw: archive")
    assert places(tmp_path, t=in_a_stage) == [("stage-skipped", 17, 17)]
    by_itself = TYPE.replace("actions: [notify: owner]}}", "dest: archive}}")
    assert places(tmp_path, t=by_itself) == [("stage-skipped", 21, 44)]


def test_loops_that_something_bounds(tmp_path: Path) -> None:
    loop = TYPE.replace("accept: handle", "accept: handle\n    timeouts: {t: {after: 1h, dest: intake, times: 3}}")
    assert places(tmp_path, t=loop) == []


def test_suggestions_name_what_was_meant(tmp_path: Path) -> None:
    _, problems = load(tmp_path, t=TYPE.replace("team: front", "team: fornt"))
    assert str(problems[0]).endswith("t.yaml:14:11: error unknown-team: there is no team fornt (did you mean front?)")
    _, problems = load(tmp_path, t=TYPE.replace("team: front", "team: xyz"))
    assert str(problems[0]).endswith("(known are: front)")
    inner = TYPE.replace(
        "    transitions:\n      done: archive\n", "    states: {one: {transitions: {done: archive}}}\n"
    )
    _, problems = load(tmp_path, t=inner.replace("accept: handle", "accept: one"))
    assert str(problems[0]).endswith("(did you mean handle.one?)")
    many = problem("unknown-zone", "f", 1, 1, text="x", known=[f"zone{n}" for n in range(30)])
    assert str(many).endswith("zone18, zone19, …)")


def test_stored_documents_come_back_equal() -> None:
    definitions, _ = load_definitions(shipped_folder())
    assert definitions is not None
    for definition in definitions.types.values():
        assert read_type(document(definition.spec)) == definition
    desk = with_editions(definitions.desk)
    assert read_desk(document(desk)) == desk
    spec = TicketTypeSpec.model_validate(
        {"ticket_type": "t", "version": 1, "stages": {"intake": {"timeouts": {"t": {"after": "1h30m", "every": "PT2H",
         "late": {"skip_after": "5m"}, "actions": ["escalate"], "unless": {"call": "busy"}}}}}}
    )  # fmt: skip
    assert read_type(document(spec)).spec == spec


def test_the_shipped_desk_has_nothing_wrong() -> None:
    definitions, problems = load_definitions(shipped_folder())
    assert definitions is not None
    assert len(definitions.types) == 7
    assert [problem.code for problem in problems] == ["anybody-acts"], "which is only remarked"


@pytest.mark.parametrize(
    ("begin", "line", "end"),
    [
        ("", "\x01\n", ""),
        ("", "\ta: 1\n", ""),
        ("a: [", "!x 1, ", "]"),
        ("a: {", "conditions: !x 1, ", "}"),
        ("fields:\n", "  f{n}: {{typo: 1}}\n", ""),
    ],
)
def test_thousands_of_mistakes_take_no_time_to_tell(begin: str, line: str, end: str, tmp_path: Path) -> None:
    spent = []
    for count in (1_000, 4_000):
        text = begin + "".join(line.format(n=number) for number in range(count)) + end
        started = time.process_time()
        assert places(tmp_path, t=text)
        spent.append(time.process_time() - started)
    assert spent[1] < 8 * spent[0], "four times as many take four times as long, and not sixteen times"
