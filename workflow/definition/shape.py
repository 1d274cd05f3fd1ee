"""From a tree to a spec: every key and value that does not fit the model becomes a problem at its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workflow.definition.model import STAGES
from workflow.definition.problems import Wrong
from workflow.definition.tree import CONDITION_KEYS, Node, Path, Reader, kind_of, quoted, unquoted_condition
from workflow.definition.words import LANGUAGE_PATTERN, NAME_PATTERN, PLACE_PATTERN, Part

Spec = TypeVar("Spec", bound=Part)

_PATTERNS = {NAME_PATTERN: "bad-name", PLACE_PATTERN: "bad-place", LANGUAGE_PATTERN: "bad-language"}
_WANTED = {
    "int_type": "a whole number", "dict_type": "a mapping", "model_type": "a mapping", "tuple_type": "a list",
    "list_type": "a list",
}  # fmt: skip
_STAND_INS: Mapping[str, Any] = {
    "ticket_type": "unnamed", "version": 1, "stages": {}, "desk": "unnamed", "zone": "UTC", "match": "all",
    "default": "unnamed",
}  # fmt: skip


def shape(model: type[Spec], root: Node, reader: Reader) -> tuple[Spec | None, frozenset[str]]:
    """Return the spec a tree describes, and the names that were lost because what they name does not fit.

    Every misfit is reported to the reader, and then cut out so that the rest of the file can be checked.
    """
    data = root.value
    lost: set[str] = set()
    for _ in range(20):
        try:
            return model.model_validate(data), frozenset(lost)
        except ValidationError as error:
            errors = error.errors(include_url=False)
        first = data is root.value
        if first:
            data = _copy(data)
            # a list whose entries do not fit is called too short as well
            errors = [told for told in errors if told["type"] != "too_short" or root.find(told["loc"])[1].value == []]
        for told in errors:
            if first or told["type"] not in ("missing", "too_short"):
                _report(model, told, root, reader)
        lost |= _cut(data, errors)
    return None, frozenset(lost)


def _report(model: type[Part], told: ErrorDetails, root: Node, reader: Reader) -> None:
    """Turn one of pydantic's errors into a problem at the place it is about."""
    kind, context, path = told["type"], told.get("ctx", {}), tuple(told["loc"])
    key, node = root.find(path)
    shown = node.text or kind_of(node.value)

    def report(code: str, text: str, at: Node = node, **values: Any) -> None:
        if (at.line, at.column) not in reader.told:
            reader.report(code, at.line, at.column, text=text, **values)

    if path[-1] == "[key]":
        shown = str(path[-2])
        at, _ = root.find((*path[:-2], shown))
        if "expected" in context:
            report("unknown-stage", shown, at, known=STAGES)
        elif kind == "string_type":
            report("not-text", shown, at, found=kind_of(path[-2]), quoted=quoted(shown))
        else:
            report(_PATTERNS.get(context.get("pattern", ""), "bad-name"), shown, at)
    elif kind == "extra_forbidden":
        _unknown_key(model, path, key, root, reader)
    elif kind == "missing":
        reader.report("missing-key", key.line, key.column, text=str(path[-1]))
    elif kind == "value_error" and isinstance(wrong := context["error"], Wrong):
        report(wrong.code, at=root.find((*path, *wrong.at))[1], **({"text": shown} | wrong.values))
    elif kind == "literal_error":
        report("unknown-word", shown, known=re.findall(r"'([^']*)'", context["expected"]))
    elif kind == "string_type" and node.text is not None:
        report("not-text", shown, found=kind_of(node.value), quoted=quoted(shown))
    elif kind == "bool_type":
        report("not-bool", shown)
    elif kind in ("string_pattern_mismatch", "string_too_long"):
        report(_PATTERNS.get(context.get("pattern", ""), "bad-name"), shown)
    elif kind in ("greater_than_equal", "less_than_equal"):
        least, most = (1, 1000) if path[-1] == "times" else (1, 1_000_000)
        report("out-of-range", shown, least=least, most=most)
    elif kind == "too_short":
        report("empty-list", shown)
    else:
        report("wrong-type", shown, wanted=_WANTED.get(kind, "a text"))


def _unknown_key(model: type[Part], path: Path, key: Node, root: Node, reader: Reader) -> None:
    """Report a key nobody knows, or the unquoted condition that YAML cut it off from."""
    _, parent = root.find(path[:-1])
    for name in CONDITION_KEYS:
        if (found := parent.step(name)) and found[1].text and not found[1].style:
            condition = found[1]
            cut = unquoted_condition(reader.lines[condition.line - 1])
            text = cut[0] if cut else condition.text or ""
            reader.report("unquoted-condition", condition.line, condition.column, text=text, quoted=quoted(text))
            return
    reader.report("unknown-key", key.line, key.column, text=str(path[-1]), known=_keys_at(model, path[:-1]))


def _keys_at(model: type[Part], path: Path) -> list[str]:
    """Return the keys that may stand at a path, by following the model's own annotations."""
    hint: Any = model
    for step in path:
        for inner in _parts(hint):
            origin, given = get_origin(inner), get_args(inner)
            if origin is dict:
                hint = given[1]
            elif origin is tuple:
                hint = given[0]
            elif isinstance(inner, type) and issubclass(inner, Part) and step in inner.model_fields:
                hint = inner.model_fields[str(step)].annotation
    return [name for inner in _parts(hint) if hasattr(inner, "model_fields") for name in inner.model_fields]


def _parts(hint: Any) -> list[Any]:
    """Return what an annotation may be, without its metadata and None."""
    if hasattr(hint, "__metadata__"):
        return _parts(hint.__origin__)
    if get_origin(hint) in (None, dict, tuple):
        return [] if hint is NoneType else [hint]
    return [part for option in get_args(hint) for part in _parts(option)]


def _cut(data: dict[str, Any], errors: list[ErrorDetails]) -> set[str]:
    """Take the misfits out of the data, with what cannot be without them; return the names this loses."""
    found: dict[tuple[int, Any], tuple[Any, Any]] = {}
    for told in errors:
        path = [step for step in told["loc"] if step != "[key]"]
        holder: Any = None
        here: Any = data
        last: Any = path[-1]
        for step in path[:-1] if told["type"] == "missing" else path:
            at = here.index(step) if isinstance(here, list) and step in here else step
            if at in (here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()):
                holder, last, here = here, at, here[at]
        if holder is None or (holder is data and last in _STAND_INS):
            data[last] = _STAND_INS.get(last)
        else:
            found[id(holder), last] = (holder, last)
    for holder, last in sorted(found.values(), key=lambda each: str(each[1]).zfill(9), reverse=True):
        del holder[last]
    return {str(last) for _, last in found}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
