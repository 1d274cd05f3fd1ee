"""Reads the files of a desk: strictly, all of them, and with every problem of every file told at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workflow.definition.check import Hosts, check_desk, check_type
from workflow.definition.desk import DeskFile, DeskSpec
from workflow.definition.model import TicketTypeSpec
from workflow.definition.problems import nearest, problem
from workflow.definition.resolve import Definitions, TicketType
from workflow.definition.rulecheck import check_rules
from workflow.definition.rules import RulesSpec
from workflow.definition.shape import shape
from workflow.definition.sheet import Sheet
from workflow.definition.shipped import DESK_FILE, GUIDANCE_FOLDER, LARGEST, RULES_FILE
from workflow.definition.timekeeping import check_announced
from workflow.definition.tree import Node, Reader
from workflow.definition.words import LANGUAGE_PATTERN
from workflow.errors import Problem

if TYPE_CHECKING:
    from workflow.definition.speech import Guidance

OF_THE_DESK = (DESK_FILE, RULES_FILE)


class _Read(NamedTuple):
    """A file as far as it could be read; `lost` names what of it could not, `misfits` counts the problems of that."""

    reader: Reader
    root: Node
    spec: Any
    lost: frozenset[str]
    misfits: int


def load_definitions(
    folder: Path, *, conditions: Collection[str] = (), actions: Collection[str] = (), today: date | None = None
) -> tuple[Definitions | None, tuple[Problem, ...]]:
    """Read desk.yaml, rules.yaml and every other `*.yaml` of a folder, a ticket type each, and check them.

    `conditions` and `actions` are the names the host registered; `today` lets limits be compared with what public
    holidays are announced. Whatever the files hold becomes problems, sorted by file and place, never an exception; with
    an error among them there are no definitions.
    """
    problems: list[Problem] = []
    files = _files(folder, problems)
    named = {file.name: file for file in files}
    desk = _read_file(named[DESK_FILE], DeskFile, problems) if DESK_FILE in named else None
    rules = _read_file(named[RULES_FILE], RulesSpec, problems) if RULES_FILE in named else None
    spec = _desk(desk.spec, rules) if desk else None
    if files and DESK_FILE not in named:
        problems.append(problem("no-desk", str(folder / DESK_FILE), 1, 1))
    types: dict[str, TicketType | None] = {}
    origins: dict[str, str] = {}
    specs: dict[str, TicketTypeSpec] = {}
    all_read = True
    for file in files:
        if file.name in OF_THE_DESK:
            continue
        found = _read_file(file, TicketTypeSpec, problems)
        if not found:
            all_read = False
            continue
        sheet = Sheet(found.reader, found.root)
        name = found.spec.ticket_type
        if name in origins and name not in found.lost:
            sheet.report(("ticket_type",), "duplicate-type", name, other=origins[name])
        origins.setdefault(name, file.name)
        hosts, whole = Hosts(conditions, actions), not found.misfits
        types.setdefault(name, check_type(found.spec, spec, sheet, hosts, whole=whole))
        specs.setdefault(name, found.spec)
        problems += _told(found, desk.lost if desk else frozenset())
    if rules:
        if all_read:
            check_rules(rules.spec, spec, specs, Sheet(rules.reader, rules.root), whole=not rules.misfits)
        problems += _told(rules, desk.lost if desk else frozenset())
    sound = not any(each.severity == "error" for each in problems)
    resolved = {name: found for name, found in types.items() if found} if sound else {}
    if desk and spec:
        sheet = Sheet(desk.reader, desk.root)
        check_desk(spec, sheet)
        if today:
            check_announced(spec, resolved.values(), today, sheet)
        problems += _told(desk, frozenset())
    guidance = _guidance(folder / GUIDANCE_FOLDER, spec if sound else None, resolved, problems)
    problems.sort(key=lambda each: (each.file, each.line, each.column, each.code))
    if spec is None or any(each.severity == "error" for each in problems):
        return None, tuple(problems)
    return Definitions(spec, resolved, guidance), tuple(problems)


def read_desk_file(folder: Path) -> tuple[DeskFile, Sheet] | None:
    """Read desk.yaml alone, for what it says and where; None where it cannot be read."""
    found = _read_file(folder / DESK_FILE, DeskFile, [])
    return (found.spec, Sheet(found.reader, found.root)) if found and not found.misfits else None


def _desk(file: DeskFile, rules: _Read | None) -> DeskSpec:
    """Return the desk that its files describe."""
    parts = {name: getattr(file, name) for name in file.model_fields_set}
    return DeskSpec.model_construct(**parts, **({"rules": rules.spec} if rules else {}))


def _guidance(
    folder: Path, desk: DeskSpec | None, types: Mapping[str, TicketType], problems: list[Problem]
) -> Guidance | None:
    """Read the folder of guidance, if there is one, and check it against a desk whose own files are sound."""
    if not folder.is_dir():
        return None
    from workflow.definition.guidance import GuidanceCheck
    from workflow.definition.speech import SITUATIONS_FILE, Guidance, LanguageSpec, SituationsSpec

    files = {file.stem: file for file in sorted(folder.glob("*.yaml")) if not file.name.startswith(".")}
    first = files.pop(Path(SITUATIONS_FILE).stem, None)
    if first is None and files:
        problems.append(problem("no-situations", str(folder), 1, 1))
    nameless = [lang for lang in files if not re.fullmatch(LANGUAGE_PATTERN, lang)]
    problems += [problem("language-name", str(files.pop(lang)), 1, 1, text=f"{lang}.yaml") for lang in nameless]
    spoken = {lang: found for lang, file in files.items() if (found := _read_file(file, LanguageSpec, problems))}
    situations = _read_file(first, SituationsSpec, problems) if first else None
    if situations is None:
        problems += [told for found in spoken.values() for told in found.reader.problems]
        return None
    read = {"": situations, **spoken}
    guidance = Guidance.model_construct(
        situations=situations.spec, languages={lang: found.spec for lang, found in spoken.items()}
    )
    if desk is not None and not any(found.misfits for found in read.values()):
        sheets = {lang: Sheet(found.reader, found.root) for lang, found in read.items()}
        GuidanceCheck(guidance, desk, types, sheets).run()
    problems += [told for found in read.values() for told in found.reader.problems]
    return guidance


def _files(folder: Path, problems: list[Problem]) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        problems.append(problem("no-folder", str(folder), 1, 1, text=str(folder)))
        return []
    odd = [entry for entry in entries if entry.suffix in (".yml", ".YAML", ".YML")]
    problems += [problem("ignored-file", str(entry), 1, 1, text=entry.name) for entry in odd]
    files = [entry for entry in entries if entry.suffix == ".yaml" and not entry.name.startswith(".")]
    if all(file.name in OF_THE_DESK for file in files):
        problems.append(problem("no-definitions", str(folder), 1, 1))
    return files


def _read_file(file: Path, model: type[Any], problems: list[Problem]) -> _Read | None:
    text = _text_of(file, problems)
    if text is None:
        return None
    reader = Reader(text, str(file))
    root = reader.read()
    spec, lost = shape(model, root, reader) if root else (None, frozenset())
    if root is None or spec is None:
        problems += reader.problems
        return None
    return _Read(reader, root, spec, lost, len(reader.problems))


def _text_of(file: Path, problems: list[Problem]) -> str | None:
    try:
        if not file.is_file():
            raise OSError("it is no file")
        if file.stat().st_size > LARGEST:
            problems.append(problem("too-large", str(file), 1, 1, limit=LARGEST))
            return None
        data = file.read_bytes()
    except OSError as error:
        problems.append(problem("unreadable", str(file), 1, 1, text=file.name, reason=error.strerror or str(error)))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        problems.append(problem("not-utf8", str(file), line, column, text=f"0x{data[error.start]:02x}"))
        return None


def _told(found: _Read, desk_lost: frozenset[str]) -> list[Problem]:
    """Return a file's problems, without those that only follow from others: what was lost is not unknown too."""
    misfits, checked = found.reader.problems[: found.misfits], found.reader.problems[found.misfits :]
    places = {(each.line, each.column) for each in misfits}
    lost = found.lost | desk_lost

    def follows(each: Problem) -> bool:
        unknown = nearest(each.text, lost) and each.code.startswith(("unknown-", "condition-"))
        ladderless = each.code == "no-ladder" and "ladder" in lost
        return (
            bool(unknown)
            or ladderless
            or (each.line, each.column) in places
            or (bool(misfits) and each.severity == "warning")
        )

    return misfits + [each for each in checked if not follows(each)]
