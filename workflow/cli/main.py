"""The entry point. It imports nothing before it can answer Ctrl-C."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on the process's own arguments and exit with its code."""
    try:
        from workflow.cli.app import cli

        cli.main(prog_name="ticketflow")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
