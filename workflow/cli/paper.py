"""The strategy record on paper: Markdown and HTML in which nothing that a person typed is taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING

from workflow.cli import render

if TYPE_CHECKING:
    from workflow.core.form import StrategyRecord

_MARKUP = re.compile(r"([\\`*_\[\]#|~])")
_AT_START = re.compile(r"^(\s*)(?:([-+=:])|(\d+)([.)]))")
ROWS = ("name", "contact", "order", "type", "words", "demand", "strategy", "result", "feedback", "state", "time")
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:48em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.4em .6em;text-align:left;"
    "vertical-align:top}th{width:9em;background:#f2f2f2}"
)


def markdown(record: StrategyRecord, width: int | None) -> Iterator[str]:
    """Yield the record as a list of Markdown, wrapped where there is a width."""
    labels = record.labels
    yield f"# {_markdown(labels['title'])}"
    yield ""
    yield from _item(_label(labels["ticket"]), [str(record.ticket)], width)
    for name in ROWS:
        yield from _item(_label(labels[name]), [_markdown(line) for line in _lines(record, name)], width)


def _label(text: str) -> str:
    return f"**{text}:**" if text.isascii() else f"**{text}：**"


def _item(label: str, lines: list[str], width: int | None) -> Iterator[str]:
    """Yield one item: its label, and its lines, each but the last with a hard break."""
    if len(lines) == 1 and (width is None or render.cells(label + lines[0]) + 4 <= width):
        yield f"- {label} {lines[0]}"
        return
    yield f"- {label}" + "\\" * bool(lines)
    for number, line in enumerate(lines, start=1):
        end = "\\" if number < len(lines) else ""
        for part in render.wrap(line + end, width - 2) if width else [line + end]:
            yield f"  {_AT_START.sub(_escaped, part)}"


def _escaped(found: re.Match[str]) -> str:
    return f"{found[1]}\\{found[2]}" if found[2] else f"{found[1]}{found[3]}\\{found[4]}"


def _markdown(text: str) -> str:
    return _MARKUP.sub(r"\\\1", escape(text, quote=False))


def html(record: StrategyRecord, width: int | None) -> Iterator[str]:
    """Yield the record as a page of HTML."""
    labels = record.labels
    title = f"{labels['title']} {record.ticket}"
    lang = "zh" if any(ord(letter) > 127 for letter in labels["title"]) else "en"
    yield "<!DOCTYPE html>"
    yield f'<html lang="{lang}">'
    yield '<meta charset="utf-8">'
    yield f"<title>{escape(title)}</title>"
    yield from _wrapped(f"<style>{STYLE}</style>".replace("}", "}\n"), width)
    yield f"<h1>{escape(title)}</h1>"
    yield "<table>"
    for name in ROWS:
        yield f"<tr><th>{escape(labels[name])}"
        for number, line in enumerate(_lines(record, name)):
            yield from _wrapped(("<br>" if number else "<td>") + escape(line), width)
    yield "</table>"
    yield "</html>"


def _wrapped(text: str, width: int | None) -> Iterator[str]:
    for line in text.rstrip("\n").split("\n"):
        yield from render.wrap(line, width) if width else [line]


def _lines(record: StrategyRecord, name: str) -> list[str]:
    """Return a row's value as clean lines; `-` where there is none."""
    return [render.clean(line) for line in _texts(record, name) if line.strip()] or ["-"]


def _texts(record: StrategyRecord, name: str) -> Iterable[str]:
    if name != "strategy":
        yield from str(getattr(record, name)).splitlines()
        return
    for step in record.strategy:
        yield " · ".join(filter(None, (step.at, step.who, step.what)))
        for told in step.told:
            yield from told.splitlines()
