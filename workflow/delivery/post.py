"""Posting to a web server: by a line that can be cut, with TLS verified, and following nowhere."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from workflow.delivery.failure import Failure
from workflow.delivery.line import Line

LONGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to a post, whatever it is."""

    status: int
    body: bytes
    retry_after: str | None

    @property
    def fine(self) -> bool:
        """Whether the status says that all is well."""
        return 200 <= self.status < 300


class Post:
    """Posts JSON, one request at a time. Certificates are checked against the system's, or SSL_CERT_FILE."""

    def __init__(self, timeout: float) -> None:
        self._line = Line(timeout)
        self._opener = urllib.request.build_opener(_NoRedirect, _ByLine(self._line))

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return what the server answers; raise Failure if it cannot be asked."""
        headers = {"Content-Type": "application/json", "User-Agent": "ticketflow", **headers}
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - http or https
        try:
            with self._line.attempt(), closing(self._open(request)) as response:
                return Answer(response.status, response.read(LONGEST_ANSWER), response.headers.get("Retry-After"))
        except urllib.error.URLError as error:
            raise Failure.of(error.reason) from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise Failure.of(error) from error

    def _open(self, request: urllib.request.Request) -> Any:
        try:
            return self._opener.open(request, timeout=self._line.timeout)
        except urllib.error.HTTPError as answer:  # an answer like any other
            return answer


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
