"""The line to a server for one attempt, cut when its time is up.

The timeout of a socket is that of one step: a server that drips its answer byte by byte never meets it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

SILENCES = 3  # an attempt may take so many times as long as a server may stay silent


class Line:
    """One attempt at a time, from looking up the server to its last byte."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._until = 0.0
        self._held: list[socket.socket] = []
        self._cut_off = threading.Event()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Let an attempt be made; raise TimeoutError where it took too long, whatever came of it."""
        whole = SILENCES * self.timeout
        self._until = time.monotonic() + whole
        self._cut_off.clear()
        timer = threading.Timer(whole, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if self._cut_off.is_set():
                raise TimeoutError from error
            raise
        else:
            if self._cut_off.is_set():
                raise TimeoutError
        finally:
            timer.cancel()
            while self._held:
                self._held.pop().close()

    def connect(self, address: tuple[str, int], *_: Any) -> socket.socket:
        """Connect as `socket.create_connection` does, whose other arguments are of no account here."""
        failure: OSError = TimeoutError()
        for *_kind, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            left = self._until - time.monotonic()
            if left <= 0:
                break
            try:
                found = socket.create_connection((str(where[0]), int(where[1])), min(left, self.timeout))
            except OSError as error:
                failure = error
                continue
            found.settimeout(self.timeout)
            self._held.append(found.dup())  # the line stays in hand when TLS takes the socket over
            if self._cut_off.is_set():
                break
            return found
        raise failure

    def _cut(self) -> None:
        self._cut_off.set()
        for held in self._held[:]:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
