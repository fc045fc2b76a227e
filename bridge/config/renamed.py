"""Names that changed. The old name works for one version and warns. `docs/reference/renamed.md` is made from this.

This is the one table of all public names. The lower packages keep the part that they read themselves (keys of rules,
topics, stored figures), and this table takes it from there. Other code asks here: `current_keys` for a part of
bridge.yaml, `environment_names` for variables, `old_names` and `new_names` for everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from bridge.store.former_figures import FORMER_FIGURES
from rules.model.renamed import RENAMED_KEYS
from rules.model.topics import FORMER_FIELDS, FORMER_NAMES

Kind: TypeAlias = Literal[
    "bridge.yaml",
    "rule",
    "environment variable",
    "metric",
    "page of the console",
    "queue of workers",
    "topic",
    "API field",
    "API path",
    "CLI option",
    "CLI command",
    "field of a result",
    "field of an event",
    "JSON of sources list",
    "column of a CSV",
]


@dataclass(frozen=True, slots=True)
class Renamed:
    """One public name and the version in which it changed. `old` is a dotted path for a key of bridge.yaml."""

    kind: Kind
    old: str
    new: str
    since: str


#: `NAME` in a path stands for any name that the user chose.
RENAMED: tuple[Renamed, ...] = (
    Renamed("bridge.yaml", "sources.NAME.misfits", "sources.NAME.on_mismatch", "0.2.0"),
    *(Renamed("rule", row.old, row.new, row.since) for row in RENAMED_KEYS),
    Renamed("API field", "sources: proof", "sources: authentication", "0.2.0"),
    Renamed("metric", "bridge_drain_seconds", "bridge_event_batch_seconds", "0.2.0"),
    Renamed("metric", "bridge_webhooks_not_taken_total", "bridge_webhooks_refused_total", "0.2.0"),
    Renamed("metric", "bridge_notices_tried_total", "bridge_notice_deliveries_total", "0.2.0"),
    Renamed("metric", "bridge_troubles", "bridge_service_alerts", "0.2.0"),
    *(Renamed("topic", f"bridge.{old}", f"bridge.{new}", "0.2.0") for new, old in FORMER_NAMES.items()),
    *(
        Renamed("field of an event", f"bridge.{topic}: {old}", f"bridge.{topic}: {new}", "0.2.0")
        for topic, names in FORMER_FIELDS.items()
        for new, old in names.items()
    ),
    Renamed("API path", "/api/v1/trials", "/api/v1/backtest-jobs", "0.2.0"),
    Renamed("API path", "/api/v1/silences", "/api/v1/channel-mutes", "0.2.0"),
    Renamed("CLI command", "channels silence", "channels mute", "0.2.0"),
    Renamed("page of the console", "/entities", "/items", "0.2.0"),
    Renamed("page of the console", "/rules/NAME/trial", "/rules/NAME/backtest-job", "0.2.0"),
    Renamed("queue of workers", "upkeep", "maintenance", "0.2.0"),
    Renamed("JSON of sources list", "proof", "authentication", "0.2.0"),
    *(
        Renamed("field of a result", f"backtest: {old}", f"backtest: {new}", "0.2.0")
        for old, new in FORMER_FIGURES.items()
    ),
    Renamed("field of a result", "backtest job: looks", "backtest job: evaluations", "0.2.0"),
    Renamed("field of a result", "backtest job: looks_done", "backtest job: evaluations_done", "0.2.0"),
    Renamed("field of a result", "backtest job: looking_at", "backtest job: evaluating_at", "0.2.0"),
    Renamed("field of a result", "explanation: looks", "explanation: evaluations", "0.2.0"),
)
ANY_NAME = "NAME"


def old_names(kind: Kind) -> Mapping[str, tuple[str, ...]]:
    """Return new name → its former names."""
    found: dict[str, tuple[str, ...]] = {}
    for row in RENAMED:
        if row.kind == kind:
            found[row.new] = (*found.get(row.new, ()), row.old)
    return found


def new_names(kind: Kind) -> Mapping[str, str]:
    """Return former name → current name."""
    return {row.old: row.new for row in RENAMED if row.kind == kind}


def with_old_names(result: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a result (`backtest`, `explanation`), each also under its former name."""
    old = {
        row.new.removeprefix(f"{result}: "): row.old.removeprefix(f"{result}: ")
        for row in RENAMED
        if row.kind == "field of a result" and row.new.startswith(f"{result}: ")
    }
    return {**values, **{old[name]: value for name, value in values.items() if name in old}}


@cache
def environment_names() -> Mapping[str, tuple[str, ...]]:
    return old_names("environment variable")


def current_keys(values: Mapping[str, Any], *, at: str = "") -> tuple[dict[str, Any], list[str]]:
    """Return a part of bridge.yaml with current keys, and a warning for each old key.

    `at` is the path of the part: "" for the whole file, `accounts.NAME` for an account. An old key beside its new one
    stays, and is refused as an unknown key.
    """
    found, warnings = dict(values), []
    for row in RENAMED:
        if row.kind != "bridge.yaml" or row.old.startswith("sources."):  # `bridge.sources.schema` renames its own keys
            continue
        for holder, path, key in _holders(found, row.old.removeprefix(f"{at}.").split(".")):
            new = row.new.rpartition(".")[2]
            if new not in holder:
                holder[new] = holder.pop(key)
                words = f"{key} is now called {new}; the old name works for one more version"
                warnings.append(f"bridge.yaml: {'.'.join((*path, key))}: {words}")
    return found, warnings


def _holders(
    values: dict[str, Any], steps: list[str], path: tuple[str, ...] = ()
) -> list[tuple[dict[str, Any], tuple[str, ...], str]]:
    """Return the mappings that hold the key at the end of a path, with their paths."""
    step, *rest = steps
    if not rest:
        return [(values, path, step)] if step in values else []
    found = []
    for name in [*values] if step == ANY_NAME else [step]:
        inner = values.get(name)
        if isinstance(inner, dict):
            found += _holders(inner, rest, (*path, name))
    return found
