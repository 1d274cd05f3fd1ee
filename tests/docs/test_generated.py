"""Documents that are made from the code are as the code is now."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docs.generated import commands, documents


@pytest.mark.parametrize(("path", "text"), [pytest.param(*document, id=document[0].name) for document in documents()])
def test_the_committed_document_is_current(path: Path, text: str) -> None:
    assert path.read_text("utf-8") == text, f"`make docs` writes {path.name} anew"


def test_help_is_what_a_terminal_shows(ticketflow: Path) -> None:
    paths = {context.command_path: context.get_help() for context in commands()}
    for command in ("ticketflow", "ticketflow advance", "ticketflow db upgrade"):
        shown = subprocess.run(
            [ticketflow, *command.split()[1:], "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert shown == paths[command] + "\n"


def test_every_command_says_what_it_does() -> None:
    assert not [context.command_path for context in commands() if not context.command.help]
