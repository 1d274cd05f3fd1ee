"""The bots of chat groups: WeCom 企业微信, DingTalk 钉钉 and Feishu 飞书, each in its provider's form.

A bot takes plain text, calls a member by their id and has a code of its own for what went wrong, whatever the HTTP
status. It knows no key by which doubles could be dropped: people see that a message says the same again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from workflow.definition.desk import DeskSpec
from workflow.delivery.failure import Failure, printable, waiting_time
from workflow.delivery.notice import Notice
from workflow.delivery.post import Answer, Post, parsed
from workflow.delivery.settings import Access, Delivery

HARMLESS = str.maketrans({"@": "＠", "<": "＜", ">": "＞"})  # in full width no provider reads a mention or a tag
MINUTE = timedelta(minutes=1)


class Fault(NamedTuple):
    """What a provider's code means: for this message for good, else for the bot, until it is mended or time passes."""

    why: str
    permanent: bool = False
    wait: timedelta | None = None


class Provider(NamedTuple):
    """How one provider is spoken to: how many bytes of UTF-8 a text may have, how one is posted, what an answer means.

    `call` is how a text begins that calls a member by their id.
    """

    room: int
    call: str
    body: Callable[[str, str | None], dict[str, Any]]
    code: str
    faults: Mapping[int, Fault]


def _wecom(text: str, mention: str | None) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": text, "mentioned_list": [mention] if mention else []}}


def _dingtalk(text: str, mention: str | None) -> dict[str, Any]:
    at = {"atUserIds": [mention] if mention else [], "isAtAll": False}
    return {"msgtype": "text", "text": {"content": text}, "at": at}


def _feishu(text: str, _mention: str | None) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": text}}


NOT_NOW = Fault("the provider is busy", wait=MINUTE)
BAD_FORM = Fault("the message is not taken in this form", permanent=True)
PROVIDERS = {
    "wecom": Provider(2_048, "", _wecom, "errcode", {
        -1: NOT_NOW,
        45009: Fault("more than 20 messages in a minute", wait=MINUTE),
        45033: Fault("too many at once", wait=MINUTE),
        93000: Fault("the address is wrong, or the bot is no longer in its group"),
        93004: Fault("the bot was switched off"),
        93008: Fault("the bot is not in the group"),
        40008: BAD_FORM, 40058: BAD_FORM, 44004: BAD_FORM, 45002: BAD_FORM,
    }),
    "dingtalk": Provider(15_000, "@{}\n", _dingtalk, "errcode", {
        -1: NOT_NOW,
        90030: Fault("more messages than are allowed", wait=10 * MINUTE),
        130101: Fault("more than 20 messages in a minute", wait=10 * MINUTE),
        410100: Fault("more than 20 messages in a minute", wait=10 * MINUTE),
        300001: Fault("the token is wrong"),
        310000: Fault("the signature, the keyword or the IP address is not what the bot demands"),
        400013: Fault("the group was dissolved"),
        400101: Fault("the token is wrong"),
        400102: Fault("the bot was switched off"),
        400106: Fault("there is no such bot"),
        40035: BAD_FORM, 43004: BAD_FORM, 400105: BAD_FORM, 460101: BAD_FORM,
        430101: Fault("the text holds a link that is not allowed", permanent=True),
        430102: Fault("the text is not allowed", permanent=True),
        430104: Fault("the text is not allowed", permanent=True),
    }),
    "feishu": Provider(15_000, '<at user_id="{}"></at>\n', _feishu, "code", {
        9499: Fault("too many requests, or a form that is not taken", wait=MINUTE),
        11232: Fault("more than 100 messages in a minute, or 5 in a second", wait=MINUTE),
        99991400: Fault("more messages than are allowed", wait=MINUTE),
        19001: Fault("the address is wrong"),
        19021: Fault("the signature is wrong, or this clock is more than an hour off"),
        19022: Fault("this IP address is not allowed"),
        19024: Fault("the keyword that the bot demands is not in the text"),
        19002: BAD_FORM,
    }),
}  # fmt: skip


class Bot:
    """Sends messages into one group. Whom they are for is called by the id that desk.yaml has, else named."""

    def __init__(self, kind: str, access: Access, desk: DeskSpec, settings: Delivery) -> None:
        self._kind, self._access, self._desk, self._lang = kind, access, desk, settings.lang
        self._provider, self._post = PROVIDERS[kind], Post(settings.timeout)

    def send(self, notice: Notice, now: datetime) -> None:
        """Send a message; raise Failure unless the provider's own code says that it was taken."""
        mention, head = self._addressee(notice)
        call = self._provider.call.format(mention) if mention else ""
        said = plain(notice.text if mention else f"{head}\n{notice.text}")
        body = self._provider.body(call + cut(said, self._provider.room - len(call.encode())), mention)
        url, signed = self._access.url, signature(self._kind, self._access.secret, now)
        if self._kind == "feishu":
            body |= signed
        elif signed:
            url += ("&" if urlsplit(url).query else "?") + urlencode(signed)
        self._demand_taken(self._post(url, json.dumps(body, ensure_ascii=False).encode(), {}), now)

    def _addressee(self, notice: Notice) -> tuple[str | None, str]:
        """Return by which id this group calls whom a message is for, and what they are called otherwise."""
        kind, _, name = notice.to.partition(":")
        found = (self._desk.members if kind == "member" else self._desk.teams).get(name)
        if found is None:
            return None, notice.subject
        return getattr(found, "mention", {}).get(self._kind), f"@{found.label.get(self._lang) or name}"

    def _demand_taken(self, answer: Answer, now: datetime) -> None:
        name, code = self._provider.code, own_code(answer.body, self._provider.code)
        if answer.fine and code == 0:
            return
        if not code:
            if not answer.fine:
                raise Failure.http(answer.status, answer.retry_after, now)
            raise Failure(f"this is no answer of {self._kind}", unreachable=True)
        known = self._provider.faults.get(code)
        fault = known or Fault("" if answer.fine else f"HTTP {answer.status}")
        waits = (fault.wait, waiting_time(answer.retry_after, now))
        raise Failure(
            fault.why,
            code=f"{name} {code}",
            permanent=fault.permanent,
            unreachable=not fault.permanent and bool(known or not answer.fine),
            retry_after=max(filter(None, waits), default=None),
        )


def signature(kind: str, secret: str | None, now: datetime) -> dict[str, str]:
    """Return the timestamp and the signature that a provider asks for; nothing without a secret, or of WeCom."""
    if not secret or kind == "wecom":
        return {}
    stamp = str(int(now.timestamp() * (1000 if kind == "dingtalk" else 1)))
    signed = f"{stamp}\n{secret}".encode()
    key, message = (secret.encode(), signed) if kind == "dingtalk" else (signed, b"")
    return {"timestamp": stamp, "sign": base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()}


def plain(text: str) -> str:
    """Return a text in which a provider finds no mention, no tag and no control character."""
    return "\n".join(map(printable, text.splitlines())).strip().translate(HARMLESS)


def cut(text: str, room: int) -> str:
    """Return a text that takes at most so many bytes in UTF-8, with … where it was cut.

    >>> cut("工单 123456", 9)
    '工单…'
    """
    data = text.encode()
    return text if len(data) <= room else data[: room - len("…".encode())].decode(errors="ignore") + "…"


def own_code(answer: bytes, name: str) -> int | None:
    """Return the provider's own code in an answer, or None where there is none."""
    try:
        found = parsed(answer)
        code = found.get(name, found.get("StatusCode"))  # as the first form of Feishu's bots has it
        return None if isinstance(code, bool | float) else int(code)
    except (ValueError, TypeError, AttributeError):
        return None
