"""Every sentence that the program can say, read from its source, so that none is left untranslated."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

import workflow
from workflow import errors
from workflow.cli import app, audit, facts, failure, figures, labels, migrate, sla, sorting, timeouts, views
from workflow.definition import problems
from workflow.delivery.bots import PROVIDERS

SOURCE = Path(workflow.__file__).parent
ERRORS = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
SPEAKING = {
    "Cause": 2,
    "say": 1,
    "hint": 1,
    "heading": 1,
    "chapter": 1,
    "tell": 1,
    "changed": 3,
    "_unknown": 1,
    "_unusable": 2,
    "_wrong": 2,
    "Failure": 1,
    "cls": 1,
}
KEPT = {"template", "remedy", "summary", "_HINTS", "_WANTED"}
FAILURES = {"its cause has ended"}
WORDS = {
    "low", "normal", "high", "urgent", "escalated", "notified", "called", "escalate", "notify", "call",
    "waiting", "held", "sending", "sent", "failed",
    "new", "changed", "relabelled", "unchanged", "retired", "a text", "type", "desk", "error", "warning", "running",
    "paused", "met", "missed", "cancelled", "at risk", "more time asked for", "kept", "broken", "due", "late", "left",
    "guidance", "because", "say instead", "escalation", "remark",
    "retried", "assign", "reassign", "tell", "rework", "continue", "overtaken", "suppressed", "unattended",
}  # fmt: skip


def texts(node: ast.AST | None) -> Iterator[str]:
    """Yield the texts that an argument can be: one, or one of two."""
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp():
            yield from texts(node.body)
            yield from texts(node.orelse)
        case ast.Dict():
            for value in node.values:
                yield from texts(value)


def said(tree: ast.Module) -> Iterator[str]:
    """Yield what a module passes to errors and to the output."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and is_error(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                spoken = args[: 2 if name in ERRORS | own else SPEAKING.get(name, 0)]
                for argument in spoken:
                    yield from texts(argument)
                if name in ("record", "write", "take"):
                    for argument in args:
                        yield from texts(argument)
                if name == "table":
                    for header in ast.walk(args[0]) if args else ():
                        yield from texts(header)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in KEPT:
                yield from texts(value)
            case ast.Yield(value=ast.Tuple(elts=[label, _])):
                yield from texts(label)


def is_error(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id in ERRORS for base in node.bases)


@cache
def of_source() -> frozenset[str]:
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.name != "errors.py" and not path.name.startswith("zh"):
            found |= set(said(ast.parse(path.read_text(encoding="utf-8"))))
    return frozenset(found - {""})


def of_problems() -> set[str]:
    rules = problems.RULES.values()
    found = {text for rule in rules for text in (rule.sentence, rule.remedy) if text}
    return found | {problems.DID_YOU_MEAN, problems.KNOWN}


def commands(command: click.Command | None = None, name: str = "ticketflow") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    command = command or app.cli
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from commands(found, f"{name} {inner}")


@cache
def of_help() -> frozenset[str]:
    found = {"Usage:", "Options", "Commands", "default", "required", "Show this message and exit."}
    for _, command in commands():
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            if not paragraph.startswith(" "):
                found.add(" ".join(paragraph.split()))
        found |= {
            parameter.help for parameter in command.params if isinstance(parameter, click.Option) and parameter.help
        }
    return frozenset(found)


def of_click() -> set[str]:
    return {template for _, template in failure.CLICK}


@cache
def everything() -> frozenset[str]:
    tables = (views.LIST, views.HISTORY, sla.CLOCKS, migrate.MOVES, sorting.PROPOSED, sorting.VOICES, sorting.FIGURES)
    of_figures = (figures.WORK, figures.LIMITS, figures.STAGES, ("agent", "date"), timeouts.RUNS)
    lists = {heading for table in (*tables, *of_figures) for heading in table}
    lists |= {"corrected", *sorting.ATTRIBUTES, *audit.SENTENCES.values()}
    told = {word for words in (facts.FACTS, facts.FLAGS, facts.STEPS, labels.TIMERS) for word in words.values()}
    faults = {fault.why for provider in PROVIDERS.values() for fault in provider.faults.values()}
    return of_source() | of_problems() | of_help() | of_click() | WORDS | FAILURES | faults | lists | told


if __name__ == "__main__":
    from workflow.cli.zh import CATALOGUE

    for sentence in sorted(everything() - set(CATALOGUE)):
        print(repr(sentence))
