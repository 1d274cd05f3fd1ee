"""Real servers on loopback that take, refuse, hang and recover: one for webhooks, one for mail."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import socket
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")
SECRET = "a secret between two"
Answer = int | str | bytes


def server_context() -> ssl.SSLContext:
    """Return what a server needs to speak TLS as localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


class Running:
    """A server in a thread of its own. Handlers that hang are let go when it ends."""

    server: socketserver.TCPServer

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        found: tuple[str, int] = self.server.socket.getsockname()
        return found[1]


@dataclass(frozen=True)
class Posted:
    """One request, as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def is_genuine(self) -> bool:
        """Whether it is signed with the secret, over id, timestamp and body."""
        signed = f"{self.key}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(self.headers["webhook-signature"], f"v1,{expected}")


class Receiver(Running):
    """Takes webhooks and drops doubles by their key. `answer` is a status, `hang`, `close`, a body, or what says so.

    With `before_answer`, something happens when a message has come and is not answered yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answer: Answer | Callable[[Posted], Answer] = 200
        self.retry_after: str | None = None
        self.posted: list[Posted] = []
        self.accepted: Counter[str] = Counter()
        self.before_answer: Callable[[Posted], object] = lambda _posted: None
        owner, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posted = Posted({name.lower(): value for name, value in self.headers.items()}, body)
                answer = owner.answer(posted) if callable(owner.answer) else owner.answer
                with lock:
                    owner.posted.append(posted)
                    if answer == 200:
                        owner.accepted[posted.key] += 1
                owner.before_answer(posted)
                if answer == "hang":
                    owner.let_go.wait(60)
                if isinstance(answer, str):
                    self.close_connection = True
                    return
                self.send_response(200 if isinstance(answer, bytes) else answer)
                if answer == 302:
                    self.send_header("Location", owner.url)
                if owner.retry_after:
                    self.send_header("Retry-After", owner.retry_after)
                text = answer if isinstance(answer, bytes) else b""
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                pass  # a client that was killed

        self.server = Server(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in?token=very-secret-token"

    @property
    def keys(self) -> Counter[str]:
        """How often each key came."""
        return Counter(posted.key for posted in self.posted)


class Dripper(Running):
    """Begins an answer and drips the rest of it, never silent for long and never done."""

    def __init__(self, begin: bytes, drop: bytes) -> None:
        super().__init__()
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the client has had enough
                    self.request.sendall(begin)
                    while not owner.let_go.wait(0.02):
                        self.request.sendall(drop)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)


class Speaker(Running):
    """Says once what a function makes of the request, and hangs up."""

    def __init__(self, say: Callable[[bytes], bytes]) -> None:
        super().__init__()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the client has heard enough
                    self.request.sendall(say(self.request.recv(65_536)))
                    self.request.shutdown(socket.SHUT_WR)
                    while self.request.recv(65_536):  # what is left unread would reset the line
                        pass

        self.server = socketserver.TCPServer(("127.0.0.1", 0), Handler)


@dataclass(frozen=True)
class Mailed:
    """One mail, as it was handed over."""

    sender: str
    recipients: list[str]
    mail: EmailMessage
    encrypted: bool
    user: str | None


@dataclass
class Talk:
    """Where one SMTP conversation has come to."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    encrypted: bool = False
    user: str | None = None


class MailHost(Running):
    """Takes mail. `answer` is `take`, `busy` (421 at the door), `hang`, `full` (452 after the data) or `drop`.

    `unknown` recipients are refused. With a `login` (user, password) nobody else gets in. `tls` is none, starttls, ssl.
    """

    def __init__(self, *, tls: str = "none", login: tuple[str, str] | None = None) -> None:
        super().__init__()
        self.answer, self.unknown, self.mails = "take", set[str](), list[Mailed]()
        self.tls, self.login = tls, login
        self.before_answer: Callable[[], object] = lambda: None
        self.asked = 0
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the client went away
                    owner._talk(self)

            def finish(self) -> None:
                with suppress(OSError):
                    super().finish()
                self.connection.close()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)

    def url(self, more: str = "", *, login: str = "") -> str:
        """Return the setting that leads here."""
        scheme = "smtps" if self.tls == "ssl" else "smtp"
        return f"{scheme}://{login}localhost:{self.port}?from=desk@example.org{more or f'&tls={self.tls}'}"

    def _talk(self, handler: socketserver.StreamRequestHandler) -> None:
        talk, self.asked = Talk(), self.asked + 1
        if self.tls == "ssl":
            self._encrypt(handler, talk)

        def say(line: str) -> None:
            handler.wfile.write(line.encode() + b"\r\n")

        if self.answer == "hang":
            self.let_go.wait(60)
            return
        if self.answer == "busy":
            say("421 too busy")
            return
        say("220 localhost")
        while line := handler.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    offers = ["250-localhost", "250-AUTH PLAIN"]
                    if self.tls == "starttls" and not talk.encrypted:
                        offers.append("250-STARTTLS")
                    say("\r\n".join([*offers, "250 8BITMIME"]))
                case "STARTTLS":
                    say("220 go")
                    self._encrypt(handler, talk)
                case "AUTH":
                    _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                    talk.user = user if (user, password) == self.login else None
                    say("235 welcome" if talk.user else "535 who are you?")
                case "MAIL" if self.login and not talk.user:
                    say("530 log in first")
                case "MAIL":
                    talk.sender = _address(rest)
                    say("250 ok")
                case "RCPT":
                    to = _address(rest)
                    if to in self.unknown:
                        say("550 no such mailbox")
                    else:
                        talk.recipients.append(to)
                        say("250 ok")
                case "DATA":
                    say("354 go on")
                    if not self._take(handler, talk, say):
                        return
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 ok")

    def _take(self, handler: socketserver.StreamRequestHandler, talk: Talk, say: Callable[[str], None]) -> bool:
        text = b""
        while (line := handler.rfile.readline()) not in (b".\r\n", b""):
            text += line.removeprefix(b".") if line.startswith(b"..") else line
        assert text.isascii()
        if self.answer == "drop":
            return False
        if self.answer == "full":
            say("452 mailbox full")
            return True
        mail = email.message_from_bytes(text, policy=email.policy.default)
        self.mails.append(Mailed(talk.sender, talk.recipients, mail, talk.encrypted, talk.user))
        self.before_answer()
        say("250 taken")
        return True

    def _encrypt(self, handler: socketserver.StreamRequestHandler, talk: Talk) -> None:
        handler.connection = server_context().wrap_socket(handler.connection, server_side=True)
        handler.rfile = handler.connection.makefile("rb")
        handler.wfile = handler.connection.makefile("wb", buffering=0)
        talk.encrypted = True


def _address(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]
