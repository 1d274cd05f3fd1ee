"""The small words of a definition: names, places, labels and durations, with the short forms an author may use."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from workflow.definition.duration import Duration, parse_duration

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
PLACE_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$"
LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Z]{2})?$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=60)]
ShortName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=40)]
Place = Annotated[str, StringConstraints(pattern=PLACE_PATTERN, max_length=121)]
TagText = Annotated[str, StringConstraints(pattern=r"^[^\s,][^,\r\n\t]*$", max_length=60)]


Priority = Literal["low", "normal", "high", "urgent"]


class Part(BaseModel):
    """What every part of a definition has in common: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, defer_build=True)


class ShortForm:
    """Lets editors accept what the validator before it turns into the long form."""

    def __init__(self, *schemas: dict[str, Any], item: bool = False) -> None:
        self.schemas, self.item = schemas, item

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        long = handler(schema)
        return {"anyOf": [*self.schemas, *([long["items"]] if self.item else []), long]}


def as_tuple(value: object) -> object:
    """Return a list as a tuple, and anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def one_or_many(value: object) -> object:
    """Return a single text or mapping as a tuple of one."""
    return (value,) if isinstance(value, str | dict) else as_tuple(value)


Label = Annotated[
    dict[Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN)], str],
    BeforeValidator(lambda value: {"en": value} if isinstance(value, str) else value),
    ShortForm({"type": "string"}),
]
DurationText = Annotated[
    Duration,
    BeforeValidator(parse_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["90s", "10m", "2h", "1h30m", "3d", "PT1H30M"]}),
]
Names = Annotated[tuple[Name, ...], BeforeValidator(one_or_many), ShortForm(item=True)]
Places = Annotated[tuple[Place, ...], BeforeValidator(one_or_many), ShortForm(item=True)]
Tags = Annotated[tuple[TagText, ...], BeforeValidator(one_or_many), ShortForm(item=True)]
