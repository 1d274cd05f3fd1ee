"""A file that takes messages: each is one line of JSON, on the disk before it counts as sent."""

from __future__ import annotations

import errno
import os
import stat
from datetime import datetime

from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice

NO_PLAIN_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}


class File:
    """Appends messages to one file, beside whoever else does: a line is written at once, and never into another."""

    def __init__(self, path: str) -> None:
        self._path = path

    def send(self, notice: Notice, _now: datetime) -> None:
        """Append a message; raise Failure unless it is on the disk."""
        try:
            self._append(notice.as_json() + b"\n")
        except OSError as error:
            why = "it is no plain file" if error.errno in NO_PLAIN_FILE else error.strerror or str(error)
            raise Failure(f"{self._path}: {why}", unreachable=True) from error

    def _append(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        for safe in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
            flags |= getattr(os, safe, 0)
        file = os.open(self._path, flags, 0o600)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.ENXIO, "")
            if status.st_size and _last_byte(file) != b"\n":
                line = b"\n" + line  # somebody was cut off: what they wrote stays a line of its own
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        finally:
            os.close(file)


def _last_byte(file: int) -> bytes:
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1)
