"""Conditions: expressions of CEL that are checked when a definition is read and asked when a ticket moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from workflow.definition.model import FieldSpec
from workflow.definition.problems import problem
from workflow.definition.wire import Checked, Part
from workflow.errors import ConditionFault, render

BUILT_IN: Mapping[str, str] = {
    "priority": "string",
    "channel": "string",
    "tags": "list",
    "team": "string",
    "assignee": "string",
    "state": "string",
    "entered_at": "timestamp",
    "opened_at": "timestamp",
    "now": "timestamp",
    "filled": "list",
    "actor": "string",
    "actor_roles": "list",
}
RESERVED = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
    "loop", "package", "namespace", "return", "var", "void", "while",
    "bool", "bytes", "double", "duration", "dyn", "int", "list", "map", "null_type", "string", "timestamp", "type",
    "uint", "all", "contains", "exists", "exists_one", "filter", "has", "matches", "size",
    "customer", "google",
})  # fmt: skip
FUNCTIONS = (
    "size", "matches", "contains", "startsWith", "endsWith", "exists", "exists_one", "all", "map", "filter", "duration",
    "timestamp", "int", "double", "string", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek",
    "getDayOfYear", "getHours", "getMinutes", "getSeconds",
)  # fmt: skip
LONGEST = 2_000
_LASTING = ("string", "bool", "int")
_KEPT = (str, bool, int, type(None))
_ANSWERS_KEPT, _LONGEST_KEPT = 500, 100
_Given = tuple[tuple[type, Any], ...]
_Answer = bool | str | frozenset[str]
_TYPES = {
    "text": "string", "choice": "string", "bool": "bool", "int": "int", "decimal": "double", "date": "timestamp",
    "datetime": "timestamp", "list": "list",
}  # fmt: skip
_CEL_TYPES = {
    "string": cel.Type.STRING, "bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE,
    "timestamp": cel.Type.TIMESTAMP, "list": cel.Type.List(cel.Type.STRING),
}  # fmt: skip
_ERROR = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")
_STATUS = re.compile(r"^[A-Z_]+: ")
_EQUALITIES = ("_==_", "_!=_", "@in")
_EPOCH = 'timestamp("2000-01-01T00:00:00Z")'


class Fault(NamedTuple):
    """One mistake in a condition: a problem's code, the offset in characters, and what the sentence needs."""

    code: str
    offset: int
    text: str = ""
    values: Mapping[str, Any] = {}


class ConditionError(Exception):
    """A condition does not compile. `faults` holds every mistake; the rest describes the first of them."""

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        first = faults[0]
        told = problem(first.code, "", 1, first.offset + 1, text=first.text, **first.values)
        self.faults, self.source, self.column = faults, source, first.offset + 1
        self.reason, self.suggestion = told.message, render(told.suggestion, told.values)
        super().__init__(f"{source}: column {self.column}: {self.reason}")


class Comparison(NamedTuple):
    """A variable that the condition compares with a text written in it, and where that text stands."""

    name: str
    literal: str
    offset: int


class Condition:
    """A compiled condition. It may be shared between threads and asked any number of times.

    `source` is what the author wrote and `names` the variables it reads.

    >>> variables = {"priority": "string", "filled": "list"}
    >>> urgent = compile_condition('priority == "urgent" && "phone" in filled', variables)
    >>> sorted(urgent.names), urgent.holds({"priority": "urgent", "filled": ["phone"]})
    (['filled', 'priority'], True)
    >>> urgent.holds({"filled": ["phone"]})
    frozenset({'priority'})
    """

    __slots__ = ("_answers", "_checked", "_env", "_expression", "_leaves", "names", "source")

    def __init__(self, source: str, env: cel.Env, expression: cel.Expression, variables: Mapping[str, str]) -> None:
        self.source, self._env, self._expression = source, env, expression
        self._checked = Checked(expression.serialize())
        self._leaves: dict[int, cel.Expression] = {}
        self.names: frozenset[str] = self._checked.references & variables.keys()
        lasting = all(variables[name] in _LASTING for name in self.names)
        self._answers: dict[_Given, bool | frozenset[str]] | None = {} if lasting else None

    def __repr__(self) -> str:
        return f"Condition({self.source!r})"

    def holds(self, values: Mapping[str, object]) -> bool | frozenset[str]:
        """Say whether the condition holds, or which unset names leave that open.

        `values` leaves a variable out that is not set; `&&`, `||` and `?:` absorb what does not matter, as CEL
        defines. Raise ConditionFault where evaluation fails for any other reason. Answers are remembered by what was
        read, some hundreds of them, but for conditions that read a time, a list or a decimal.
        """
        if self._answers is None:
            return self._work_out(values)
        given = tuple([(type(value), value) for value in map(values.get, self.names)])
        if any(kind not in _KEPT or (isinstance(value, str) and len(value) > _LONGEST_KEPT) for kind, value in given):
            return self._work_out(values)
        known = self._answers.get(given)
        if known is None:
            if len(self._answers) >= _ANSWERS_KEPT:
                self._answers.clear()
            known = self._answers[given] = self._work_out(values)
        return known

    def _work_out(self, values: Mapping[str, object]) -> bool | frozenset[str]:
        data = {name: _plain(values[name]) for name in self.names if name in values}
        answer: _Answer = self._ask(self._expression, data)
        if isinstance(answer, str) and len(data) < len(self.names):
            answer = self._weigh(self._checked.root, data)
        if isinstance(answer, str):
            raise ConditionFault(
                "the condition {condition} could not be evaluated: {reason}",
                "mend what the condition reads, or the definition",
                condition=self.source,
                reason=answer,
            )
        return answer

    @property
    def constant(self) -> bool | None:
        """What the condition always says, whatever the ticket; None where that depends on it."""
        try:
            answer = self.holds({})
        except ConditionFault:
            return None
        return answer if isinstance(answer, bool) else None

    @property
    def comparisons(self) -> Iterator[Comparison]:
        """Every comparison of a variable with a text that the author wrote."""
        for part in self._checked.root.walk():
            if part.kind != "call" or part.name not in _EQUALITIES or len(part.children) != 2:
                continue
            for one, other in (part.children, part.children[::-1]):
                if one.kind == "ident":
                    for literal in other.children if other.kind == "list" else (other,):
                        if isinstance(literal.value, str):
                            yield Comparison(one.name, literal.value, self._checked.offset(literal))

    def _ask(self, expression: cel.Expression, data: Mapping[str, object]) -> bool | str:
        """Return the answer, or the reason why there is none."""
        try:
            value = expression.eval(data=data).value()
        except (RuntimeError, UnicodeError) as error:
            return _bare(str(error))
        if isinstance(value, bool):
            return value
        return _bare(value) if isinstance(value, str) else "it did not come out as true or false"

    def _weigh(self, part: Part, data: Mapping[str, object]) -> _Answer:
        """Work out one node by three-valued logic. A fault that nothing absorbs counts more than what is unset."""
        if part.kind == "call" and part.name == "!_":
            answer = self._weigh(part.children[0], data)
            return not answer if isinstance(answer, bool) else answer
        if part.kind == "call" and part.name == "_?_:_":
            answer = self._weigh(part.children[0], data)
            return self._weigh(part.children[1 if answer else 2], data) if isinstance(answer, bool) else answer
        if part.kind == "call" and part.name in ("_&&_", "_||_"):
            absorbing = part.name == "_||_"
            answers = [self._weigh(child, data) for child in part.children]
            if any(answer is absorbing for answer in answers):
                return absorbing
            fault = next((answer for answer in answers if isinstance(answer, str)), None)
            open_ = [answer for answer in answers if isinstance(answer, frozenset)]
            return fault or (frozenset[str]().union(*open_) if open_ else not absorbing)
        answer = self._ask(self._leaf(part), data)
        read = {node.name for node in part.walk() if node.kind == "ident"} & self.names
        if isinstance(answer, str) and (unset := read - data.keys()) and answer in map(_unset, unset):
            return frozenset(unset)
        return answer

    def _leaf(self, part: Part) -> cel.Expression:
        if part.id not in self._leaves:
            self._leaves[part.id] = self._env.deserialize(self._checked.alone(part))
        return self._leaves[part.id]

    def faults(self) -> Iterator[Fault]:
        """Yield what compiles and still cannot be meant: equal decimals, and constants that always fail."""
        for part in self._checked.root.walk():
            if part.name in _EQUALITIES and any(map(self._checked.is_double, part.children)):
                yield Fault("condition-equal-decimals", self._checked.offset(part))
        yield from self._failing(self._checked.root)

    def _failing(self, part: Part) -> list[Fault]:
        """Return the innermost calls that fail whatever the ticket."""
        found = [fault for child in part.children for fault in self._failing(child)]
        if not found and part.kind == "call" and (reason := self._always_fails(part)):
            found.append(Fault("condition-constant", self._checked.offset(part), values={"reason": reason}))
        return found

    def _always_fails(self, part: Part) -> str:
        """Return why a call fails: it reads nothing, or its pattern or its zone is a constant."""
        *_, last = part.children
        if part.name == "matches" and isinstance(last.value, str):
            expression = self._env.compile(f'"".matches({_quoted(last.value)})')
        elif part.name.startswith("get") and isinstance(last.value, str):
            expression = self._env.compile(f"{_EPOCH}.{part.name}({_quoted(last.value)})")
        elif not any(node.kind == "ident" for node in part.walk()):
            expression = self._leaf(part)
        else:
            return ""
        value = expression.eval(data={})
        return _bare(value.value()) if value.type() == cel.Type.ERROR else ""


def variables_of(fields: Mapping[str, FieldSpec], customer: Mapping[str, FieldSpec]) -> dict[str, str]:
    """Return what a condition of a ticket type may read, with the CEL type of each.

    >>> variables_of({"fees": FieldSpec(type="decimal")}, {})["fees"]
    'double'
    """
    declared = {name: _TYPES[spec.type] for name, spec in fields.items()}
    return {**declared, **{f"customer.{name}": _TYPES[spec.type] for name, spec in customer.items()}, **BUILT_IN}


SITUATION: Mapping[str, str] = {
    "channel": "string",
    "tags": "list",
    "filled": "list",
    "opened_at": "timestamp",
    "customer_tags": "list",
    "open_types": "list",
    "open_tags": "list",
}


def rule_variables(types: Iterable[Mapping[str, FieldSpec]], customer: Mapping[str, FieldSpec]) -> dict[str, str]:
    """Return what a condition of a sorting rule may read, with the CEL type of each.

    A field that two types declare differently means nothing before the type is known.

    >>> one, other = {"n": FieldSpec(type="int"), "ok": FieldSpec(type="bool")}, {"n": FieldSpec(type="text")}
    >>> "ok" in rule_variables([one, other], {}), "n" in rule_variables([one, other], {})
    (True, False)
    """
    kinds: dict[str, set[str]] = {}
    for fields in types:
        for name, spec in fields.items():
            kinds.setdefault(name, set()).add(_TYPES[spec.type])
    shared = {name: kind for name, (kind, *others) in kinds.items() if not others}
    return {**shared, **{f"customer.{name}": _TYPES[spec.type] for name, spec in customer.items()}, **SITUATION}


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, *, whole: bool = False) -> Callable[[str], bool]:
    """Return what says whether a text holds a pattern, in time linear in the text; raise ValueError for no pattern.

    It is CEL's own engine, RE2. Small and capital letters are one, unless the `whole` text must match.

    >>> compile_pattern("off?er")("an OFER"), compile_pattern("[A-Z]+", whole=True)("Ab")
    (True, False)
    """
    if whole:
        compile_pattern(pattern)
    env, written = _environment((("text", "string"),)), rf"\A(?:{pattern})\z" if whole else f"(?i){pattern}"
    try:
        expression = env.compile(f"text.matches({_quoted(written)})")
    except RuntimeError as error:
        raise ValueError(_bare(str(error))) from None
    probe = expression.eval(data={"text": ""})
    if probe.type() == cel.Type.ERROR:
        raise ValueError(_bare(probe.value()).removeprefix("invalid regular expression: "))
    return lambda text: expression.eval(data={"text": text}).value() is True


def compile_condition(source: str, variables: Mapping[str, str]) -> Condition:
    """Compile a condition over the given variables; raise ConditionError with every mistake in it.

    >>> compile_condition("fees > 2", {"fees": "double"})
    Traceback (most recent call last):
    workflow.definition.expressions.ConditionError: fees > 2: column 6: a decimal is compared with a whole number
    """
    if len(source) > LONGEST:
        raise ConditionError(source, (Fault("condition-too-long", LONGEST, values={"limit": LONGEST}),))
    return _compiled(source, tuple(sorted(variables.items())))


@lru_cache(maxsize=512)
def _compiled(source: str, declared: tuple[tuple[str, str], ...]) -> Condition:
    env, variables = _environment(declared), dict(declared)
    try:
        expression = env.compile(source)
    except (RuntimeError, UnicodeError) as error:
        raise ConditionError(source, tuple(_faults_of(str(error), source, variables))) from None
    if expression.return_type() != cel.Type.BOOL:
        found = Fault("condition-not-bool", 0, source, {"found": expression.return_type().name().lower()})
        raise ConditionError(source, (found,))
    condition = Condition(source, env, expression, variables)
    if faults := tuple(condition.faults()):
        raise ConditionError(source, faults)
    return condition


@lru_cache(maxsize=64)
def _environment(variables: tuple[tuple[str, str], ...]) -> cel.Env:
    return cel.NewEnv(variables={name: _CEL_TYPES[kind] for name, kind in variables})


def _faults_of(report: str, source: str, variables: Mapping[str, str]) -> Iterator[Fault]:
    """Turn the compiler's report into faults; after a syntax error the rest of it is only confusion."""
    lines = source.split("\n")
    found = _ERROR.findall(report) or [("1", "1", _bare(report))]
    for line, column, message in found:
        before = lines[: max(int(line), 1) - 1]
        offset = min(sum(map(len, before)) + len(before) + max(int(column), 1) - 1, len(source))
        if named := _UNDECLARED.search(message):
            name = named[1]
            start = max(source.rfind(name, 0, offset + len(name)), 0)
            called = source.startswith("(", start + len(name))
            yield Fault("condition-unknown-name", start, name, {"known": FUNCTIONS if called else sorted(variables)})
        elif applied := _OVERLOAD.search(message):
            yield _mismatch(applied[1], applied[2], offset)
        elif message.startswith("has() argument"):
            yield Fault("condition-has", offset)
        else:
            reason = message.removeprefix("Syntax error: ").split(" expecting {")[0].replace("'<EOF>'", "the end")
            yield Fault("condition-syntax", offset, source[offset : offset + 20], {"reason": reason})
            return


def _mismatch(operator: str, applied: str, offset: int) -> Fault:
    kinds = applied.strip("()").split(", ")
    if "null_type" in kinds:
        return Fault("condition-null", offset)
    if set(kinds) == {"double", "int"}:
        return Fault("condition-decimal", offset)
    shown = operator.replace("_", "").lstrip("@")
    return Fault("condition-type", offset, shown, {"operator": shown, "kinds": applied.strip("()")})


def _bare(message: str) -> str:
    return _STATUS.sub("", message.split("\n")[0])


def _unset(name: str) -> str:
    return f'No value with name "{name}" found in Activation'


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'
