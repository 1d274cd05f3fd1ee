"""The command that prints completion scripts for shells."""

from __future__ import annotations

import click

from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_session
def completion(session: Session, shell: str) -> None:
    """Print the completion script for a shell.

    Write it where your shell looks for such scripts:

        ticketflow completion bash > ~/.local/share/bash-completion/completions/ticketflow
        ticketflow completion zsh  > "${fpath[1]}/_ticketflow"
        ticketflow completion fish > ~/.config/fish/completions/ticketflow.fish
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    if kind := get_completion_class(shell):
        session.print(kind(root, {}, "ticketflow", "_TICKETFLOW_COMPLETE").source())
