"""Texts fill in names and choose passages; whatever else a template engine can do, they can not."""

from __future__ import annotations

import pytest

from workflow.definition.phrases import bare, folded, matches
from workflow.definition.speech import Phrase
from workflow.definition.texts import fill, outline

WANTED: dict[str, str | bool | int | float] = {"name": "Ann", "customer.name": "张三", "n": 3, "ok": True, "gone": ""}
HOSTILE = [
    "{% for x in range(9) %}{{ x }}{% endfor %}",
    "{{ 'x' * 10 ** 9 }}",
    "{{ [name, name] }}",
    "{{ name.__class__.__mro__ }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ name.format(n) }}",
    "{{ customer.name.x }}",
    "{{ self.x }}",
    "{{ range }}{{ cycler() }}",
    "{% set name = 1 %}",
    "{% include 'x' %}{% import 'x' as y %}{% extends 'x' %}",
    "{% macro m() %}{{ m() }}{% endmacro %}",
    "{% filter upper %}x{% endfilter %}",
    "{% block b %}{% endblock %}",
    "{% call m() %}{% endcall %}",
    "{% with x = 1 %}{% endwith %}",
    "{{ n + n }}{{ -n }}{{ n ~ n }}",
    "{{ ok is defined }}",
    "{{ name",
    "{% if ok %}",
    "{% do x %}",
    "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_but_names_and_choices(source: str) -> None:
    assert outline(source).faults
    with pytest.raises(ValueError, match="not a text"):
        fill(source, WANTED)


def test_names_and_choices() -> None:
    source = "{{ name }} {{ customer.name }}{% if n == 3 and not gone %} {{ gone or 'none' }}{% else %}no{% endif %}"
    assert fill(source, WANTED) == "Ann 张三 none"
    assert [name for name, _ in outline(source).names] == ["name", "customer.name", "n", "gone", "gone"]


def test_braces_in_a_value_are_no_template() -> None:
    assert fill("{{ name }}", {"name": "{{ n }}{% x"}) == "{{ n }}{% x"
    assert fill("no braces at all", {}) == "no braces at all"


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="undefined"):
        fill("{{ nobody }}", WANTED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("请稍 等一下", ["稍等"]),
        ("請稍等", ["稍等"]),
        ("ＷＡＩＴ   a\nmoment", ["wait a moment"]),
        ("don’t know, don't know", ["don't know"]),
        ("wait a moments, await a moment", []),
        ("请稍等3分钟", []),
        ("稍等，我看看，稍等3分钟", ["稍等"]),
        ("哦！", ["哦!"]),
        ("哦，我明白了", []),
        ("\u200b哦\u202e", ["哦"]),
        ("", []),
        ("哦" * 100_000, []),
    ],
)
def test_phrases_are_found_however_they_are_written(text: str, found: list[str]) -> None:
    words = ("稍等", "wait a moment", "don't know")
    phrase = Phrase(words=words, bare=("哦",), except_for=("稍等3分钟",), instead="-", why="-")
    assert [words for _, _, words in matches({"p": phrase}, text)] == found


def test_what_is_folded_away() -> None:
    assert (folded("Ａ  b\n投 诉"), bare("嗯嗯……!"), bare("。。")) == ("a b投诉", "嗯", "")
