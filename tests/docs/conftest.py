"""Where the installed command is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def ticketflow() -> Path:
    """Give the path of the installed command."""
    return Path(sys.executable).with_name("ticketflow")
