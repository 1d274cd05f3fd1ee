"""The JSON Schema of the files an author writes, so that editors complete and check them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from workflow.definition.desk import DeskFile
from workflow.definition.model import BARE_ACTIONS, STAGES, TicketTypeSpec
from workflow.definition.rules import RulesSpec
from workflow.definition.speech import LanguageSpec, SituationsSpec
from workflow.definition.words import PLACE_PATTERN, Part

DIALECT = "https://json-schema.org/draft/2020-12/schema"


File: TypeAlias = Literal["type", "desk", "rules", "situations", "language"]
FILES: dict[File, type[Part]] = {
    "type": TicketTypeSpec,
    "desk": DeskFile,
    "rules": RulesSpec,
    "situations": SituationsSpec,
    "language": LanguageSpec,
}


def json_schema(which: File) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of file, with the short forms that its model turns into long ones."""
    model = FILES[which]
    schema = model.model_json_schema()
    parts = schema.get("$defs", {})
    if model is TicketTypeSpec:
        parts["Transition"] = _transition(parts["Transition"], parts["Branch"])
        parts["Action"] = {"anyOf": [{"enum": list(BARE_ACTIONS)}, _exactly_one(parts["Action"])]}
        stage = {"anyOf": [{"$ref": "#/$defs/StageSpec"}, {"type": "null"}]}
        schema["properties"]["stages"] |= {
            "properties": dict.fromkeys(STAGES, stage),
            "required": ["intake", "archive"],
            "additionalProperties": False,
        }
        schema["properties"]["stages"].pop("propertyNames", None)
    return {"$schema": DIALECT, **_closed(schema)}


def _transition(long: dict[str, Any], branch: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a transition: a dest, a list of branches, or one branch and the transition's own keys."""
    whole = long | {"properties": branch["properties"] | long["properties"]}
    whole.pop("required", None)
    return {"anyOf": [{"type": "string", "pattern": PLACE_PATTERN}, long["properties"]["branches"], whole]}


def _exactly_one(action: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an action in its long form: one key, and the key has a value."""
    values: dict[str, Any] = {}
    for name, value in action["properties"].items():
        kinds = [kind for kind in value.get("anyOf", [value]) if kind.get("type") != "null"]
        values[name] = {"const": True} if name in BARE_ACTIONS else kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return action | {"properties": values, "minProperties": 1, "maxProperties": 1}


def _closed(schema: Any) -> Any:
    """Refuse the keys that match none of the patterns that keys must match."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if "patternProperties" in schema else {}
    return {key: _closed(item) for key, item in schema.items()} | shut
