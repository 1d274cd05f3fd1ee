"""Texts with a ticket's data in them: the part of Jinja that can only ever fill in names and choose between passages.

What a text may hold is listed, not what it may not: no loops, calls, subscripts or sums. So its length is bounded by
what it fills in, and it reaches nothing but plain values. The sandbox stands behind that list, not in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template, nodes
    from jinja2.sandbox import SandboxedEnvironment

_MARKERS = ("{{", "{%", "{#")
_ALLOWED = frozenset({
    "Output", "TemplateData", "If", "CondExpr", "Not", "And", "Or", "Compare", "Operand", "Const",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextFault:
    """One mistake in a text: a problem's code, the line in the text, and the words at fault, to be found there."""

    code: str
    line: int
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outline:
    """What a text reads, each name with its line, and what is wrong with it whatever the names."""

    names: tuple[tuple[str, int], ...] = ()
    faults: tuple[TextFault, ...] = ()


@lru_cache(maxsize=2048)
def outline(source: str) -> Outline:
    """Return what a text reads and what it may not hold.

    >>> outline("Hello {{ customer.name }}").names
    (('customer.name', 1),)
    >>> outline("{{ [1] * 99999999 }}").faults[0].code
    'text-not-allowed'
    """
    if not any(marker in source for marker in _MARKERS):
        return Outline()
    from jinja2 import TemplateError, TemplateSyntaxError

    try:
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        return Outline(faults=(TextFault("text-syntax", error.lineno, "", {"reason": str(error.message)}),))
    except (TemplateError, RecursionError):
        return Outline(faults=(TextFault("text-syntax", 1, "", {"reason": "it cannot be read"}),))
    names: list[tuple[str, int]] = []
    faults = [
        TextFault("text-not-allowed", node.lineno, wrong)
        for node in _nodes(tree, names)
        if (wrong := _wrong(node)) is not None
    ]
    return Outline(tuple(names), tuple(faults))


def _nodes(tree: nodes.Node, names: list[tuple[str, int]]) -> Iterator[nodes.Node]:
    """Yield the nodes of a text, however deep; a name with its parts is one of `names` instead."""
    waiting = [*tree.iter_child_nodes()][::-1]
    while waiting:
        node = waiting.pop()
        if (name := _name(node)) is not None:
            names.append((name, node.lineno))
            continue
        yield node
        waiting += [*node.iter_child_nodes()][::-1]


def _name(node: Any) -> str | None:
    """Return the name that a node reads, `customer.x` included."""
    if _kind(node) == "Name" and node.ctx == "load":
        return str(node.name)
    if _kind(node) == "Getattr" and _kind(node.node) == "Name" and node.node.name == "customer":
        return f"customer.{node.attr}"
    return None


def _kind(node: object) -> str:
    return type(node).__name__


def _wrong(node: Any) -> str | None:
    """Return what a node is called that no text may hold, or None."""
    if _kind(node) == "Getattr":
        return str(node.attr)
    return None if _kind(node) in _ALLOWED else _kind(node).lower()


def fill(source: str, values: Mapping[str, str | bool | int | float]) -> str:
    """Return a checked text with its names filled in; `customer.x` among the values is what the text calls so.

    Raise ValueError for a text that `outline` would not let pass, or that reads a name without a value.
    """
    if not any(marker in source for marker in _MARKERS):
        return source
    if outline(source).faults:
        raise ValueError(f"not a text: {source[:60]}")
    from jinja2 import TemplateError

    flat = {name: value for name, value in values.items() if "." not in name}
    customer = {name.partition(".")[2]: value for name, value in values.items() if name.startswith("customer.")}
    try:
        return _template(source).render(flat, customer=customer)
    except TemplateError as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=512)
def _template(source: str) -> Template:
    return _environment().from_string(source)


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    for everything in (environment.globals, environment.filters, environment.tests):
        everything.clear()
    return environment
