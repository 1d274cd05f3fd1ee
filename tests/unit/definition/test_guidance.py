"""Every mistake in the guidance is found where it stands; what the desk itself says is held to its own phrases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, TYPE, load, marked

SITUATIONS = """\
marks: [risk]
contacts: [accept]
told: [note]
form: {words: [note], contact: [customer.phone]}
situations:
  first: {group: opening, at: intake, conditions: 'waited >= 3 && !risk'}
  second: {group: opening, at: [intake, handle]}
  third: {types: t, at: handle, unless: 'kind == "b"'}
"""
LANGUAGE = """\
label: English
times: ['[0-9]+ ?min']
texts:
  first: {label: Thanks, say: 'Thank you {{ customer.phone }}, for {{ waited }} minutes.'}
  second:
    say: |
      Hello.
      {% if note and not risk %}{{ note }}{% elif n == 3 %}three{% else %}{{ agent }} {{ ticket }}{% endif %}
  third: {do: 'Look it up.'}
phrases:
  wait: {words: [hold on], bare: [wait], fine_with_time: true, instead: I look it up., why: It has no end.}
  upward: {words: regulator, only: risk, rule: warn, instead: I see to it., why: No route upward.}
"""
# code, what of the file is replaced, by what; » marks the place that must be named
IN_SITUATIONS = [
    ("unknown-field", "told: [note]", "told: [»nte]"),
    ("unknown-field", "[customer.phone]", "[»customer.fax]"),
    ("unknown-trigger", "[accept]", "[»acept]"),
    ("unknown-type", "types: t,", "types: »u,"),
    ("unknown-place", "types: t, at: handle", "types: t, at: »callback"),
    ("condition-unknown-name", "waited >= 3", "»waitd >= 3"),
    ("condition-value", 'kind == "b"', 'kind == »"c"'),
    ("condition-type", "waited >= 3", 'waited »>= "3"'),
    ("unquoted-condition", "unless: 'kind == \"b\"'", "unless: »kind == \"b\""),
    ("situation-never", "  third: {types: t, at: handle,", "  »third: {group: opening, types: t, at: handle,"),
    ("situation-without-text", "  third:", "  »fourth: {at: handle}\n  third:"),
    ("unknown-key", "at: handle,", "»in: handle,"),
]  # fmt: skip
IN_A_LANGUAGE = [
    ("unknown-situation", "  third: {do", "  »thrid: {do"),
    ("text-missing", "\n  third: {do: 'Look it up.'}", "", "»texts:"),
    ("text-unknown-name", "{{ customer.phone }}", "{{ »customer.fax }}"),
    ("text-unknown-name", "%}{{ note }}", "%}{{ »nte }}"),
    ("text-syntax", "{{ customer.phone }}", "{{ customer.phone", "'»Thank"),
    ("text-not-allowed", "      Hello.\n", "      »Hello.{% for x in [1] %}{% endfor %}\n"),
    ("text-not-allowed", "{{ note }}", "{{ note.»__class__ }}"),
    ("text-empty", "  third: {do: 'Look it up.'}", "  »third: {label: x}"),
    ("text-forbidden-phrase", "say: 'Thank you", "say: »'Please hold on. Thank you"),
    ("text-forbidden-phrase", "instead: I see to it.", "instead: »Hold  ON."),
    ("undeclared-mark", "only: risk", "only: »rsk"),
    ("phrase-without-words", "  upward: {words: regulator,", "  »upward: {"),
    ("bad-pattern", "'[0-9]+ ?min'", "»'[0-9+ ?min'"),
    ("unknown-word", "rule: warn", "rule: »forbid"),
    ("missing-key", "instead: I see to it., ", "", "»upward:"),
]  # fmt: skip


def guided(folder: Path, **files: str) -> list[tuple[str, str, int, int]]:
    """Load the smallest desk with these files of guidance; return its problems as file, code and place."""
    (folder / "guidance").mkdir()
    for name, text in files.items():
        (folder / "guidance" / f"{name}.yaml").write_text(text, "utf-8")
    _, problems = load(folder)
    return [(Path(each.file).name, each.code, each.line, each.column) for each in problems]


def test_sound_guidance_has_nothing_wrong(tmp_path: Path) -> None:
    assert guided(tmp_path, situations=SITUATIONS, en=LANGUAGE) == []
    definitions, _ = load(tmp_path)
    assert definitions is not None
    assert definitions.guidance is not None
    assert list(definitions.guidance.languages) == ["en"]


@pytest.mark.parametrize(("code", "old", "new"), IN_SITUATIONS)
def test_a_mistake_in_the_situations(code: str, old: str, new: str, tmp_path: Path) -> None:
    assert SITUATIONS.count(old) == 1
    text, place = marked(SITUATIONS.replace(old, new))
    found = guided(tmp_path, situations=text, en=LANGUAGE)
    assert ("situations.yaml", code, *place) in found
    assert {name for name, *_ in found} == {"situations.yaml"}


@pytest.mark.parametrize("case", IN_A_LANGUAGE, ids=lambda case: f"{case[0]}: {case[2]}")
def test_a_mistake_in_a_language(case: tuple[str, ...], tmp_path: Path) -> None:
    code, old, new, *where = case
    assert LANGUAGE.count(old) == 1
    text = LANGUAGE.replace(old, new)
    for mark in where:
        text = text.replace(mark.replace("»", ""), mark, 1)
    text, place = marked(text)
    assert ("en.yaml", code, *place) in guided(tmp_path, situations=SITUATIONS, en=text, fr=LANGUAGE)


def test_files_that_are_missing_or_misnamed(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert guided(tmp_path / "one", en=LANGUAGE) == [("guidance", "no-situations", 1, 1)]
    found = guided(tmp_path / "two", situations=SITUATIONS, en=LANGUAGE, english=LANGUAGE)
    assert found == [("english.yaml", "language-name", 1, 1)]


def test_problems_of_the_desk_come_before_those_of_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "guidance").mkdir()
    (tmp_path / "guidance" / "situations.yaml").write_text(SITUATIONS, "utf-8")
    _, problems = load(tmp_path, DESK, t=TYPE.replace("accept: handle", "accept: hande"))
    assert {Path(each.file).name for each in problems} == {"t.yaml"}
