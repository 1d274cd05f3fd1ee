"""The command line on a machine whose clock is wrong: `python -m tests.acceptance.shifted SECONDS WORDS...`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from workflow.cli.main import main
from workflow.clock import SystemClock


def shift(seconds: float) -> None:
    """Set this machine's clock wrong, for this process."""
    SystemClock.now = lambda _self: datetime.now(UTC) + timedelta(seconds=seconds)  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    shift(float(sys.argv.pop(1)))
    main()
