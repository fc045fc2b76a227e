"""Read `trigger` and `scope` from YAML nodes: when a rule is evaluated, and for which items."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from marshmallow import ValidationError

from rules.language import conditions, cron, names
from rules.language.fields import Findings, Words, at, read, spelled
from rules.language.names import AvailableNames
from rules.language.sections import CronSchema, EverySchema, SilenceSchema, WebhookSchema
from rules.language.strict_yaml import Branch, Leaf, Node, Table, data
from rules.model import durations, tree
from rules.model.environment import Environment
from rules.model.formatting import counted
from rules.model.revision import (
    ALWAYS_KEPT,
    DECLARABLE,
    DIMENSIONS,
    Cron,
    Dimension,
    Every,
    Group,
    Missed,
    Scope,
    Silence,
    Trigger,
    Webhook,
)
from rules.model.spelling import did_you_mean, listed
from rules.model.syntax import Condition, Template

_TRIGGERS = ("every", "cron", "webhook", "silence")
SCOPE_ALL = "all"  # `scope: all`, `where: all`: nothing is left out, and its author knows it
_SCOPE_KEYS = ("per", "from", "where", "except", "join")
_BODY = AvailableNames(event=True)
_CONDITION = re.compile(r'(<=?|>=?|!=|==?)\s*\S|(not\s+)?in\s+(table\s|\[)|(not\s+)?matches\s+"')


def trigger(node: Node, zone: str, environment: Environment, findings: Findings) -> Trigger | None:
    """Read the one trigger of a rule; cron uses `zone` if it names none."""
    kinds = [key for key in node.keys if key in _TRIGGERS] if isinstance(node, Table) else []
    if not isinstance(node, Table) or len(kinds) != 1:
        findings.error(node.place, f"a trigger is exactly one of {listed(_TRIGGERS)}{_meant(node)}")
        return None
    kind = kinds[0]
    if kind == "every":
        return cast("Every | None", read(EverySchema(), node, findings))
    if kind == "cron":
        return _cron(node, zone, findings)
    extra = next((key for key in node.keys if key != kind), None)
    if extra:
        findings.error(node.keys[extra], f"unknown key '{extra}' beside {kind}")
    inner = node.entries[kind]
    return _webhook(inner, environment, findings) if kind == "webhook" else _silence(inner, environment, findings)


def _meant(node: Node) -> str:
    if isinstance(node, Leaf) and (spoken := durations.meant(node.value)):
        return f"; write trigger: {{every: {spoken}}}"
    keys = [key for key in node.keys if key not in _TRIGGERS] if isinstance(node, Table) else []
    return did_you_mean(keys[0], _TRIGGERS) if keys else ""


def _cron(node: Table, zone: str, findings: Findings) -> Cron | None:
    found = read(CronSchema(), node, findings)
    if found is None:
        return None
    wrong = cron.problem(found["cron"])
    if wrong:
        findings.error(node.entries["cron"].place, wrong)
        return None
    doubtful = cron.warning(found["cron"])
    if doubtful:
        findings.warning(node.entries["cron"].place, doubtful)
    return Cron(" ".join(found["cron"].split()), found["tz"] or zone, Missed(found["missed"]))


def _webhook(node: Node, environment: Environment, findings: Findings) -> Webhook | None:
    found = read(WebhookSchema(), node, findings, "trigger.webhook")
    if found is None or not isinstance(node, Table):
        return None
    _check_source(node, environment, findings)
    read_parts = {
        name: conditions.expression(node.entries[name], _BODY, findings) if name in node.entries else None
        for name in ("dedupe", "order_by", "order_per")
    }
    return Webhook(source=found["source"], event=found["event"], **read_parts)


def _silence(node: Node, environment: Environment, findings: Findings) -> Silence | None:
    found = read(SilenceSchema(), node, findings, "trigger.silence")
    if found is None or not isinstance(node, Table):
        return None
    _check_source(node, environment, findings)
    return Silence(**found)


def _check_source(node: Table, environment: Environment, findings: Findings) -> None:
    source = node.entries["source"]
    if environment.sources is not None and isinstance(source, Leaf) and source.raw not in environment.sources:
        hint = (
            did_you_mean(source.raw, environment.sources) or f" (bridge.yaml has {listed(sorted(environment.sources))})"
        )
        findings.error(source.place, f"there is no source '{source.raw}'{hint}")


def available_names(found: Trigger | None, scope: Scope, environment: Environment) -> AvailableNames:
    """Return the names for conditions, given the trigger and the scope."""
    per = tuple(dimension for dimension in scope.per if dimension != "event")
    tables = {name: environment.tables.get(name) if environment.tables is not None else None for name in scope.join}
    event = found is None or isinstance(found, Webhook | Silence)
    return AvailableNames(per=per, event=event, tables=tables, lists=environment.tables)


# --- scope -----------------------------------------------------------------------------------------


def scope(
    node: Node | None,
    found: Trigger | None,
    environment: Environment,
    findings: Findings,
    *,
    target: Dimension | None = None,
) -> Scope | None:
    """Read the scope; without one, a webhook rule is about its event. `target` is the kind of `scope: all`."""
    if node is None:
        return Scope()
    if isinstance(node, Leaf) and node.value == SCOPE_ALL:
        return _everything(node, found, target, findings)
    if not isinstance(node, Table):
        meant = did_you_mean(node.raw, (SCOPE_ALL,)) if isinstance(node, Leaf) else ""
        findings.error(node.place, f"`scope` needs `per: [offer]` or the like{meant}")
        return None
    for key, place in node.keys.items():
        if key not in _SCOPE_KEYS:
            findings.error(place, f"unknown key '{key}'{did_you_mean(key, _SCOPE_KEYS)}")
    per = _per(node, environment, findings)
    if per is None:
        return None
    join = _join(node, per, environment, findings)
    available = available_names(found, Scope(per=per, join=join), environment)
    where = node.entries.get("where")
    everything = isinstance(where, Leaf) and where.value == SCOPE_ALL
    return Scope(
        per=per,
        origin=_origin(node, per, found, findings),
        where={} if everything or isinstance(where, Branch) else _filter(node, "where", available, findings),
        everything=everything,
        conditions=_fulfilled(where, available, findings) if isinstance(where, Branch) else None,
        exclude=_filter(node, "except", available, findings),
        join=join,
    )


def _everything(node: Leaf, found: Trigger | None, target: Dimension | None, findings: Findings) -> Scope | None:
    if isinstance(found, Webhook):
        findings.error(
            node.place, "an event names its items; write scope: {per: [offer], from: {offer: body.offer_id}}"
        )
        return None
    if target is None:
        findings.error(node.place, "all of what? Write scope: {per: [offer], where: all}")
        return None
    return Scope(per=(target,), everything=True)


def _per(node: Table, environment: Environment, findings: Findings) -> tuple[Dimension, ...] | None:
    given = node.entries.get("per")
    if given is None:
        return ("event",)
    kept = environment.dimensions
    try:
        found = Words(*DIMENSIONS).understood(data(given))
    except ValidationError:
        findings.error(given.place, _no_dimension(given, kept or frozenset()))
        return None
    if not found or len(set(found)) != len(found):
        findings.error(given.place, "`per` names each dimension once, and at least one")
        return None
    missing = [one for one in found if one in DECLARABLE and kept is not None and one not in kept]
    if missing:
        listing = ", ".join(sorted({*(kept or ()), *missing}))
        some = "is not kept; add it" if len(missing) == 1 else "are not kept; add them"
        words = f"{listed(missing, last='and')} {some} to bridge.yaml: dimensions: [{listing}]"
        findings.error(given.place, words)
    return cast("tuple[Dimension, ...]", found)


def _no_dimension(node: Node, kept: frozenset[str]) -> str:
    """Return the allowed dimensions, and the nearest word that could be declared."""
    wrong = next((one.raw for one in _items(node) if isinstance(one, Leaf) and one.raw not in DIMENSIONS), None)
    if wrong is None:
        return "`per` names dimensions, such as [offer]"
    known = (*ALWAYS_KEPT, *sorted(kept))
    return f"{spelled(wrong)} is not one of {listed(known)}{did_you_mean(wrong, DIMENSIONS)}"


def _origin(
    node: Table, per: tuple[Dimension, ...], found: Trigger | None, findings: Findings
) -> Mapping[str, Template]:
    given = node.entries.get("from")
    if given is None:
        if isinstance(found, Webhook) and per != ("event",):
            findings.error(
                node.keys["per"],
                f"where does the event name the {per[0]}? Add from: {{{per[0]}: body.{per[0]}_id}}",
            )
        return {}
    if not isinstance(found, Webhook):
        findings.error(node.keys["from"], "`from` takes ids out of an event, and this rule has no webhook trigger")
        return {}
    if not isinstance(given, Table):
        findings.error(given.place, "`from` needs lines such as offer: body.offer_id")
        return {}
    for key, place in given.keys.items():
        if key not in per:
            findings.error(place, f"'{key}' is not in `per`{did_you_mean(key, per)}")
    for dimension in per:
        if dimension not in given.entries:
            findings.error(
                given.place, f"where does the event name the {dimension}? Add {dimension}: body.{dimension}_id"
            )
    read_parts = {key: conditions.reference_to(item, _BODY, findings) for key, item in given.entries.items()}
    return {key: part for key, part in read_parts.items() if part is not None}


def _filter(node: Table, name: str, available: AvailableNames, findings: Findings) -> Mapping[str, tuple[Any, ...]]:
    given = node.entries.get(name)
    if given is None:
        return {}
    if not isinstance(given, Table):
        meant = did_you_mean(given.raw, (SCOPE_ALL,)) if isinstance(given, Leaf) and name == "where" else ""
        conditions_too = ", or a list of conditions: [offer.active]" if name == "where" else ""
        findings.error(given.place, f"`{name}` needs lines such as offer.active: true{conditions_too}{meant}")
        return {}
    for key, value in given.entries.items():
        _refuse_conditions("not " * (name == "except") + key, value, findings)
        _refuse_impossible(key, value, findings)
    return {
        key: _accepted(value, findings)
        for key, value in given.entries.items()
        if _is_attribute(key, given, available, findings)
    }


def _items(node: Node) -> Sequence[Node]:
    """Return a list, or one value in place of a list."""
    return node.items if isinstance(node, Branch) else (node,)


def _refuse_impossible(key: str, node: Node, findings: Findings) -> None:
    for item in _items(node):
        doubt = names.value_doubt(key, item.value) if isinstance(item, Leaf) else None
        if doubt is not None:
            findings.error(item.place, doubt)


def _refuse_conditions(key: str, node: Node, findings: Findings) -> None:
    """Refuse a condition in place of a value: it would be compared as a text, and no item has such a text."""
    for item in _items(node):
        if isinstance(item, Leaf) and isinstance(item.value, str) and _CONDITION.match(item.value):
            written = f"{key} {re.sub('^==', '=', item.value)}"
            words = f"'{item.value}' is a condition where a value is needed"
            findings.error(item.place, f"{words}; write the conditions as a list: where: ['{written}']")


def _fulfilled(node: Branch, available: AvailableNames, findings: Findings) -> Group | None:
    """Read `where` as a list of conditions on attributes."""
    found = conditions.group(node, available, findings)
    for item in _each(found):
        for part in item.tree.walk():
            if isinstance(part, tree.Metric):
                findings.error(at(item.place, part.column - 1), f"'{part.name}' is measured; put it under `when`")
    return found


def _each(group: Group | None) -> Iterator[Condition]:
    for item in group.items if group else ():
        yield from _each(item) if isinstance(item, Group) else (item,)


def _accepted(node: Node, findings: Findings) -> tuple[Any, ...]:
    values = []
    for item in _items(node):
        if isinstance(item, Leaf) and item.value is not None:
            values.append(item.value)
        else:
            findings.error(item.place, f"{spelled(data(item))} where a value or a list of values is needed")
    return tuple(values)


def _is_attribute(key: str, table: Table, available: AvailableNames, findings: Findings) -> bool:
    resolved, problems = names.resolve(tree.Name(text=key), table.keys[key], available)
    findings.extend(problems)
    if any(problem.severity == "error" for problem in problems):
        return False
    if isinstance(resolved, tree.Metric):
        findings.error(table.keys[key], f"'{key}' is measured; put it under `when`")
        return False
    return True


def _join(
    node: Table, per: tuple[Dimension, ...], environment: Environment, findings: Findings
) -> Mapping[str, tuple[str, ...]]:
    given = node.entries.get("join")
    if given is None:
        return {}
    if not isinstance(given, Table):
        findings.error(given.place, "`join` needs lines such as budgets: offer.id")
        return {}
    available = AvailableNames(per=tuple(dimension for dimension in per if dimension != "event"), event=True)
    joined: dict[str, tuple[str, ...]] = {}
    for table, value in given.entries.items():
        tables = environment.tables
        if tables is not None and tables.get(table) is None:
            findings.error(given.keys[table], names.no_table(table, tables))
            if table in tables and isinstance(value, Leaf):
                joined[table] = (value.raw,)  # what is said about its columns would only confuse
            continue
        keys = _attributes(value, available, findings, table)
        wrong = None if keys is None else _wrong_keys(table, keys, environment)
        if wrong:
            findings.error(value.place, wrong)
        if keys is not None:
            joined[table] = keys
    return joined


def _attributes(node: Node, available: AvailableNames, findings: Findings, table: str) -> tuple[str, ...] | None:
    """Read the attributes that join a table: one, or a list of several."""
    found: list[str] = []
    for item in _items(node):
        if not isinstance(item, Leaf) or not isinstance(item.value, str):
            findings.error(item.place, f"say by which attribute, such as {table}: offer.id")
            return None
        if not _is_attribute(item.raw, Table(item.place, {}, {item.raw: item.place}), available, findings):
            return None
        found.append(item.raw)
    if not found or len(set(found)) < len(found):
        findings.error(node.place, f"name each attribute once, and at least one, such as {table}: offer.id")
        return None
    return tuple(found)


def _wrong_keys(table: str, keys: tuple[str, ...], environment: Environment) -> str | None:
    """Return why these attributes do not find one row of the table; None if they may."""
    columns = (environment.tables or {}).get(table) or ()
    needed = environment.table_keys.get(table, ())
    if len(keys) < len(needed):
        several = f"tables/{table}.csv has several rows for one {needed[0]}"
        return f"{several}; join it by {listed(needed, last='and')}: {table}: [{keys[0]}, ...], or keep one row of each"
    if columns and len(keys) >= len(columns):
        there, asked = counted(len(columns), "column"), counted(len(keys), "key")
        return f"tables/{table}.csv has {there}, so that {asked} leave nothing to look up"
    return None
