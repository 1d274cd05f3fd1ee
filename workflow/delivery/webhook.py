"""A signed webhook: the message is posted as JSON, in the form of Standard Webhooks (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.post import Post, parsed

FINE = {"", "0", "200", "ok", "success"}  # what a provider's own code says when all is well


class Webhook:
    """Posts messages to one address."""

    def __init__(self, url: str, key: bytes, timeout: float) -> None:
        self._url, self._key, self._post = url, key, Post(timeout)

    def send(self, notice: Notice, now: datetime) -> None:
        """Post a message; raise Failure unless the receiver answers that it has it."""
        body, stamp = notice.as_json(), str(int(now.timestamp()))
        headers = {
            "Webhook-Id": notice.key,
            "Webhook-Timestamp": stamp,
            "Webhook-Signature": f"v1,{signature(self._key, notice.key, stamp, body)}",
        }
        answer = self._post(self._url, body, headers)
        if not answer.fine:
            raise Failure.http(answer.status, answer.retry_after, now)
        if fault := provider_fault(answer.body):
            raise Failure(code=fault)


def signature(key: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of `ID.TIMESTAMP.BODY` in base64."""
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def provider_fault(answer: bytes) -> str | None:
    """Return the code by which a provider refuses in the body of an answer that says 200, as chat bots do, or None."""
    found = parsed(answer)
    if not isinstance(found, dict):
        return None
    for name in ("errcode", "code"):
        code = found.get(name)
        if code is not None and str(code).lower() not in FINE:
            return f"{name} {str(code)[:40]}"
    return "ok false" if found.get("ok") is False else None
