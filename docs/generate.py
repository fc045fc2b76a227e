"""Write the reference pages that come from code: `python docs/generate.py`. A test checks that they are current."""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from marshmallow import Schema, fields, missing, validate

from bridge.cli import cli
from bridge.config import key_reference as keys
from bridge.config import login, renamed, settings
from bridge.config import schema as config_schema
from bridge.integr8 import errors as api_errors
from bridge.integr8.catalogue import OPERATIONS
from bridge.observability import metrics
from bridge.operations import errors as operation_errors
from bridge.outbound import errors as outbound_errors
from bridge.outbound import http
from bridge.outbound.channels import ChannelSchema
from bridge.sources import errors as source_errors
from bridge.sources import schema as sources
from bridge.sources.expects import VALUE_KINDS
from bridge.sources.presets import Preset
from bridge.sources.strict_schema import Size
from bridge.web import gauges
from rules.loading import reference
from rules.model import errors as rule_errors

HERE = Path(__file__).parent / "reference"
MOST_CHOICES = 14  # words in a cell
#: What fields that are not called after what they hold are called in the reference.
KINDS = {
    "Dict": "mapping", "List": "list", "Nested": "mapping", "Url": "address", "String": "text", "Zone": "zone",
    "PlainFloat": "number", "DimensionNames": "list of names", "Names": "name, or list of names",
    "Texts": "text, or list of texts", "Networks": "list of networks", "Expects": "mapping",
}  # fmt: skip


def commands() -> str:
    """Every command with its help text."""
    lines = [
        "# Commands",
        "",
        "Every listing takes `--json`. Exit codes: 0 success, 1 a finding or failure, 2 wrong usage.",
        "",
    ]
    for name, text in _walk(cli, "integr8-bridge"):
        lines += [f"## `{name}`", "", "```text", text, "```", ""]
    return "\n".join(lines)


def _walk(command: click.Command, name: str, above: click.Context | None = None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, parent=above, info_name=name, terminal_width=100, help_option_names=["-h", "--help"]
    )
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
    rows = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for one in metrics.COUNTED:
        labels = ", ".join(f"`{label}`" for label in one._labelnames)  # noqa: SLF001 - there is no public name
        name = one._name + ("_total" if one._type == "counter" else "")  # noqa: SLF001
        rows.append(f"| `{name}` | {one._type} | {labels} | {one._documentation} |")  # noqa: SLF001
    for gauge in gauges.READ:
        labels = ", ".join(f"`{label}`" for label in gauge.labels)
        rows.append(f"| `{gauge.name}` | gauge | {labels} | {gauge.text} |")
    return "\n".join(
        [
            "# Metrics",
            "",
            "The web process serves metrics in the text format of Prometheus at `/metrics`, a worker at the address in",
            "`BRIDGE_WORKER_METRICS`. Each group of processes has its own counters and histograms: add them up.",
            "Every web process reads gauges from the database, so all instances show the same values.",
            "[Monitor the service](../how-to/monitor.md) has the scrape targets.",
            "",
            *rows,
            "",
        ]
    )


def configuration() -> str:
    """The environment and bridge.yaml, from the schemas that read them."""
    return "\n".join([
        "# Settings",
        "",
        "A process reads its settings once, when it starts. `integr8-bridge check` prints every problem at once.",
        "",
        "## Environment",
        "",
        "`$BRIDGE_HOME/.env` may hold variables too; the real environment overrides it.",
        "`NAME_FILE` names a file that holds the value of `NAME`, without the line end.",
        "",
        "| variable | default | what it is | example |",
        "|---|---|---|---|",
        *(f"| `{name}` | {one.default} | {one.about} | `{one.example}` |" for name, one in keys.ENVIRONMENT.items()),
        "",
        "## bridge.yaml",
        "",
        "The file is read as strictly as a rule: only `true` and `false` are booleans, and no key may occur twice.",
        "",
        "`${NAME}` stands for a variable. These keys must use one, because a secret in plain text is refused: "
        + ", ".join(f"`{name}`" for name in sorted(settings.SECRET_FIELDS))
        + ".",
        "",
        *_table(config_schema.FileSchema(), keys.TOP_LEVEL_KEYS),
        "### accounts.&lt;name&gt;",
        "",
        *_table(config_schema.AccountSchema(), keys.ACCOUNT),
        "`rate`:",
        "",
        *_table(config_schema.RateSchema(), keys.RATE),
        "### sources.&lt;name&gt;",
        "",
        "The address of a source is `/hooks/<name>`. [Connect a sender](../how-to/connect-a-sender.md) has examples.",
        "",
        "| verify | needs | may have |",
        "|---|---|---|",
        *(_method(name) for name in sources.WAYS),
        "",
        "Presets of known senders. An entry needs only `verify: NAME` and the secret:",
        "",
        *(_preset(name, one) for name, one in sources.PRESETS.items()),
        "",
        *_table(sources.SourceSchema(), keys.SOURCE),
        "#### expects",
        "",
        "Fields are named with dots between: `deal.contact.email`. A text that spells a value of the kind becomes one.",
        "What does not fit is told by field and kind, never by its value; `on_mismatch` says what becomes of the body.",
        "",
        "| kind | what a value may be |",
        "|---|---|",
        *(f"| `{name}` | {keys.EXPECTED_KINDS[name]} |" for name in VALUE_KINDS),
        "| `[publisher, advertiser]` | one of these values |",
        "",
        "### channels.&lt;name&gt;",
        "",
        "Either `apprise`, for people, or `webhook` with a secret, for programs.",
        "",
        *_table(ChannelSchema(), keys.CHANNEL),
        "### budgets.&lt;name&gt;",
        "",
        *_table(config_schema.BudgetSchema(), keys.BUDGET),
        "### tables.&lt;name&gt;",
        "",
        "A mapping from columns of `tables/<name>.csv` to types. `check` names every cell that does not match. The",
        "first column is the key. A column without a type takes the type of its cells: a plain number is a number,",
        "`true` and `false` are booleans, `007` and everything else is text.",
        "",
        "| type | what a cell may be |",
        "|---|---|",
        *(f"| `{name}` | {keys.TABLES[name]} |" for name in config_schema.TYPES),
        "",
        "### notices",
        "",
        *_table(config_schema.NoticesSchema(), keys.NOTICES),
        "### http",
        "",
        "The addresses that the `http` action of rules may call. Without this section it may call none.",
        "",
        *_table(http.HttpPolicySchema(), keys.HTTP),
        "### keep",
        "",
        *_table(config_schema.KeepSchema(), keys.KEEP),
        "### login",
        "",
        *_table(login.LoginSchema(), keys.LOGIN),
        "### login.oidc",
        "",
        "An identity provider to sign in through; see [who may do what](../how-to/who-may-do-what.md).",
        "",
        *_table(login.OidcSchema(), keys.OIDC),
        "`roles`:",
        "",
        *_table(login.RoleMapSchema(), keys.ROLES),
        "### metrics",
        "",
        *_table(config_schema.MetricsSchema(), keys.METRICS),
    ])  # fmt: skip


def _table(schema: Schema, about: Mapping[str, keys.Key]) -> list[str]:
    """Every key of a schema with its kind, its default, one sentence and one example."""
    rows = ["| key | kind | default | what it is | example |", "|---|---|---|---|---|"]
    for attribute, one in schema.fields.items():
        name = one.data_key or attribute
        text = f"{about[name].about} | `{about[name].example}`".replace("||", "|")
        rows.append(f"| `{name}` | {_kind(one)} | {_default(one, about[name].without)} | {text} |")
    return [*rows, ""]


def _kind(field: fields.Field[Any]) -> str:
    for check in field.validators:
        if isinstance(check, validate.OneOf) and len(check.choices) > MOST_CHOICES:
            return "a word"
        if isinstance(check, validate.OneOf):
            return ", ".join(f"`{word}`" for word in check.choices)
    name = type(field).__name__
    return KINDS.get(name, name.removesuffix("Field").lower())


def _default(field: fields.Field[Any], without: str) -> str:
    """What holds without a key, as a person would write it; `without` where the schema has no default."""
    value = field.load_default() if callable(field.load_default) else field.load_default
    if isinstance(value, Mapping):
        value = {name: one for name, one in value.items() if one not in (None, ())}
    if field.required:
        return "required"
    if value is missing or value is None or not (value or isinstance(value, int | float)):
        return without
    return f"`{_written(value, field)}`"


def _written(value: object, field: fields.Field[Any]) -> str:
    match value:
        case config_schema.Rate():
            text = f"{{per_second: {value.per_second:g}}}"
        case Mapping():
            text = f"{{{', '.join(f'{name}: {one}' for name, one in value.items())}}}"
        case list() | tuple():
            text = f"[{', '.join(map(str, value))}]"
        case bool():
            text = "true" if value else "false"
        case timedelta():
            text = f"{value.total_seconds():.0f}s"
        case int() if isinstance(field, Size):
            text = f"{value // 1024} KiB"
        case float():
            text = f"{value:g}"
        case _:
            text = str(value)
    return text


def _method(way: str) -> str:
    needs = ", ".join(" or ".join(f"`{key}`" for key in group) for group in sources.NEEDS[way])
    needed = {key for group in sources.NEEDS[way] for key in group}
    takes = ", ".join(f"`{key}`" for key in sorted(sources.TAKES[way] - needed))
    return f"| `{way}` | {needs} | {takes} |"


def _preset(name: str, preset: Preset) -> str:
    setup = "; the service answers its set-up call" if preset.setup and preset.setup != "sns" else ""
    return f"- `{name}`: [{preset.title}]({preset.fact}), {preset.verify}{setup}. Its secret: {preset.secret}."


def errors() -> str:
    """The classes of failure, from their docstrings."""
    parts = (
        ("When Integr8 is called", api_errors),
        ("When a rule is read", rule_errors),
        ("When a webhook comes in", source_errors),
        ("When something is sent elsewhere", outbound_errors),
        ("When a person asks for something", operation_errors),
    )
    lines = [
        "# Errors",
        "",
        "A message reads as *where: what; what to do*. The names below stand in logs, in Sentry and in the ledger.",
        "",
    ]
    for title, module in parts:
        lines += [f"## {title}", "", "| error | when |", "|---|---|", *_classes(module), ""]
    return "\n".join(lines)


def _classes(module: ModuleType) -> Iterator[str]:
    found = [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == module.__name__
    ]
    for one in found:
        text = " ".join((inspect.getdoc(one) or "").partition("\n\n")[0].split())
        yield f"| `{one.__name__}` | {text.replace('|', chr(92) + '|')} |"


def renamed_names() -> str:
    """Every public name that changed, by where it is used."""
    rows = [(row.kind, row.old, row.new, row.since) for row in renamed.RENAMED]
    lines = [
        "# Renamed",
        "",
        "Public names that changed. The old name works for one version: `check` and the log say where it is used.",
        "`NAME` stands for a name that you chose.",
        "",
        "| where | old name | new name | since |",
        "|---|---|---|---|",
    ]
    lines += [f"| {kind} | `{old}` | `{new}` | {since} |" for kind, old, new, since in sorted(rows)]
    return "\n".join(lines)


PAGES = {
    "rules.md": reference.markdown,
    "commands.md": commands,
    "settings.md": configuration,
    "operations.md": operations,
    "metrics.md": measures,
    "errors.md": errors,
    "renamed.md": renamed_names,
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages; with `--check` name those that are not as they would be written, and fail."""
    HERE.mkdir(exist_ok=True)
    stale = []
    for name, make in PAGES.items():
        page, text = HERE / name, make().rstrip() + "\n"
        if "--check" not in arguments:
            page.write_text(text)
        elif not page.exists() or page.read_text() != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"not current: {', '.join(stale)}; run: python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
