"""A signed webhook: the message is posted as JSON, in the form of Standard Webhooks (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import urllib.error
import urllib.request
from datetime import datetime
from functools import partial
from typing import Any

from workflow.delivery.failure import Failure
from workflow.delivery.line import Line
from workflow.delivery.notice import Notice

LONGEST_ANSWER = 65_536
FINE = {"", "0", "200", "ok", "success"}  # what a provider's own code says when all is well


class Webhook:
    """Posts messages to one address."""

    def __init__(self, url: str, key: bytes, timeout: float) -> None:
        self._url, self._key, self._line = url, key, Line(timeout)
        self._opener = urllib.request.build_opener(_NoRedirect, _ByLine(self._line))

    def send(self, notice: Notice, now: datetime) -> None:
        """Post a message; raise Failure unless the receiver answers that it has it."""
        body, stamp = notice.as_json(), str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ticketflow",
            "Webhook-Id": notice.key,
            "Webhook-Timestamp": stamp,
            "Webhook-Signature": f"v1,{signature(self._key, notice.key, stamp, body)}",
        }
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310 - http or https
        try:
            with self._line.attempt(), self._opener.open(request, timeout=self._line.timeout) as response:
                answer = response.read(LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            error.close()
            raise Failure.http(error.code, error.headers.get("Retry-After"), now) from error
        except urllib.error.URLError as error:
            raise Failure.of(error.reason) from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise Failure.of(error) from error
        if fault := provider_fault(answer):
            raise Failure(code=fault)


def signature(key: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of `ID.TIMESTAMP.BODY` in base64."""
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def provider_fault(answer: bytes) -> str | None:
    """Return the code by which a provider refuses in the body of an answer that says 200, as chat bots do, or None."""
    try:
        found: Any = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    for name in ("errcode", "code"):
        code = found.get(name)
        if code is not None and str(code).lower() not in FINE:
            return f"{name} {str(code)[:40]}"
    return "ok false" if found.get("ok") is False else None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the POST into a GET: it is an answer like any other that is not 2xx."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Follow nowhere."""


class _ByLine(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens its connections by a line that can be cut."""

    def __init__(self, line: Line) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(context=self._trust)
        self._line = line

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open without TLS."""
        return self.do_open(partial(self._connection, http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open with TLS."""
        return self.do_open(partial(self._connection, http.client.HTTPSConnection, context=self._trust), req)

    def _connection(self, kind: Any, host: str, **more: Any) -> Any:
        found = kind(host, **more)
        found._create_connection = self._line.connect
        return found
