"""Resolve the names in a condition, and check them against the rule's trigger and scope."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

from rules.language.functions import FUNCTIONS
from rules.model import metrics, tree
from rules.model.errors import Problem
from rules.model.revision import DIMENSIONS, Dimension
from rules.model.spelling import a, did_you_mean, listed, nearest
from rules.model.syntax import Place

# The fields that Integr8's documentation names, and `id`. The documentation is not complete, so that a field which
# is near none of these is accepted with a warning.
_STAMPS = frozenset({"id", "name", "active", "created_at", "updated_at"})
_COMPANY = _STAMPS | {
    "address",
    "company_name",
    "country",
    "description",
    "email",
    "first_name",
    "last_name",
    "manager_id",
    "messenger",
    "phone",
    "website",
}
ENTITY_FIELDS: Mapping[str, frozenset[str]] = {
    "offer": _STAMPS
    | {
        "advertiser_id",
        "allow_duplicate_conversions",
        "block_on_reject",
        "conversion_name",
        "currency",
        "deep_link_enabled",
        "default_payout",
        "description",
        "fallback_url",
        "hide_js_tracking",
        "impression_forwarding_enabled",
        "impression_forwarding_url",
        "manually_approve_conversions",
        "offer_preview_enabled",
        "parallel_tracking_enabled",
        "parallel_tracking_url",
        "primary_domain",
        "restriction_note",
        "targeting_group_id",
        "targeting_simple_enabled",
        "terms_and_conditions",
        "terms_and_conditions_enabled",
        "view_through_attribution_enabled",
        "visibility",
    },
    "publisher": _COMPANY | {"city", "countries", "promotional_method", "timezone", "tracking_domain_ids"},
    "advertiser": _COMPANY,
}
#: Of the fields above those whose values are never true or false, and those whose values are nothing else.
_TEXTS = frozenset({
    "name", "country", "countries", "city", "currency", "email", "first_name", "last_name", "company_name", "phone",
    "timezone", "description", "visibility", "website", "address", "messenger", "primary_domain",
})  # fmt: skip
_SWITCHES = frozenset({"active", "allow_duplicate_conversions", "block_on_reject", "hide_js_tracking"})
CLOCK: Mapping[str, str] = {  # what it is, for the reference
    "hour": "the hour, 0 to 23",
    "weekday": '"mon" to "sun"',
    "date": 'the date, as "2026-12-24"',
}
#: A country, a state or an answer that YAML tools read as true or false, and write so.
_WRITTEN_FOR = {False: '"NO" or "off"', True: '"yes" or "on"'}
EVENT_FIELDS: tuple[str, ...] = ("id", "type", "source", "time")
ACCOUNT = "network"  # `network.clicks`: the whole account
_FORMULAS: Mapping[str, str] = {  # measures of other trackers that have no name here
    "roi": "(revenue - payout) / payout",
    "roas": "revenue / payout",
    "cpc": "epc, what a click costs",
    "aov": "revenue / conversions",
}


@dataclass(frozen=True, slots=True)
class AvailableNames:
    """The names that a rule may use: its dimensions, the event, joined tables with their columns, earlier steps."""

    per: tuple[Dimension, ...] = ()  # empty where the subject is only an event
    event: bool = False
    tables: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)  # None: columns unknown
    steps: tuple[str, ...] = ()
    lists: Mapping[str, tuple[str, ...] | None] | None = None  # every table, for `in table`; None: not known here

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The measurable dimensions: the subject's own, and an offer's advertiser."""
        return (*self.per, "advertiser") if "offer" in self.per and "advertiser" not in self.per else self.per

    @property
    def entities(self) -> tuple[Dimension, ...]:
        return tuple(dimension for dimension in self.dimensions if dimension in ENTITY_FIELDS)


class _Unknown(ValueError):
    def __init__(self, message: str, *, warning: bool = False, node: tree.Node | None = None) -> None:
        super().__init__(message)
        self.warning = warning
        self.node = node


def resolve(node: tree.Node, place: Place, available: AvailableNames) -> tuple[tree.Node, tuple[Problem, ...]]:
    """Replace each Name by its meaning. Unknown names stay, each with a problem."""
    problems: list[Problem] = []

    def visit(part: tree.Node) -> tree.Node:
        if isinstance(part, tree.Rank) and part.group is not None and isinstance(part.group, tree.Name):
            part = replace(part, group=_of_group(part.group))
        if isinstance(part, tree.Count):
            counted, found = _of_count(part, place, available)
            problems.extend(found)
            return counted
        if isinstance(part, tree.InTable):
            wrong = _table_problem(part, available)
            if wrong:
                problems.append(Problem(replace(place, column=place.column + part.column - 1), wrong))
        if isinstance(part, tree.Name):
            try:
                return _meaning(part, available)
            except _Unknown as unknown:
                where = replace(place, column=place.column + part.column - 1)
                problems.append(Problem(where, str(unknown), "warning" if unknown.warning else "error"))
                return unknown.node or part
        return _with_children(part, visit)

    return visit(node), tuple(problems)


def _of_count(part: tree.Count, place: Place, available: AvailableNames) -> tuple[tree.Node, list[Problem]]:
    """Return a count with the names of its `where` resolved, and its problems."""
    where = part.where
    problems: list[Problem] = []
    if where is not None:
        inside = AvailableNames(per=(part.dimension,), lists=available.lists)
        where, found = resolve(_qualified(where, part.dimension), place, inside)
        problems += found
        for one in where.walk():
            if isinstance(one, tree.Metric | tree.Count):
                what = f"'{one.name}' is measured" if isinstance(one, tree.Metric) else "a count stands in a count"
                words = f"{what}; count() asks for attributes, such as active or default_payout"
                problems.append(Problem(replace(place, column=place.column + one.column - 1), words))
    per, wrong = _shared(part, available)
    if wrong:
        problems.append(Problem(replace(place, column=place.column + part.column - 1), wrong))
    return replace(part, where=where, per=per), problems


def _qualified(node: tree.Node, dimension: Dimension) -> tree.Node:
    """Return a qualified name: `active` is the offer's if offers are counted."""
    if isinstance(node, tree.Name):
        plain = "." not in node.text and node.text not in CLOCK and not metrics.is_metric(node.text)
        return replace(node, text=f"{dimension}.{node.text}") if plain else node
    return _with_children(node, lambda part: _qualified(part, dimension))


def _shared(part: tree.Count, available: AvailableNames) -> tuple[tuple[Dimension, ...] | None, str | None]:
    """Return what the entities share with the subject; a problem if it is ambiguous."""
    has_advertiser = part.kind == "offers" and "advertiser" in available.dimensions
    if part.per == ("advertiser",) and not has_advertiser:
        if part.kind != "offers":
            return part.per, f"{part.kind} belong to no advertiser; write count({part.kind} ...) per network"
        return part.per, f"a subject per {_subject(available)} has no advertiser; write per network"
    if part.per is not None:
        return part.per, None
    if part.kind == "offers" and "advertiser" in available.per:
        return ("advertiser",), None
    if not has_advertiser:
        return None, f"all {part.kind} of the network? Write count({part.kind} ...) per network"
    return None, (
        "count(offers ...) may be the offers of the subject's advertiser (per advertiser) or all of them "
        "(per network); say which"
    )


def _table_problem(part: tree.InTable, available: AvailableNames) -> str | None:
    known = available.lists
    if known is None:
        return None
    columns = known.get(part.table)
    if columns is None:
        return no_table(part.table, known)
    if part.of is None or part.of in columns:
        return None
    hint = did_you_mean(part.of or "", columns)
    return f"the table {part.table} has no column '{part.of}'{hint} (it has {listed(columns)})"


def no_table(name: str, known: Mapping[str, object]) -> str:
    """Return why a table cannot be used: its file cannot be read, or there is none."""
    if name in known:
        return f"the table '{name}' cannot be read; fix tables/{name}.csv first"
    hint = did_you_mean(name, known) or f"; put it into tables/{name}.csv"
    return f"there is no table '{name}'{hint}"


def _of_group(name: tree.Name) -> tree.Name:
    """Return the dimension of a group: `per advertiser` means per advertiser.id."""
    return replace(name, text=f"{name.text}.id") if name.text in ENTITY_FIELDS else name


def _with_children(node: tree.Node, visit: Any) -> tree.Node:
    changed: dict[str, Any] = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if isinstance(value, tree.Node):
            changed[item.name] = visit(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], tree.Node):
            changed[item.name] = tuple(visit(part) for part in value)
    return replace(node, **changed) if changed else node


def _meaning(name: tree.Name, available: AvailableNames) -> tree.Node:
    head, _, rest = name.text.partition(".")
    if metrics.is_metric(name.text):
        return _metric(name, None, name.text, available)
    if head == ACCOUNT and metrics.is_metric(rest):
        return _metric(name, (), rest, available)
    if head in DIMENSIONS and metrics.is_metric(rest):
        return _metric(name, (_dimension(head, available),), rest, available)
    if name.text in available.per or (rest == "id" and head in available.per):
        return tree.Own(dimension=_dimension(head, available), column=name.column)
    return _unmeasured(name, head, rest, available)


def _unmeasured(name: tree.Name, head: str, rest: str, available: AvailableNames) -> tree.Node:
    if name.text in CLOCK:
        return tree.Clock(name=cast("Any", name.text), column=name.column)
    if head in available.steps:
        return tree.Reference(step=head, name=rest or "id", column=name.column)
    _check_attribute(name, head, rest, available)
    return tree.Attribute(name=name.text, column=name.column)


def _metric(name: tree.Name, per: tuple[Dimension, ...] | None, metric: str, available: AvailableNames) -> tree.Node:
    if not available.per and per != ():
        raise _Unknown(
            f"an event by itself has no {metrics.title(metric)}; say in `scope` which offer or publisher it is about, "
            f'for example per: [offer], from: {{offer: "{{{{ body.offer_id }}}}"}}'
        )
    if per is not None and per == available.per:
        per = None
    return tree.Metric(name=metric, per=per, column=name.column)


def _dimension(word: str, available: AvailableNames) -> Dimension:
    found = next((dimension for dimension in available.dimensions if dimension == word), None)
    if found is None:
        raise _Unknown(f"'{word}' is not known for a subject per {_subject(available)}; add it to `scope.per`")
    return found


def _subject(available: AvailableNames) -> str:
    return ", ".join(available.per) or "event"


def _check_attribute(name: tree.Name, head: str, rest: str, available: AvailableNames) -> None:
    if head in {"body", "event"}:
        _check_event(name, head, rest, available)
    elif head in available.tables:
        _check_column(head, rest, available.tables[head])
    elif head in ENTITY_FIELDS and rest:
        _check_field(name, _dimension(head, available), rest)
    elif not rest and head in ENTITY_FIELDS:
        raise _Unknown(f"'{head}' is not known for a subject per {_subject(available)}; add it to `scope.per`")
    else:
        raise _Unknown(_stranger(name.text, head, rest, available))


def _check_event(name: tree.Name, head: str, rest: str, available: AvailableNames) -> None:
    if not available.event:
        raise _Unknown(f"'{name.text}' needs an event, and this rule has no webhook trigger")
    if head == "body" and not rest:
        return
    if head == "event" and rest not in EVENT_FIELDS:
        raise _Unknown(f"an event has no '{rest or head}'{did_you_mean(rest, EVENT_FIELDS)}")


def _check_column(table: str, column: str, columns: tuple[str, ...] | None) -> None:
    if not column:
        raise _Unknown(f"'{table}' is a table; write {table}.COLUMN")
    if columns is not None and column not in columns:
        raise _Unknown(
            f"the table {table} has no column '{column}'{did_you_mean(column, columns)} (it has {listed(columns)})"
        )


def _check_field(name: tree.Name, dimension: Dimension, rest: str) -> None:
    known = ENTITY_FIELDS[dimension]
    field_name = rest.partition(".")[0]
    if field_name in known:
        return
    candidates = [*known, *(metrics.NAMES)]
    if nearest(field_name, candidates):
        raise _Unknown(f"{a(dimension)} has no '{field_name}'{did_you_mean(field_name, candidates)}")
    raise _Unknown(
        f"'{field_name}' is not a field of {a(dimension)} that Integr8 documents; "
        "until one carries it there is no decision",
        warning=True,
        node=tree.Attribute(name=name.text, column=name.column),
    )


def _stranger(text: str, head: str, rest: str, available: AvailableNames) -> str:
    if rest and (head in {*available.dimensions, ACCOUNT}):
        return f"'{text}' is not known{did_you_mean(rest, metrics.NAMES)}"
    if rest:
        return f"'{text}' is not known{_dotted_hint(text, head, available)}"
    if formula := _FORMULAS.get(text.lower()):
        return f"'{text}' is not known; write {formula}"
    suggestion = metrics.suggestion(text)
    if suggestion:
        return f"'{text}' is not known; did you mean '{suggestion}'?{_quoting_hint(text)}"
    return f"'{text}' is not known{did_you_mean(text, [*all_names(available), *FUNCTIONS])}{_quoting_hint(text)}"


def _dotted_hint(text: str, head: str, available: AvailableNames) -> str:
    roots = sorted({name.partition(".")[0] for name in all_names(available) if "." in name} | set(available.tables))
    near = nearest(head, roots)
    if near and near != head:
        return f"; did you mean '{near}.{text.partition('.')[2]}'?"
    return f"; a table must be named under `scope.join` first (known here: {listed(roots)})"


def _quoting_hint(text: str) -> str:
    return f' (a text needs quotes: "{text}")' if text.isalpha() else ""


def all_names(available: AvailableNames) -> Iterator[str]:
    """Yield every name that the rule could use, as far as they can be listed."""
    if available.per:
        yield from metrics.NAMES
        yield from available.per
    for dimension in available.dimensions:
        yield from (f"{dimension}.{name}" for name in (*metrics.NAMES, *sorted(ENTITY_FIELDS.get(dimension, ()))))
    yield from (f"{ACCOUNT}.{name}" for name in metrics.NAMES)
    yield from CLOCK
    if available.event:
        yield "body"
        yield from (f"event.{name}" for name in EVENT_FIELDS)
    for table, columns in available.tables.items():
        yield from (f"{table}.{column}" for column in columns or ())
    yield from available.steps


def used(nodes: Iterable[tree.Node]) -> Iterator[tree.Node]:
    """Yield the names inside these trees, after resolving: metrics, attributes, references."""
    for node in nodes:
        yield from (part for part in node.walk() if isinstance(part, tree.Metric | tree.Attribute | tree.Own))


def value_doubt(name: str, value: object) -> str | None:
    """Return why the field of an entity, as in `publisher.country`, never has this value; None if it may.

    Such a comparison would never be true, and nobody would notice.
    """
    kind, _, attribute = name.partition(".")
    if attribute not in ENTITY_FIELDS.get(kind, ()):
        return None
    if isinstance(value, bool) and attribute in _TEXTS:
        word = "true" if value else "false"
        return (
            f"{name} is a text and never {word}; YAML tools write {word} for {_WRITTEN_FOR[value]}: put that in quotes"
        )
    is_switch = attribute in _SWITCHES or attribute.endswith("_enabled")
    if is_switch and value is not None and not isinstance(value, bool):
        return f"{name} is true or false; write one of the two, without quotes"
    return None
