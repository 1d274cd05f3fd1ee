"""The shape of outlets: by which bot, or into which file, messages leave, and for whom. No secret stands here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from workflow.definition.problems import Wrong
from workflow.definition.words import Label, Names, Part

Bot = Literal["wecom", "dingtalk", "feishu"]
SECRET_KEYS = frozenset(("url", "webhook", "key", "token", "access_token", "secret", "sign", "password"))
_SECRET = re.compile(r"://|[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{32}|^sec[0-9a-f]{8}", re.IGNORECASE)
_MENTION = re.compile(r"(?!all\Z)[a-z0-9][a-z0-9_.@-]{0,63}", re.IGNORECASE)


def _mention(text: str) -> str:
    if not _MENTION.fullmatch(text):
        raise Wrong("bad-mention")
    return text


Mention = Annotated[str, AfterValidator(_mention)]


class Outlet(Part):
    """A way by which messages leave to some: the bot of a group of WeCom, DingTalk or Feishu, or a file.

    `to` are members, teams, `lead` (whoever leads a team) and `customer`. Where a bot's group is, and what signs for
    it, is no part of a definition: both are set under the outlet's name, in the environment or in ticketflow.toml. A
    file has a `path`, from the root.
    """

    label: Label = {}
    kind: Literal["wecom", "dingtalk", "feishu", "file"]
    to: Annotated[Names, Field(min_length=1)]
    path: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, value: Any) -> Any:
        if isinstance(value, str) and _SECRET.search(value):
            raise Wrong("secret-in-definition", text="…")
        for name, inner in value.items() if isinstance(value, dict) else ():
            if name in SECRET_KEYS or any(_SECRET.search(text) for text in _texts(inner)):
                raise Wrong("secret-in-definition", text=str(name), at=(name,))
        return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
