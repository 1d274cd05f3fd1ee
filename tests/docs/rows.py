"""The rows P1 to P40: what people ask of a service desk, and where it is in the definitions, the commands, the tests.

What a row asks is the first sentence of its test; where the definitions answer it, they say so by comments such as
`# P16` (see `citations`). What is left is written here: the commands to try it with.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from tests.docs.citations import DEFINITIONS, ROOT, Citation, citations

TESTS = ROOT / "tests" / "acceptance" / "processes"
TYPES = sorted(file.name for file in DEFINITIONS.glob("*.yaml") if file.read_text("utf-8").find("\nticket_type: ") > 0)
ROWS = [f"P{number}" for number in range(1, 41)]

# What of a desk's daily work is the row: a command, and of `advance` the trigger.
COMMANDS = {
    "P1": ("timeouts run", "say"),
    "P2": ("say",),
    "P3": ("open", "classify", "advance ID refer", "advance ID work_order"),
    "P4": ("advance ID send_to_specialist", "advance ID called"),
    "P5": ("timeouts run", "advance ID replied"),
    "P6": ("verify", "advance ID account_told"),
    "P7": ("classify", "advance ID answered", "advance ID refer", "advance ID work_order"),
    "P8": ("open", "intake", "outbox list", "say"),
    "P9": ("advance ID classified", "advance ID take_over", "advance ID record_only"),
    "P10": ("advance ID take_over", "advance ID handed_back", "history"),
    "P11": ("advance ID answered",),
    "P12": ("advance ID report_upward", "advance ID instructed"),
    "P13": ("advance ID answered", "advance ID replied"),
    "P14": ("advance ID classified", "advance ID dissatisfied"),
    "P15": ("advance ID contract_confirmed", "advance ID set_up", "advance ID filed"),
    "P16": ("advance ID passed", "advance ID failed"),
    "P17": ("advance ID settle", "history"),
    "P18": ("advance ID satisfied", "advance ID not_reached", "advance ID call_later"),
    "P19": ("find", "list", "note"),
    "P20": ("advance ID progress_given", "timeouts run"),
    "P21": ("open", "outbox list", "advance ID contacted"),
    "P22": ("promise", "timeouts run"),
    "P23": ("timeouts run",),
    "P24": ("advance ID make_offer", "advance ID offer_declined", "form"),
    "P25": ("advance ID decided", "advance ID told"),
    "P26": ("advance ID prepared", "advance ID dissatisfied"),
    "P27": ("promise", "show"),
    "P28": ("open", "intake", "urge"),
    "P29": ("intake", "rules report"),
    "P30": ("transfer", "explain"),
    "P31": ("advance ID person_wanted", "history"),
    "P32": ("tag", "open"),
    "P33": ("stats",),
    "P34": ("say", "phrases check"),
    "P35": ("say", "apply"),
    "P36": ("form",),
    "P37": ("escalate", "acknowledge", "escalations"),
    "P38": ("advance ID ask_lead", "escalate"),
    "P39": ("show", "calendar show", "calendar add"),
    "P40": ("stats", "timeouts run"),
}

# Rows that rest on a command alone, with no line of the definitions to take out: why that is so.
BY_COMMAND: dict[str, str] = {
    "P33": "counted from what happened to tickets, whatever the definitions are",
}

# What is asked that nothing shows yet. Whoever shows it takes it out here, and gives the row its commands above.
MISSING: dict[str, str] = {}


def test_of(row: str) -> Path:
    """Return the file that tests a row."""
    return TESTS / f"test_p{int(row[1:]):02}.py"


def table() -> str:
    """Return the table of all rows in Markdown; raise ValueError with every row that lacks something."""
    cited = sorted(citations(), key=lambda each: ROWS.index(each.row))
    places = {row: list(found) for row, found in groupby(cited, key=lambda each: each.row)}
    if faults := list(_faults(places)):
        raise ValueError("\n".join(faults))
    lines = ["| row | what is asked | in the definitions | try | test |", "| --- | --- | --- | --- | --- |"]
    for row in ROWS:
        cells = (
            [MISSING[row], _named(places.get(row, [])), "not yet", "not yet"]
            if row in MISSING
            else [
                asked(row),
                BY_COMMAND.get(row) or _named(places[row]),
                ", ".join(f"`{command}`" for command in COMMANDS[row]),
                f"[{test_of(row).stem}](../{test_of(row).relative_to(ROOT).as_posix()})",
            ]
        )
        lines.append(f"| {row} | {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def asked(row: str) -> str:
    """Return what a row asks, as its test says it."""
    said = ast.get_docstring(ast.parse(test_of(row).read_text("utf-8"))) or ""
    if not said.startswith(f"{row}: "):
        raise ValueError(f'{test_of(row).name} begins with """{row}: and what the row asks')
    return said.removeprefix(f"{row}: ").split("\n\n")[0].replace("\n", " ").rstrip(".")


def _faults(places: dict[str, list[Citation]]) -> Iterator[str]:
    for row in ROWS:
        has_test, has_place = test_of(row).exists(), row in places or row in BY_COMMAND
        if row in MISSING:
            if has_test and has_place:
                yield f"{row} has a test and a place: take it out of MISSING"
            continue
        if not has_test:
            yield f"{row} has no {test_of(row).relative_to(ROOT).as_posix()}"
        if not has_place:
            yield f"{row} is cited by no line of the definitions; if it rests on a command, BY_COMMAND says why"
        if row in places and row in BY_COMMAND:
            yield f"{row} is cited, so it rests on more than a command"
        if row not in COMMANDS:
            yield f"{row} has no command"
    yield from (f"{row} is no row" for row in places if row not in ROWS)


def _named(found: Iterable[Citation]) -> str:
    """Name places, those of the same name together: `callback.overdue` (complaint, service)."""
    files: dict[str, list[str]] = {}
    for each in found:
        files.setdefault(each.name, []).append(each.file)
    by_files: dict[tuple[str, ...], list[str]] = {}
    for name, where in files.items():
        by_files.setdefault(tuple(dict.fromkeys(where)), []).append(name)
    return "; ".join(
        f"{', '.join(f'`{name}`' for name in names)} ({_files(where)})" for where, names in by_files.items()
    )


def _files(names: tuple[str, ...]) -> str:
    return (
        "every type" if sorted(names) == TYPES else ", ".join(re.sub(r"^guidance/|\.yaml$", "", name) for name in names)
    )
