"""Where messages leave by: a webhook, a mail server, bots. Set by environment, file or host, never by a definition."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from workflow.core.model import NOTHING
from workflow.definition.outletcheck import ADDRESS
from workflow.errors import UsageError

ENCODED_SECRET = "whsec_"  # noqa: S105 - a prefix
PORTS = {"smtp": 587, "smtps": 465}
TLS = ("starttls", "ssl", "none")
_SENDER = re.compile(rf'{ADDRESS}|[^<>"@,;:\\]*<{ADDRESS}>')
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server, how to log in there, and under which address mail leaves."""

    host: str
    port: int
    sender: str
    tls: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """Where the bot of an outlet is posted to, as its provider shows it, and the secret that signs, if it has one."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """By which ways messages leave. What is not set is no way; nothing of it is ever logged or shown.

    `webhook_secret` signs what is posted to `webhook_url`; one that begins with `whsec_` is read as base64.
    `smtp_url` is like `smtp://user:password@host:587?from=desk@example.org`; its `tls` is `starttls` unless it says
    `ssl` or `none`, and `smtps://` is always `ssl`. `outlets` has the addresses of the desk's bots, by the names of
    their outlets; they are https, but for a server on this machine. `timeout` is how many seconds a server may stay
    silent; an attempt as a whole takes at most three times that. Raise UsageError for what cannot be used.

    >>> Delivery(webhook_url="https://chat.example.org/in", webhook_secret="s3cret")
    Delivery(lang='en', timeout=10.0)
    """

    webhook_url: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    outlets: Mapping[str, Access] = field(default=NOTHING, repr=False)
    lang: str = "en"
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if self.webhook_url:
            _check_webhook(self.webhook_url)
            _ = self.key
        if self.smtp_url:
            _ = self.mail_server
        for name, access in self.outlets.items():
            _check_outlet(name, access)
        if not 0 < self.timeout <= 30:
            raise UsageError(
                "a server cannot be waited for {given} seconds", "give more than 0 and at most 30", field="timeout",
                given=self.timeout,
            )  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.webhook_url or self.smtp_url or self.outlets)

    @property
    def key(self) -> bytes:
        """The bytes that sign what is posted to the webhook."""
        secret = self.webhook_secret or ""
        try:
            key = (
                base64.b64decode(secret.removeprefix(ENCODED_SECRET), validate=True)
                if secret.startswith(ENCODED_SECRET)
                else secret.encode()
            )
        except (binascii.Error, ValueError):
            raise UsageError(
                "the webhook's secret begins with whsec_ and is no base64", "copy it anew", field="webhook_secret"
            ) from None
        if not key:
            raise UsageError(
                "a webhook needs a secret that signs what it is sent",
                "set TICKETFLOW_WEBHOOK_SECRET, and tell it to the receiver",
                field="webhook_secret",
            )
        return key

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server, or None."""
        return _mail_server(self.smtp_url) if self.smtp_url else None


def _check_webhook(url: str) -> None:
    parts = _split(url, "webhook_url")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        _refuse("webhook_url")


def address_of(outlet: str) -> str:
    """Return the name of the setting that holds an outlet's address."""
    return f"outlet_{outlet}_url"


def _check_outlet(name: str, access: Access) -> None:
    setting = address_of(name)
    parts = _split(access.url, setting)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not safe or not parts.hostname or parts.username is not None or parts.fragment:
        _refuse(setting)


def _mail_server(url: str) -> MailServer:
    parts = _split(url, "smtp_url")
    options = dict(_options(parts))
    sender, login = options.pop("from", "").strip(), unquote(f"{parts.username or ''}{parts.password or ''}")
    tls = options.pop("tls", "ssl" if parts.scheme == "smtps" else "starttls")
    usable = parts.scheme in PORTS and parts.hostname and parts.path in ("", "/") and not options and tls in TLS
    sound = _SENDER.fullmatch(sender) and sender.isprintable() and login.isascii()
    if not usable or not sound or (parts.scheme == "smtps" and tls != "ssl"):
        _refuse("smtp_url")
    return MailServer(
        parts.hostname or "",
        parts.port or (PORTS["smtps"] if tls == "ssl" else PORTS["smtp"]),
        sender,
        tls,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _options(parts: SplitResult) -> Iterator[tuple[str, str]]:
    try:
        yield from parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        _refuse("smtp_url")


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        _refuse(name)
    if not url.isascii() or not url.isprintable() or " " in url:
        _refuse(name)
    return parts


def _refuse(name: str) -> NoReturn:
    """Refuse a setting without repeating it: it may hold a password or a token."""
    if name.startswith("outlet_"):
        raise UsageError(
            "the setting {field} cannot be used", "copy the bot's address from its group; it begins with https://",
            field=name,
        )  # fmt: skip
    raise UsageError(
        "the setting {field} cannot be used",
        "write webhook_url like https://host/path, smtp_url like smtp://user:password@host:587?from=desk@example.org",
        field=name,
    )
