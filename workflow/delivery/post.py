"""Posting to a web server: by a line that can be cut, with TLS verified, and following nowhere."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

from workflow.delivery.failure import Failure
from workflow.delivery.line import Line
from workflow.delivery.settings import LOOPBACK

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


def parsed(body: bytes) -> Any:
    """Return what a body holds as JSON, in UTF-8 or in GB 18030; None where it is none."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return json.loads(body.decode(encoding))
        except (ValueError, RecursionError):
            continue
    return None


class Post:
    """Posts JSON, one request at a time. Certificates are checked against the system's, or SSL_CERT_FILE.

    It knows nothing but HTTP and the proxies of the environment: a redirect is an answer like any other.
    """

    def __init__(self, timeout: float) -> None:
        self._line, self._opener = Line(timeout), urllib.request.OpenerDirector()
        self._opener.add_handler(_Proxies())
        self._opener.add_handler(_ByLine(self._line))

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return what the server answers; raise Failure if it cannot be asked."""
        headers = {"Content-Type": "application/json", "User-Agent": "ticketflow", **headers}
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - http or https
        try:
            with self._line.attempt(), self._opener.open(request, timeout=self._line.timeout) as response:
                answer = Answer(response.status, response.read(LONGEST_ANSWER), response.headers.get("Retry-After"))
                if response.length and len(answer.body) < LONGEST_ANSWER:
                    raise http.client.IncompleteRead(answer.body, response.length)
                return answer
        except urllib.error.URLError as error:
            raise Failure.of(error.reason) from error
        except OSError as error:
            raise Failure.of(error) from error
        except (ValueError, http.client.InvalidURL) as error:  # which may hold a proxy's password
            raise Failure("the server's name, or the proxy's address, cannot be used", unreachable=True) from error
        except http.client.HTTPException as error:  # what it says may be the request itself, and so the key
            raise Failure("this is no whole answer of a web server", unreachable=True) from error


class _Proxies(urllib.request.ProxyHandler):
    """Those of the environment, for every server but one on this machine."""

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:
        """Send a request by its proxy."""
        return None if urlsplit(req.full_url).hostname in LOOPBACK else super().proxy_open(req, proxy, type)


class _ByLine(urllib.request.AbstractHTTPHandler):
    """Opens its connections by a line that can be cut."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open without TLS."""
        return self.do_open(partial(self._connection, http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open with TLS."""
        return self.do_open(partial(self._connection, http.client.HTTPSConnection, context=self._trust), req)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _connection(self, kind: Any, host: str, **more: Any) -> Any:
        found = kind(host, **more)
        found._create_connection = self._line.connect
        return found
