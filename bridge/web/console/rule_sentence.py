"""A rule as a sentence with numbers that can be changed: rows of words and fields, made from the text of the rule.

Every value of the text is said: one without words of its own is said by its key.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rules.language.edit import Number, Path, Value, header, values
from rules.language.strict_yaml import Branch, Leaf, Node, Table, documents
from rules.model.verbs import VERBS

# the path without places in lists → what is said before and behind the value
SAID = {
    "trigger.every": ("every", ""),
    "trigger.cron": ("at", "(cron)"),
    "trigger.tz": ("in", ""),
    "trigger.webhook.source": ("when a webhook comes from", ""),
    "trigger.webhook.event": ("of the type", ""),
    "trigger.webhook.dedupe": ("once for each", ""),
    "trigger.webhook.order_by": ("not if it is older by", "than one before"),
    "trigger.webhook.order_per": ("compared for each", ""),
    "trigger.silence.source": ("when", ""),
    "trigger.silence.for": ("is silent for", ""),
    "trigger.silence.event": ("with the type", ""),
    "account": ("in the account", ""),
    "integration": ("in the integration", ""),
    "scope.per": ("each", ""),
    "data.window": ("over", ""),
    "data.settle": ("leaving out the newest", ""),
    "data.fresh": ("if the data is no older than", ""),
    "data.tz": ("with the days of", ""),
    "when.for": ("for", ""),
    "lose_at_most": ("once it may have lost", "a person decides"),
    "lose_at_most.amount": ("once it may have lost", ""),
    "lose_at_most.then": ("then", ""),
    "lose_at_most.clicks_per_day": ("to", "clicks a day"),
    "lose_at_most.hold": ("for", ""),
    "lose_at_most.worth": ("if one missing conversion is worth", ""),
    "then.hold": ("for", ""),
    "then.which": ("the one with the id", ""),
    "then.id": ("called", ""),
    "then.deliver_secret_to": ("and send the password to", ""),
    "then.http.url": ("send a request to", ""),
    "then.http.method": ("with the method", ""),
    "inhibits": ("while it says yes, nothing is done by", ""),
    "inhibits.rules": ("while it says yes, nothing is done by", ""),
    "inhibits.per": ("about what has the same", ""),
    "guards.at_most.targets": ("at most", "at once"),
    "guards.at_most.share": ("at most", "of all"),
    "guards.at_most.revenue_24h": ("at most", "of the revenue of 24 hours"),
    "guards.cooldown": ("at least", "between two of its actions on one item"),
    "guards.per_day": ("at most", "a day"),
    "guards.budgets": ("within the budget", "which it shares with other rules"),
    "guards.respect_people": ("leave alone for", "what a person decided about"),
    "guards.if_over": ("beyond that", ""),
    "guards.keep_active.per": ("for each", ""),
    "guards.quiet.from": ("does nothing from", ""),
    "guards.quiet.to": ("to", ""),
    "guards.active.from": ("acts only from", ""),
    "guards.active.to": ("to", ""),
    "guards.quiet.days": ("on", ""),
    "guards.active.days": ("on", ""),
    "guards.quiet.tz": ("in", ""),
    "guards.active.tz": ("in", ""),
    "guards.canary.targets": ("first only", ""),
    "guards.canary.wait": ("then watch for", ""),
    "guards.canary.revenue_drop": ("and undo if the revenue falls by", ""),
    "guards.errors": ("stops after", "failed runs in a row"),
    "approve.by": ("answered by", ""),
    "approve.within": ("an approval is open for", ""),
    "approve.otherwise": ("then", ""),
    "approve.escalate_to": ("and tell", ""),
    "notify.about": ("tell of", ""),
    "notify.to": ("to", ""),
    "priority": ("with the priority", "against other rules"),
}
# a table whose keys are people's own words → what is said before and behind a value; {} stands for the key
SAID_OF_TABLES = {
    "scope.from": ("the {} is", ""),
    "scope.join": ("with the row of the table {} for", ""),
    "data.need": ("with at least", "{}"),
    "release.probation": ("afterwards evaluate again after", "{}"),
    "guards.keep_active": ("keep at least", "{} active"),
    "then.key": ("found by {}", ""),
    "then.with": ("with {}", ""),
    "then.http.headers": ("with the header {}", ""),
    "then.http.query": ("with {} in the address", ""),
    "then.http.body": ("with {} in the body", ""),
}
# what stands behind the others, if it is empty
SAID_OF_NOTHING = {"data.need": "with any sample"}
_HOLDS = {"manual": "until a person ends it", "midnight": "until midnight", "until midnight": "until midnight"}
# a word of the language → what it means, as a phrase
WORDS: Mapping[str, Mapping[str, str]] = {
    "trigger.missed": {
        "run_once": "once for all times that were missed", "skip": "times that were missed are left out",
    },
    "scope": {"all": "each item of the kind that the first step names"},
    "data.settle": {"auto": "leaving out what is too new for 90% of its conversions"},
    "then.hold": _HOLDS,
    "lose_at_most.hold": _HOLDS,
    "lose_at_most.then": {"ask": "a person decides", "cap": "its clicks are capped", "pause": "it is paused"},
    "guards.if_over": {"approve": "beyond that a person decides", "stop": "beyond that nothing is done"},
    "approve.otherwise": {
        "drop": "without an answer nothing is done", "proceed": "without an answer it is done",
        "escalate": "without an answer it waits on",
    },
    "approve.recheck": {
        "true": "what holds no longer at the answer drops out", "false": "it is not evaluated again at the answer",
    },
    "on_failure": {
        "undo": "if a step fails, the others of the item are undone",
        "keep": "if a step fails, the others of the item are kept",
        "ask": "if a step fails, a person decides about the others of the item",
    },
    "mode": {
        "disabled": "off: it is not evaluated", "shadow": "shadow: it decides and records, and changes nothing",
        "approve": "approve: every plan waits for a person", "live": "live: what is within its limits is done at once",
    },
}  # fmt: skip
CONDITIONS = {"when": "all", "unless": "any", "release.early": "all", "scope.where": "all"}  # what a list means
ROWS = (
    ("Check", ("trigger", "account", "integration", "scope")), ("On", ("data",)), ("If", ("when",)),
    ("Unless", ("unless",)), ("Then", ("then", "on_failure")), ("Loss limit", ("lose_at_most",)),
    ("Holds back", ("inhibits",)), ("Ends early if", ("release",)), ("Limits", ("guards",)), ("Approval", ("approve",)),
    ("Tells", ("notify",)), ("Mode", ("mode", "priority")),
)  # fmt: skip
EARLIER = ("verb", "which", "id")  # of a step: its verb comes first, wherever it is written


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of the sentence: words before, the value in words and numbers, words after."""

    before: str
    parts: Sequence[str | Number]
    behind: str
    label: str  # says what its fields are, for those who hear the page


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    phrases: tuple[Phrase, ...]


def sentence(text: str) -> tuple[Row, ...]:
    """Return the rows of a rule; none for an unreadable text."""
    root = next((one.root for one in documents(text, "")), None)
    if not isinstance(root, Table):
        return ()
    told = _Told({one.path: one for one in values(text)})
    named = {section for _, sections in ROWS for section in sections}
    others = tuple(section for section in dict.fromkeys(str(path[0]) for path in told.by_path) if section not in named)
    rows = []
    for name, sections in (*ROWS, ("Also", others)):
        phrases = [
            phrase
            for section in sections
            if section in root.entries
            for phrase in told.section(root.entries[section], section)
        ]
        if name == "Check" and "scope" not in root.entries and "webhook" in _keys(root.entries.get("trigger")):
            phrases.append(Phrase("each webhook", (), "", ""))
        if phrases:
            rows.append(Row(name, tuple(phrases)))
    return tuple(rows)


def fields_of(text: str) -> dict[str, str]:
    """Return the header of the rule, with empty values for missing keys."""
    return {"id": "", "title": "", "owner": ""} | header(text)


def words_of(text: str, name: str) -> list[str]:
    """Return the phrases of one row of the sentence as bare words; none if the rule has no such row."""
    return [_bare(phrase) for row in sentence(text) if row.name == name for phrase in row.phrases]


def _bare(phrase: Phrase) -> str:
    parts = "".join(part if isinstance(part, str) else part.text for part in phrase.parts)
    return " ".join(f"{phrase.before} {parts} {phrase.behind}".split())


class _Told:
    """The phrases of nodes, built from the values of the text."""

    def __init__(self, by_path: Mapping[Path, Value]) -> None:
        self.by_path = by_path

    def section(self, node: Node, section: str) -> Iterator[Phrase]:
        """Yield a section in the order of the text, except for parts with another order."""
        if section == "scope" and isinstance(node, Table):
            yield from self._scope(node)
        elif section == "then" and isinstance(node, Branch):
            yield from self._steps(node)
        else:
            yield from self._node(node, (section,))

    def _node(self, node: Node, path: Path) -> Iterator[Phrase]:
        name = _name(path)
        if name in CONDITIONS:
            yield from self._conditions(node, path, CONDITIONS[name])
        elif isinstance(node, Table):
            if not node.entries and name in SAID_OF_NOTHING:
                yield Phrase(SAID_OF_NOTHING[name], (), "", "")
            for key, item in node.entries.items():
                yield from self._node(item, (*path, key))
        elif isinstance(node, Branch) and not all(isinstance(item, Leaf) for item in node.items):
            for index, item in enumerate(node.items):
                yield from self._node(item, (*path, index))
        else:
            yield from self._value(node, path)

    def _value(self, node: Node, path: Path) -> Iterator[Phrase]:
        """Yield a value, or a list of values in one phrase."""
        meaning = WORDS.get(_name(path), {}).get(node.raw) if isinstance(node, Leaf) else None
        if meaning:
            yield Phrase(meaning, (), "", "")
            return
        before, behind = _words(path)
        parts = self._parts(node, path)
        if parts:
            yield Phrase(before, parts, behind, _name(path).replace(".", " "))

    def _parts(self, node: Node, path: Path) -> list[str | Number]:
        if isinstance(node, Leaf):
            return list(self.by_path[path].parts)
        if isinstance(node, Table):  # only inside a list: tables themselves are told key by key
            return [", ".join(_flat(node))]
        found: list[str | Number] = []
        for index, item in enumerate(node.items):
            found += [" and "] * (index > 0) + self._parts(item, (*path, index))
        return found

    # --- scope ---

    def _scope(self, node: Table) -> Iterator[Phrase]:
        per = _flat(node.entries.get("per")) or ["webhook"]
        yield Phrase("each", (" and ".join(per),), "", "scope per")
        for key, item in node.entries.items():
            path: Path = ("scope", key)
            if key == "where" and isinstance(item, Table):
                yield from _selected("that", per, item)
            elif key == "where" and isinstance(item, Leaf):
                yield Phrase("", (item.raw,), "of them", "scope where")
            elif key == "where":
                yield from _before("only if", self._conditions(item, path, "all"))
            elif key == "except" and isinstance(item, Table):
                yield from _selected("but none that", per, item)
            elif key != "per":
                yield from self._node(item, path)

    # --- conditions ---

    def _conditions(self, node: Node, path: Path, kind: str) -> list[Phrase]:
        """Return a tree of conditions with its conjunctions, and brackets around a group beside others."""
        if isinstance(node, Leaf):
            return [Phrase("", self.by_path[path].parts, "", _name(path).replace(".", " "))]
        if isinstance(node, Branch):
            return _joined([self._conditions(one, (*path, at), "all") for at, one in enumerate(node.items)], kind)
        lasting = list(self._node(node.entries["for"], (*path, "for"))) if "for" in node.entries else []
        groups = [
            self._conditions(one, (*path, key), key)
            if isinstance(one, Branch)
            else _joined([self._conditions(one, (*path, key), "all")], key)
            for key, one in node.entries.items()
            if key != "for"
        ]
        return [*(groups[0] if len(groups) == 1 else _joined(groups, "all")), *lasting]

    # --- steps ---

    def _steps(self, node: Branch) -> Iterator[Phrase]:
        for index, step in enumerate(node.items):
            path: Path = ("then", index)
            if not isinstance(step, Table):
                yield from self._node(step, path)
                continue
            entries = sorted(step.entries.items(), key=_place_in_step)
            phrases = [phrase for key, item in entries for phrase in self._node(item, (*path, key))]
            yield from _before("and then" if index else "", phrases)


def _place_in_step(entry: tuple[str, Node]) -> int:
    key = "verb" if entry[0] in VERBS else entry[0]
    return EARLIER.index(key) if key in EARLIER else len(EARLIER)


def _selected(word: str, per: Sequence[str], node: Table) -> Iterator[Phrase]:
    """Return items by an attribute: `that has active true`, `but none that has id 7 or 8`."""
    for key, item in node.entries.items():
        kind, _, attribute = key.partition(".")
        own = attribute if [kind] == list(per) else key
        flat = _flat(item)
        if flat == ["true"]:
            yield Phrase(word, (f"is {own}",), "", "")
        elif flat == ["false"]:
            yield Phrase(word, (f"is not {own}",), "", "")
        else:
            yield Phrase(word, (f"has the {own} {' or '.join(flat)}",), "", "")


def _joined(groups: Sequence[Sequence[Phrase]], kind: str) -> list[Phrase]:
    """Return the conditions of one group with the words between them."""
    found: list[Phrase] = []
    for index, group in enumerate(groups):
        phrases = list(group)
        if len(phrases) > 1 and (len(groups) > 1 or kind == "none"):
            phrases = [*_before("(", phrases[:-1]), replace(phrases[-1], behind=f"{phrases[-1].behind})")]
        if kind == "none":
            phrases = list(_before("not", phrases))
        found += _before({"any": "or"}.get(kind, "and") if index else "", phrases)
    return found


def _before(word: str, phrases: Sequence[Phrase]) -> Iterator[Phrase]:
    """Return the phrases with a word before the first."""
    for index, one in enumerate(phrases):
        yield replace(one, before=f"{word} {one.before}".strip()) if index == 0 else one


def _name(path: Path) -> str:
    """Return the path without positions in lists."""
    return ".".join(part for part in path if isinstance(part, str))


def _words(path: Path) -> tuple[str, str]:
    """Return the words before a value and after it."""
    named = [part for part in path if isinstance(part, str)]
    name = ".".join(named)
    if name in SAID:
        return SAID[name]
    for length in range(len(named) - 1, 0, -1):
        table = ".".join(named[:length])
        if table in SAID_OF_TABLES:
            before, behind = SAID_OF_TABLES[table]
            key = " ".join(named[length:]).replace("_", " ")
            return before.format(key), behind.format(key)
    return named[-1].replace("_", " "), ""


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
