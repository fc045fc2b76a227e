"""Write the reference pages that come from code: `python docs/generate.py`. A test checks that they are current."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bridge import metrics
from bridge.cli import cli
from bridge.integr8.catalogue import OPERATIONS
from rules import reference

HERE = Path(__file__).parent / "reference"


def commands() -> str:
    """Every command with its help text."""
    lines = [
        "# Commands",
        "",
        "Every listing takes `--json`. Exit codes: 0 fine, 1 a finding or failure, 2 wrong usage.",
        "",
    ]
    for name, text in _walk(cli, "integr8-bridge"):
        lines += [f"## `{name}`", "", "```text", text, "```", ""]
    return "\n".join(lines)


def _walk(command: click.Command, name: str, above: click.Context | None = None) -> Iterator[tuple[str, str]]:
    settings = command.context_settings | {"max_content_width": 100, "terminal_width": 100}
    context = click.Context(command, info_name=name, parent=above, **settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None:
                yield from _walk(found, each, context)


def operations() -> str:
    """The operations of Integr8 as the client knows them."""
    rows = ["| operation | route | repeats | permission |", "|---|---|---|---|"]
    rows += [f"| `{name}` | `{one.route}` | {one.retry} | {one.section} |" for name, one in sorted(OPERATIONS.items())]
    intro = "Most routes are inferred; `accounts.<name>.routes` in bridge.yaml overrides any of them."
    return "\n".join(["# Operations of Integr8", "", intro, "", *rows, ""])


def measures() -> str:
    """The metrics at /metrics."""
    rows = ["| metric | labels | what it says |", "|---|---|---|"]
    for one in metrics.TABLE:
        labels = ", ".join(f"`{label}`" for label in one._labelnames)  # noqa: SLF001 - there is no public name
        rows.append(f"| `{one._name}` | {labels} | {one._documentation} |")  # noqa: SLF001
    return "\n".join(["# Metrics", "", "Served at `/metrics` in the text format of Prometheus.", "", *rows, ""])


PAGES = {
    "rules.md": reference.markdown,
    "commands.md": commands,
    "operations.md": operations,
    "metrics.md": measures,
}


def main() -> int:
    HERE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (HERE / name).write_text(make().rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
