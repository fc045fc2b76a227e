"""Write the reference pages that come from code: `python docs/generate.py`. A test checks that they are current."""

import inspect
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from marshmallow import Schema, fields, missing, validate

from bridge.cli import cli
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
from bridge.sources.presets import Preset
from bridge.web import gauges
from rules.language import renamed as renamed_keys
from rules.loading import reference
from rules.model import errors as rule_errors

HERE = Path(__file__).parent / "reference"

#: What each variable is for; a variable that the settings read and this table lacks stops the page from being made.
ENVIRONMENT = {
    "BRIDGE_HOME": "the directory with bridge.yaml, rules and tables; the present one by default",
    "DATABASE_URL": "`postgresql://` or `sqlite:///`; SQLite in `$BRIDGE_HOME/var` by default",
    "REDIS_URL": "`redis://`, `rediss://` or `unix://`; `up` starts an embedded Valkey without it",
    "BRIDGE_SECRET_KEY": "seals provisioned passwords and signs sessions; several, separated by commas, while rotating",
    "SENTRY_DSN": "switches Sentry on",
    "SENTRY_SAMPLE_RATE": "the share of faults that Sentry gets, from 0 to 1; all by default",
    "SENTRY_TRACES_SAMPLE_RATE": "the share of requests and tasks of which Sentry gets a trace; none by default",
    "BRIDGE_ENVIRONMENT": "the name of this environment in Sentry; `production` by default",
    "BRIDGE_LOG": "`console` or `json`",
    "BRIDGE_WORKER_METRICS": "where a worker answers scrapes: a port of loopback, or `host:port`; nowhere by default",
}

#: What the keys of an account mean. The names, kinds and defaults of the table come from the schema.
ACCOUNT = {
    "base_url": "where the organisation's Integr8 is",
    "api_key": "made at Integr8 under Organization > User Management > API Keys",
    "integrations": "our name of an integration → its id at Integr8",
    "rate": "`per_second`, and `burst`: calls in any one second at most",
    "timezone": "the days of this account",
    "currency": "the currency of its money",
    "protected": "kind → ids that no rule ever touches",
    "routes": "operation → `VERB /path`, where Integr8 has another one at this account",
    "rejection_url": "where rejections of conversions go",
    "poll": "feed → seconds between two readings",
}

#: Every key of a source: one sentence, and an example of its value.
SOURCE = {
    "verify": ("how requests are authenticated, or the name of a known sender", "hubspot"),
    "preset": ("a known sender, where `verify` names its method; `verify: NAME` alone is shorter", "github"),
    "secret": ("the shared secret", "${CRM_SECRET}"),
    "secrets": ("several secrets while one is rotated, the newest first", '["${NEW}", "${OLD}"]'),
    "token": ("the token that the sender carries", "${POSTBACK_TOKEN}"),
    "tokens": ("several tokens while one is rotated, the newest first", '["${NEW}", "${OLD}"]'),
    "username": ("the user of `verify: basic`", "crm"),
    "password": ("the password of `verify: basic`", "${CRM_PASSWORD}"),
    "passwords": ("several passwords while one is rotated", '["${NEW}", "${OLD}"]'),
    "in": ("where a token may stand: `path`, `query`, `header`, `body`; path and query by default", "[header]"),
    "parameter": ("the query parameter of a token, or its path in the body; `token` by default", "key"),
    "header": ("the header of the signature or token", "X-Signature"),
    "digest": ("the digest of the HMAC; sha256 by default", "sha512"),
    "encoding": ("how the signature is written; hex for `hmac`, base64 for `public-key`", "base64"),
    "secret_form": ("how the secret is written; text by default", "hex"),
    "public_key": ("the sender's public key in PEM, base64 or hex", "${SENDGRID_PUBLIC_KEY}"),
    "public_keys": ("several public keys while one is rotated", '["${NEW}", "${OLD}"]'),
    "verify_token": ("the word with which Meta checks the address", "${META_VERIFY_TOKEN}"),
    "covered": ("what an RFC 9421 signature must cover beside the body's digest; `@method` by default", '["@method"]'),
    "prefix": ("what stands before the signature", "sha256="),
    "signature": ("where the signature stands, if not in `header`", "query:sig"),
    "separator": ("what divides the parts of a header; a comma by default", ";"),
    "signed": ("the text that is signed; `{body}` by default", "{timestamp}.{body}"),
    "signature_part": ("the part of the header that is the signature", "v1"),
    "timestamp_part": ("the part of the header that is the time", "t"),
    "timestamp_header": ("the header with the time of the signature", "X-Timestamp"),
    "timestamp": ("where that time stands, if not in a header", "meta.signed_at"),
    "id_header": ("the header with the delivery id, for `{id}` in `signed`", "X-Event-Id"),
    "tolerance": ("how old or new a signature may be", "10m"),
    "allow_ips": ("addresses and networks that may send; `integr8` stands for Integr8's own", "[203.0.113.0/24]"),
    "trusted_proxies": ("proxies of this source, before those of the whole service", "[10.0.0.0/8]"),
    "format": ("how the body is read; `auto` goes by the content type", "csv"),
    "dialect": ("whose postbacks come, with `format: postback`", "everflow"),
    "event_type": ("where the type of an event stands", "header:X-Event-Type"),
    "delivery_id": ("where the sender's id stands; the same id is the same event", "event.id"),
    "shown_id": (
        "where an id stands that is shown but does not tell events apart, being unsigned",
        "header:X-Delivery",
    ),
    "split": ("the list in a body that is many events; `auto` or `never`", "entry.changes"),
    "json_in": ("the field of a form that holds JSON, where it is not the only one", "rawRequest"),
    "event_time": ("where the time of an event stands", "created_at"),
    "order_by": ("where the place among the events about the same thing stands", "deal.version"),
    "order_per": ("where that thing's id stands", "deal.id"),
    "timezone": ("the zone of times without an offset", "Europe/Berlin"),
    "max_body": ("the largest body that is taken", "2MiB"),
    "max_inflated": ("the largest body after decompression", "8MiB"),
    "max_depth": ("the deepest nesting of a JSON body", "64"),
    "map": ("our name → the sender's name for a field", "{contact.email: deal.mail}"),
    "expects": ("field → kind that a body must have; `?` makes it optional", "{deal.id: integer}"),
    "on_mismatch": ("what becomes of a body that does not fit; `refuse`, for postbacks `quarantine`", "quarantine"),
}


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
            "Served in the text format of Prometheus: by the web at `/metrics`, by a worker at the address in",
            "`BRIDGE_WORKER_METRICS`. Counters and histograms are those of the group that was scraped: add them up.",
            "Gauges are read from the database by the web, and every instance says the same.",
            "[Watch it](../how-to/monitor.md) has the scrape targets.",
            "",
            *rows,
            "",
        ]
    )


def configuration() -> str:
    """The environment and bridge.yaml, from the schemas that read them."""
    read = re.findall(r'"([A-Z][A-Z0-9_]+)"', inspect.getsource(settings._environment))  # noqa: SLF001 - names stand there
    names = ["BRIDGE_HOME", *dict.fromkeys(read)]
    return "\n".join([
        "# Settings",
        "",
        "Read once, when a process starts. `integr8-bridge check` prints every problem at once.",
        "",
        "## Environment",
        "",
        "`$BRIDGE_HOME/.env` may hold variables too; the real environment goes before it.",
        "`NAME_FILE` names a file that holds the value of `NAME`.",
        "",
        "| variable | what it is |",
        "|---|---|",
        *(f"| `{name}` | {ENVIRONMENT[name]} |" for name in names),
        "",
        "## bridge.yaml",
        "",
        "`${NAME}` stands for a variable. A secret written in clear is refused: "
        + ", ".join(f"`{name}`" for name in sorted(settings.SECRET_FIELDS))
        + ".",
        "",
        "Sections: " + ", ".join(f"`{name}`" for name in config_schema.FileSchema().fields) + ".",
        "",
        "### accounts.&lt;name&gt;",
        "",
        "| key | kind | default | what it is |",
        "|---|---|---|---|",
        *(f"{row} {ACCOUNT[name]} |" for name, row in _keys(config_schema.AccountSchema())),
        "",
        "### sources.&lt;name&gt;",
        "",
        "The address of a source is `/hooks/<name>`. [Connect a sender](../how-to/connect-a-sender.md) has examples.",
        "",
        "| verify | needs | may have |",
        "|---|---|---|",
        *(_method(name) for name in sources.WAYS),
        "",
        "Senders that are known. Beside its secret an entry needs `verify: NAME` alone:",
        "",
        *(_preset(name, one) for name, one in sources.PRESETS.items()),
        "",
        "| key | kind | default | what it is | example |",
        "|---|---|---|---|---|",
        *(f"{row} {SOURCE[name][0]} | `{SOURCE[name][1]}` |" for name, row in _keys(sources.SourceSchema())),
        "",
        "### channels.&lt;name&gt;",
        "",
        "Either `apprise`, for people, or `webhook` with a secret, for programs.",
        "",
        "| key | kind | default |",
        "|---|---|---|",
        *(row for _, row in _keys(ChannelSchema())),
        "",
        "### http",
        "",
        "Where the `http` action of rules may go. Without it: nowhere.",
        "",
        "| key | kind | default |",
        "|---|---|---|",
        *(row for _, row in _keys(http.HttpPolicySchema())),
        "",
        "### login.oidc",
        "",
        "An identity provider to sign in through; see [who may do what](../how-to/who-may-do-what.md).",
        "",
        "| key | kind | default |",
        "|---|---|---|",
        *(row for _, row in _keys(login.OidcSchema())),
        "",
        "`roles`: " + ", ".join(f"`{name}`" for name in login.RoleMapSchema().fields) + ".",
        "",
        "### metrics",
        "",
        f"`token`: what `/metrics` asks for, at least {settings.LEAST_TOKEN} characters. Without it, anybody may ask.",
        "",
    ])  # fmt: skip


def _keys(schema: Schema) -> Iterator[tuple[str, str]]:
    for attribute, one in schema.fields.items():
        name = one.data_key or attribute
        yield name, f"| `{name}` | {_kind(one)} | {_default(one)} |"


def _kind(field: fields.Field[Any]) -> str:
    for check in field.validators:
        if isinstance(check, validate.OneOf):
            return ", ".join(f"`{word}`" for word in check.choices)
    names = {"Dict": "mapping", "List": "list", "Nested": "mapping", "Url": "address", "String": "text", "Zone": "zone"}
    name = type(field).__name__
    return names.get(name, name.removesuffix("Field").lower())


def _default(field: fields.Field[Any]) -> str:
    if field.required:
        return "must be there"
    value = field.load_default() if callable(field.load_default) else field.load_default
    if value is missing or value is None or value in ({}, []):
        return ""
    if isinstance(value, config_schema.Rate):
        return f"`{{per_second: {value.per_second:g}}}`"
    return f"`{value.total_seconds():.0f}s`" if isinstance(value, timedelta) else f"`{value}`"


def _method(way: str) -> str:
    needs = ", ".join(" or ".join(f"`{key}`" for key in group) for group in sources.NEEDS[way])
    needed = {key for group in sources.NEEDS[way] for key in group}
    takes = ", ".join(f"`{key}`" for key in sorted(sources.TAKES[way] - needed))
    return f"| `{way}` | {needs} | {takes} |"


def _preset(name: str, preset: Preset) -> str:
    setup = "; its set-up call is answered" if preset.setup and preset.setup != "sns" else ""
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
    rows += [("rule", row.old, row.new, row.since) for row in renamed_keys.RENAMED]
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


def main() -> int:
    HERE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (HERE / name).write_text(make().rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
