"""`completion`: print the script that completes commands, options and choices in a shell."""

import click
from click.shell_completion import get_completion_class

from bridge.cli.choice import Choice


@click.command()
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and choices in a shell.

    \b
    Examples:
      integr8-bridge completion bash > ~/.local/share/bash-completion/completions/integr8-bridge
      integr8-bridge completion fish > ~/.config/fish/completions/integr8-bridge.fish
    """
    root = context.find_root()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(root.command, {}, "integr8-bridge", "_INTEGR8_BRIDGE_COMPLETE").source())
