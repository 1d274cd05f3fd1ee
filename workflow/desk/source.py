"""Open a file of contacts and hand out its lines: any size, plain or gzipped, whole or damaged, in bounded memory."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import stat
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from workflow.errors import UsageError

RECORD_LIMIT = 1_000_000
UNPACKED_AT_LEAST, UNPACKED_MOST = 2_000_000, 100  # bytes that any file may unpack to; times its own size beyond that
_CHUNK = 65_536
_TOKENS = re.compile(rb'["\n]|[^"\n]+')
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NOT_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"BZh", b"\xfd7zX", b"\x28\xb5\x2f\xfd")


class Damaged(UsageError):
    """The file cannot be read on: truncated, corrupt, or the disk gave up."""


class TooLong(UsageError):
    """The record has more bytes than RECORD_LIMIT."""


class Source:
    """The lines of `path` ("-": standard input), held until the record they belong to is done with.

    `line` is where the record being read begins; `size` is the length of the file (None for a pipe) and `position` how
    much of it was taken, both as stored; `taken` counts bytes as unpacked; `first` is the first line that is not blank.

    Raise UsageError for a file that cannot be opened or is not text. Taking a line raises `TooLong` (`give_up` then
    passes over the record) and, where the file cannot be read on, `Damaged`.
    """

    def __init__(self, path: Path | str, *, encoding: str = "utf-8", stdin: BinaryIO | None = None) -> None:
        self.encoding = _known(encoding)
        self.line, self.taken = 1, 0
        self._ended, self._held = 0, bytearray()
        self._owned = str(path) != "-"
        self.name = str(path) if self._owned else "standard input"
        try:
            self._file: BinaryIO = (
                Path(path).open("rb")  # noqa: SIM115 (it is read lazily: `close` closes it)
                if self._owned
                else stdin or sys.stdin.buffer
            )
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        try:
            self.size = _size(self._file)
            self._stored = _Counted(self._file)
            self._stream: io.BufferedIOBase = io.BufferedReader(self._stored, _CHUNK)
            if self._stored.head == b"\x1f\x8b":
                self._stream = gzip.GzipFile(fileobj=self._stream)
            self.first = self._waiting = self._first()
        except OSError as error:
            self.close()
            raise self._unreadable(error) from error
        except UsageError:
            self.close()
            raise

    @property
    def position(self) -> int:
        """How many bytes of the file were taken."""
        return self._stored.position

    @property
    def text(self) -> str:
        """The record being read, as far as its lines were taken."""
        return self._text(bytes(self._held))

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> str:
        line, self._waiting = self._waiting or self._take(RECORD_LIMIT + 1 - len(self._held)), b""
        if not line:
            raise StopIteration
        self._ended += line.endswith(b"\n")
        self._held += line
        if len(self._held) > RECORD_LIMIT:
            raise TooLong("the record is longer than {limit} bytes", "shorten it", limit=RECORD_LIMIT)
        return self._text(line)

    def begin(self) -> None:
        """Let go of the lines of the last record: the next line begins another."""
        self._held.clear()
        self.line = self._ended + 1

    def give_up(self, delimiter: str = "") -> bool:
        """Pass over what is left of the record; with a delimiter, its quoted cells may span lines.

        Return False if the file ended within such a cell, which has then swallowed all the rest.
        """
        quoted, opening, chunk = False, bool(delimiter), bytes(self._held)
        while chunk:
            for token in _TOKENS.findall(chunk):
                if token == b'"':
                    quoted, opening = opening, quoted  # a quote right after a closing one opens the cell again
                elif not quoted and token == b"\n":
                    return True
                elif not quoted:
                    opening = delimiter != "" and token.endswith(delimiter.encode())
            chunk = self._take(_CHUNK)
            self._ended += chunk.endswith(b"\n")
        return not quoted

    def close(self) -> None:
        """Close the file, unless it is standard input; reading to the end does so too."""
        if self._owned:
            self._file.close()

    def _take(self, size: int) -> bytes:
        if self._file.closed:
            return b""
        try:
            chunk = self._stream.readline(size)
        except (OSError, EOFError, zlib.error) as error:
            self.close()
            raise Damaged(
                "{file} is damaged: {reason}; nothing after this was read",
                "fetch the file again and take it in again: contacts whose external id is known are passed over",
                file=self.name,
                reason=_reason(error),
            ) from error
        self.taken += len(chunk)
        if not chunk:
            self.close()
        elif self.taken > UNPACKED_AT_LEAST and self.taken > UNPACKED_MOST * self.position:
            self.close()
            raise Damaged(
                "{file} unpacks to more than {times} times its size; nothing after this was read",
                "unpack it yourself, and look what it is",
                file=self.name,
                times=UNPACKED_MOST,
            )
        return chunk

    def _first(self) -> bytes:
        while (line := self._take(RECORD_LIMIT + 1)) and not line.strip():
            self._ended += line.endswith(b"\n")
        if line.startswith(_UTF_16) or b"\0" in line[:4]:
            raise UsageError("{file} is UTF-16 text", "save it as UTF-8 ('CSV UTF-8' in Excel)", file=self.name)
        if line.startswith(_NOT_TEXT):
            raise UsageError(
                "{file} is a workbook, a document or an archive, not text", "save it as 'CSV UTF-8'", file=self.name
            )
        if line.startswith(codecs.BOM_UTF8):
            self.encoding = "utf-8"
        return line.removeprefix("\ufeff".encode(self.encoding, "ignore"))

    def _text(self, line: bytes) -> str:
        """Decode; a byte that is none of the encoding becomes half a surrogate pair, which no sound text contains."""
        return line.decode(self.encoding, "surrogateescape")

    def _unreadable(self, error: Exception) -> UsageError:
        return UsageError(
            "{file} cannot be read: {reason}",
            "check its name and that you may read it",
            file=self.name,
            reason=_reason(error),
        )


class _Counted(io.RawIOBase):
    """A binary stream that knows how much was read of it, and beforehand its first two bytes."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.head = self._waiting = source.read(2)
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk, self._waiting = self._waiting or self._source.read(len(buffer)), b""
        buffer[: len(chunk)] = chunk
        self.position += len(chunk)
        return len(chunk)


def _size(file: BinaryIO) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except OSError:  # a stream in memory
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _known(encoding: str) -> str:
    """Return the codec's name if every ASCII byte stands for itself in it: lines and quotes are found as bytes."""
    probe = bytes(range(128)) + rb"\u~{+AA"
    try:
        name = codecs.lookup(encoding).name.removesuffix("-sig")
        if probe.decode(name) == probe.decode("ascii"):
            return name
    except (LookupError, ValueError):
        pass
    raise UsageError(
        "files cannot be read as {encoding}",
        "the encodings are utf-8, gb18030, big5, latin-1 and the like",
        encoding=encoding,
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
