"""A rule as a sentence with numbers that can be changed: rows of words and fields, made from the text of the rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.language.edit import Number, Value, header, values
from rules.language.strict_yaml import Leaf, Node, Table, documents

# (first part of the path, key) → what is said before and behind the value; without one, the key itself
SAID = {
    "trigger.every": ("every", ""),
    "trigger.cron": ("at", "(cron)"),
    "trigger.tz": ("in", ""),
    "trigger.webhook.source": ("when a webhook comes from", ""),
    "trigger.webhook.event": ("of the type", ""),
    "trigger.silence.source": ("when", ""),
    "trigger.silence.for": ("is silent for", ""),
    "data.window": ("over", ""),
    "data.settle": ("leaving out the newest", ""),
    "data.fresh": ("if the data is no older than", ""),
    "guards.at_most.targets": ("at most", "at once"),
    "guards.at_most.share": ("at most", "of all"),
    "guards.at_most.revenue_24h": ("at most", "of the revenue of 24 hours"),
    "guards.cooldown": ("at least", "between two of its actions on one item"),
    "guards.per_day": ("at most", "a day"),
    "guards.respect_people": ("leave alone for", "what a person decided about"),
    "guards.if_over": ("beyond that:", ""),
    "guards.keep_active.per": ("for each", ""),
    "approve.within": ("an approval is open for", ""),
    "approve.otherwise": ("then", ""),
}
INPUT_ROWS = (
    ("Check", ("trigger",)), ("On", ("data",)), ("If", ("when",)), ("Unless", ("unless",)), ("Then", ("then",)),
    ("Ends early if", ("release",)), ("Limits", ("guards",)), ("Approval", ("approve",)),
)  # fmt: skip
LEFT_OUT = frozenset(
    {"trigger.missed", "trigger.webhook.dedupe", "trigger.webhook.order_by", "trigger.webhook.order_per"}
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of the sentence: words before, the value in words and numbers, words behind."""

    before: str
    parts: Sequence[str | Number]
    behind: str
    label: str  # says what its fields are, for those who hear the page


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    phrases: tuple[Phrase, ...]


def sentence(text: str) -> tuple[Row, ...]:
    """The rows of a rule; none for a text that cannot be read."""
    found = values(text)
    scope = _scope(text)
    rows = []
    for name, sections in INPUT_ROWS:
        own = [one for one in found if one.path[0] in sections and one.name not in LEFT_OUT]
        phrases = tuple(_phrases(own))
        if name == "Check" and scope:
            phrases = (*phrases, Phrase(scope, (), "", ""))
        if phrases:
            rows.append(Row(name, phrases))
    return tuple(rows)


def fields_of(text: str) -> dict[str, str]:
    """What the header of the rule says, with nothing for what it does not say."""
    return {"id": "", "title": "", "owner": ""} | header(text)


def _phrases(found: Sequence[Value]) -> Iterator[Phrase]:
    joined = ""
    for one in found:
        before, behind = _words(one)
        yield Phrase(f"{joined}{before}", one.parts, behind, one.name.replace(".", " "))
        joined = _joining(one)


def _words(one: Value) -> tuple[str, str]:
    """What is said before a value and behind it."""
    first, last = one.path[0], str(one.path[-1])
    said = {
        ("data", "need"): ("with at least", last),
        ("guards", "keep_active"): ("keep at least", f"{last} active"),
        ("release", "probation"): ("afterwards look again after", last),
        ("release", "early"): ("", ""),
    }
    if one.name in SAID:
        return SAID[one.name]
    if first in {"when", "unless"}:
        return ("for", "") if last == "for" else ("", "")
    if first == "then":
        return {"hold": "for", "id": "called"}.get(last, last), ""
    section = (str(first), str(one.path[1]) if len(one.path) > 1 else "")
    return said.get(section, (last.replace("_", " "), ""))


def _joining(one: Value) -> str:
    """What stands between a condition and the next one."""
    if one.path[0] in {"when", "unless"} and one.path[-1] != "for":
        return "or " if "any" in one.path or (one.path[0] == "unless" and "all" not in one.path) else ""
    return ""


def _scope(text: str) -> str:
    """`each offer, offer.active true`."""
    root = next((one.root for one in documents(text, "")), None)
    scope = root.entries.get("scope") if isinstance(root, Table) else None
    if not isinstance(scope, Table):
        return "each webhook" if isinstance(root, Table) and "webhook" in _keys(root.entries.get("trigger")) else ""
    per = " and ".join(_flat(scope.entries.get("per"))) or "item"
    where = scope.entries.get("where")
    told = (
        [f"{key} is {' or '.join(_flat(node))}" for key, node in where.entries.items()]
        if isinstance(where, Table)
        else []
    )
    return f"each {per}{' whose ' if told else ''}{' and '.join(told)}"


def _keys(node: Node | None) -> frozenset[str]:
    return frozenset(node.entries) if isinstance(node, Table) else frozenset()


def _flat(node: Node | None) -> list[str]:
    if node is None:
        return []
    if isinstance(node, Leaf):
        return [node.raw]
    if isinstance(node, Table):
        return [f"{key} {' '.join(_flat(one))}" for key, one in node.entries.items()]
    return [part for one in node.items for part in _flat(one)]
