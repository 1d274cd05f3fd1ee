"""What a desk logs as a warning while a command runs, told in the command's own way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from workflow.cli.output import Output
from workflow.errors import TicketflowError

LOGGER = logging.getLogger("workflow")


class Spoken(logging.Handler):
    """Tells warnings on standard error, in the session's language where they bear a sentence and its values."""

    def __init__(self, session: Output) -> None:
        super().__init__(logging.WARNING)
        self._session = session

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one."""
        found = record.msg
        self._session.warn(found if isinstance(found, TicketflowError) else TicketflowError(record.getMessage()))


@contextmanager
def spoken(session: Output) -> Iterator[None]:
    """Have warnings told for a while."""
    handler = Spoken(session)
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
