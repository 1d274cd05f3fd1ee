"""Mail by SMTP, with the message's key in its Message-ID."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from workflow.delivery.failure import Failure, one_line
from workflow.delivery.line import Line
from workflow.delivery.notice import Notice
from workflow.delivery.settings import MailServer

WIRE = SMTP.clone(cte_type="7bit")
NEVER = 500  # from here on a reply is for good, as far as it is about this mail and not about who logs in


class Mail:
    """Sends messages through one mail server. Certificates are checked against the system's, or SSL_CERT_FILE."""

    def __init__(self, server: MailServer, desk: str, timeout: float) -> None:
        self._server, self._desk, self._line = server, desk, Line(timeout)
        self._domain = server.sender.rpartition("@")[2].rstrip(">")

    def send(self, notice: Notice, addresses: Sequence[str], now: datetime) -> str | None:
        """Send a message to one or more addresses.

        Raise Failure if the server takes it for none of them; return what was amiss where it takes it for some.
        """
        try:
            mail = self._compose(notice, addresses, now)
        except (ValueError, MessageError) as error:
            raise Failure(f"no mail can be written to this address: {error}", permanent=True, nobody=True) from error
        try:
            with self._line.attempt():
                refused = self._hand_over(mail)
        except smtplib.SMTPRecipientsRefused as error:
            never = all(code >= NEVER for code, _ in error.recipients.values())
            raise Failure(_refusals(error.recipients), permanent=never, nobody=True) from error
        except smtplib.SMTPResponseException as error:
            of_this_mail = isinstance(error, smtplib.SMTPDataError)
            raise Failure(
                _text(error.smtp_error),
                code=f"SMTP {error.smtp_code}",
                permanent=of_this_mail and error.smtp_code >= NEVER,
                unreachable=not of_this_mail,
            ) from error
        except UnicodeError as error:
            raise Failure("the server's name cannot be used", unreachable=True) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Failure.of(error) from error
        return one_line(f"{len(refused)} of {len(addresses)} refused: {_refusals(refused)}") if refused else None

    def _hand_over(self, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        server, trust = self._server, ssl.create_default_context()
        client = (
            _EncryptedClient(self._line, server, self._domain, trust)
            if server.tls == "ssl"
            else _Client(self._line, server, self._domain)
        )
        try:
            if server.tls == "starttls":
                client.starttls(context=trust)
            if server.user is not None:
                client.login(server.user, server.password or "")
            try:
                refused = client.send_message(mail)
            except smtplib.SMTPNotSupportedError as error:  # an address beyond ASCII: it must not count as no server
                raise Failure(str(error), permanent=True, nobody=True) from error
            with suppress(smtplib.SMTPException, OSError):  # it has the mail: no need to wait for its goodbye
                client.putcmd("quit")
            return refused
        finally:
            client.close()

    def _compose(self, notice: Notice, addresses: Sequence[str], now: datetime) -> EmailMessage:
        mail = EmailMessage(policy=WIRE)
        mail["From"] = self._server.sender
        mail["To"] = ", ".join(addresses)
        mail["Subject"] = one_line(notice.subject)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{notice.key}@{self._desk}.{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Ticketflow-Key"] = notice.key
        mail.set_content(notice.text)
        return mail


class _Client(smtplib.SMTP):
    """Connects by a line that can be cut."""

    def __init__(self, line: Line, server: MailServer, domain: str) -> None:
        self._line = line
        super().__init__(server.host, server.port, domain, timeout=line.timeout)

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        return self._line.connect((host, port))


class _EncryptedClient(smtplib.SMTP_SSL, _Client):
    """The same, encrypted from the first byte."""

    def __init__(self, line: Line, server: MailServer, domain: str, trust: ssl.SSLContext) -> None:
        self._line = line
        smtplib.SMTP_SSL.__init__(self, server.host, server.port, domain, timeout=line.timeout, context=trust)


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(sorted({f"SMTP {code}: {_text(reply)}" for code, reply in recipients.values()}))


def _text(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply
