"""Read conditions, expressions and templates from YAML nodes: parsed, resolved and checked, with their places."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from rules.language import names, parser, types
from rules.language.fields import Findings, spelled
from rules.language.names import AvailableNames
from rules.language.strict_yaml import Branch, Leaf, Node, Table
from rules.model import tree
from rules.model.errors import RuleError
from rules.model.revision import Group
from rules.model.spelling import did_you_mean
from rules.model.syntax import Condition, Place, Template

_GROUPS = ("all", "any", "none")


def group(node: Node, available: AvailableNames, findings: Findings, *, listed_as: str = "all") -> Group | None:
    """Read a group of conditions: `all`, `any` or `none` over a list, a bare list, or a single condition."""
    if isinstance(node, Branch):
        return _listed(cast("Any", listed_as), node, node.place, available, findings)
    if isinstance(node, Leaf):
        found = condition(node, available, findings)
        return Group(cast("Any", listed_as), (found,), node.place) if found else None
    return _table(node, available, findings)


def _table(node: Table, available: AvailableNames, findings: Findings) -> Group | None:
    for key, place in node.keys.items():
        if key not in _GROUPS:
            findings.error(place, f"unknown key '{key}'; {_remedy(key)}")
    found = [
        _listed(cast("Any", kind), node.entries[kind], node.keys[kind], available, findings)
        for kind in _GROUPS
        if kind in node.entries
    ]
    groups = tuple(item for item in found if item is not None)
    if not groups:
        if not found and not set(node.keys) - set(_GROUPS):
            findings.error(node.place, "no conditions; write them under all, any or none")
        return None
    return groups[0] if len(groups) == 1 else Group("all", groups, node.place)


def _remedy(key: str) -> str:
    if " " in key or "=" in key:  # a condition in which YAML found `: `
        return "a condition with ': ' in it needs single quotes around the whole: - '...'"
    return f"conditions stand under all, any or none{did_you_mean(key, (*_GROUPS, 'for'))}"


def _listed(kind: Any, node: Node, place: Place, available: AvailableNames, findings: Findings) -> Group | None:
    entries = node.items if isinstance(node, Branch) else (node,)
    if not entries:
        findings.error(node.place, f"'{kind}' holds no conditions")
        return None
    items: list[Condition | Group] = []
    for entry in entries:
        item = condition(entry, available, findings) if isinstance(entry, Leaf) else group(entry, available, findings)
        if item is not None:
            items.append(item)
    return Group(kind, tuple(items), place) if items else None


def condition(node: Leaf, available: AvailableNames, findings: Findings) -> Condition | None:
    """Read one condition: a text that is true or false."""
    if isinstance(node.value, bool):
        return Condition(node.raw, node.place, tree.Constant(value=node.value, kind="bool"))
    return _read(node, available, findings, condition=True)


def expression(node: Node, available: AvailableNames, findings: Findings) -> Condition | None:
    """Read one expression: a text with any value."""
    if not isinstance(node, Leaf):
        findings.error(node.place, f"{_shape(node)} where an expression such as body.id is needed")
        return None
    return _read(node, available, findings, condition=False)


def _read(node: Leaf, available: AvailableNames, findings: Findings, *, condition: bool) -> Condition | None:
    if not isinstance(node.value, str):
        findings.error(node.place, f"{spelled(node.value)} where a condition is needed")
        return None
    return _checked(lambda: parser.condition(node.raw, node.place), available, findings, condition=condition)


def _checked(
    parse: Callable[[], Condition], available: AvailableNames, findings: Findings, *, condition: bool
) -> Condition | None:
    try:
        parsed = parse()
    except RuleError as error:
        findings.extend(error.problems)
        return None
    return _resolved(parsed, available, findings, condition=condition)


def _resolved(parsed: Condition, available: AvailableNames, findings: Findings, *, condition: bool) -> Condition | None:
    resolved, problems = names.resolve(parsed.tree, parsed.place, available)
    findings.extend(problems)
    if any(problem.severity == "error" for problem in problems):
        return None
    mismatches = types.check(resolved, parsed.place, condition=condition)
    findings.extend(mismatches)
    return None if mismatches else replace(parsed, tree=resolved)


def template(node: Node, available: AvailableNames, findings: Findings) -> Template | None:
    """Read a text that may hold `{{ expression }}` parts; every part is checked."""
    if not isinstance(node, Leaf) or node.value is None:
        findings.error(node.place, f"{_shape(node)} where a text is needed")
        return None
    try:
        parsed = parser.template(node.raw, node.place)
    except RuleError as error:
        findings.extend(error.problems)
        return None
    parts: list[str | Condition] = []
    for part in parsed.parts:
        done = part if isinstance(part, str) else _resolved(part, available, findings, condition=False)
        if done is None:
            return None
        parts.append(done)
    return _with_lone_references(replace(parsed, parts=tuple(parts)), findings)


def _with_lone_references(filled: Template, findings: Findings) -> Template | None:
    for part in filled.parts:
        if isinstance(part, str) or not any(isinstance(n, tree.Reference) for n in part.tree.walk()):
            continue
        if len(filled.parts) > 1 or not isinstance(part.tree, tree.Reference):
            findings.error(part.place, "a value of an earlier step must stand alone: it is not known yet")
            return None
    return filled


def reference_to(node: Node, available: AvailableNames, findings: Findings) -> Template | None:
    """Read like `template`, but a text without `{{ }}` is itself the expression: `from: {offer: body.offer_id}`."""
    if isinstance(node, Leaf) and isinstance(node.value, str) and "{{" not in node.raw:
        found = expression(node, available, findings)
        return Template(f"{{{{ {node.raw} }}}}", node.place, (found,)) if found else None
    return template(node, available, findings)


def _shape(node: Node) -> str:
    if isinstance(node, Leaf):
        return spelled(node.value)
    return "a list" if isinstance(node, Branch) else "a mapping"
