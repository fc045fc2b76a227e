"""Warn about rules that are valid but unwise: small samples, stale data, accidents."""

from collections.abc import Iterator
from datetime import timedelta

from rules.language import types
from rules.language.actions import destructive
from rules.language.fields import at
from rules.language.names import ENTITY_FIELDS
from rules.language.strict_yaml import Table
from rules.model import durations, input_values, tree
from rules.model.errors import Problem
from rules.model.revision import AtMost, Every, Group, Mode, Revision, Rolling, Webhook, Window
from rules.model.spelling import listed
from rules.model.syntax import Condition, Place
from rules.model.verbs import VERBS

NEARLY_ALL = 0.95
SHORT_WINDOW = timedelta(hours=24)  # below it a rate swings with the hour of the day
_HARMLESS_WITHOUT_NEED = frozenset({"clicks", "impressions", "payout", "revenue", "profit"})


def findings(revision: Revision, root: Table) -> Iterator[Problem]:
    """Yield errors and warnings about a well-formed rule."""
    found = list(conditions(revision.when))
    measured = [item for item in found if types.has_metric(item.tree)]
    if destructive(revision.then):
        yield from _need(revision, root, measured)
        yield from _without_when(revision, root)
        if measured and revision.data.fresh is None:
            yield Problem(_place(root, "data"), "no `data.fresh`: a stalled feed would look like no traffic", "warning")
        if revision.lasting is None:
            yield from _short_windows(revision, measured)
    yield from _ids_that_match_nothing(revision, root)
    yield from _lasting(revision, root)
    yield from _of_the_target(revision, root)
    yield from _order(revision, root)
    yield from _negated_confidence([*found, *conditions(revision.unless)])
    yield from _half_windows(found)
    yield from _ranked_events(revision, found)
    if destructive(revision.then):
        yield from _checked_again(revision, found)
    idle = not revision.then and revision.inhibits is None
    if revision.mode is not Mode.DISABLED and idle and revision.when is not None:
        yield Problem(_place(root, "then"), "this rule does nothing; `then` is empty", "warning")


def _of_the_target(revision: Revision, root: Table) -> Iterator[Problem]:
    """Yield metrics of a target in a rule that is evaluated per something else, because nothing is measured then."""
    kinds = {step.target for step in revision.then if VERBS[step.verb].deactivates}
    apart = sorted(kind for kind in kinds if revision.scope.per != (kind,))
    if not apart:
        return
    needed = f"is measured where the rule is evaluated per {apart[0]} alone"
    if revision.release.probation:
        words = f"`probation` {needed}; here it keeps nothing from being judged again"
        yield Problem(_place(root, "release"), words, "warning")
    if revision.guards.at_most.revenue_24h is not None:
        yield Problem(_place(root, "guards"), f"`revenue_24h` {needed}; here every plan is over it", "warning")


def unbounded(revision: Revision) -> Iterator[Problem]:
    """Yield an error for a rule that could take all traffic away at once through one wrong condition.

    It is checked before a rule goes live; a live rule continues.
    """
    scope, guards = revision.scope, revision.guards
    bounded = (
        scope.where
        or scope.exclude
        or scope.everything
        or scope.conditions
        or guards.at_most != AtMost()
        or guards.per_day
        or guards.budgets
    )
    if bounded or not revision.timed or scope.per == ("event",) or not destructive(revision.then):
        return
    if revision.mode is Mode.DISABLED:
        return
    per = ", ".join(scope.per)
    kind = scope.per[0]
    some = f"where: {{{kind}.active: true}}" if kind in ENTITY_FIELDS else f"except: {{{kind}.id: [...]}}"
    yield Problem(
        revision.place,
        f"{revision.id} could take away every {' x '.join(scope.per)} at once; under `scope` say which are meant "
        f"({some}) or that all are (scope: {{per: [{per}], where: all}}), or limit a plan "
        "(guards: {at_most: {targets: 10}})",
    )


def conditions(group: Group | None) -> Iterator[Condition]:
    """Yield all conditions of a group, including nested groups."""
    for item in group.items if group else ():
        if isinstance(item, Group):
            yield from conditions(item)
        else:
            yield item


def _place(root: Table, key: str) -> Place:
    return root.keys.get(key, root.place)


def _need(revision: Revision, root: Table, measured: list[Condition]) -> Iterator[Problem]:
    if not measured or revision.data.need:
        return
    data = root.entries.get("data")
    stated = isinstance(data, Table) and "need" in data.entries
    turned = _turned_round(revision.when)
    used = {name for item in measured for name in _estimated(item.tree, turned=turned)}
    if stated and used <= _HARMLESS_WITHOUT_NEED:
        return
    words = "a rule that takes traffic away on metrics must say how much makes a decision"
    if stated:
        others = listed(sorted(used - _HARMLESS_WITHOUT_NEED))
        words = (
            f"need: {{}} is enough only where clicks, impressions and money are compared, not {others}, "
            "or where a count has reached a cap"
        )
    yield Problem(_place(root, "data"), f"{words}; add need: {{clicks: 500}} or the like under `data`")


def _turned_round(group: Group | None) -> bool:
    """Return whether a part of the rule says yes if a condition says no."""
    if group is None:
        return False
    inner = (item for item in group.items if isinstance(item, Group))
    return group.kind == "none" or any(map(_turned_round, inner))


def _estimated(node: tree.Node, *, turned: bool) -> Iterator[str]:
    """Yield the metrics of a condition, except counts that must have reached a cap: more data can only raise those."""
    if isinstance(node, tree.Compare) and not turned:
        much, cap = (node.left, node.right) if node.op in {">", ">="} else (node.right, node.left)
        if node.op in {"<", "<=", ">", ">="} and types.is_counted(much) and not types.has_metric(cap):
            return
    if isinstance(node, tree.Metric):
        yield node.name
    for part in node.children():
        yield from _estimated(part, turned=turned or isinstance(node, tree.Not))


def _ids_that_match_nothing(revision: Revision, root: Table) -> Iterator[Problem]:
    """Yield ids as spreadsheets and other programs write them: an exception with such an id excepts nothing."""
    scope = root.entries.get("scope")
    for key, filters in (("where", revision.scope.where), ("except", revision.scope.exclude)):
        given = scope.entries.get(key) if isinstance(scope, Table) else None
        for name, values in filters.items():
            if not name.endswith(".id") or name.partition(".")[0] not in ENTITY_FIELDS:
                continue
            place = given.keys.get(name, given.place) if isinstance(given, Table) else root.place
            for doubt in (input_values.id_doubt(str(one)) for one in values):
                if doubt:
                    yield Problem(place, f"{name}: {doubt}; it matches nothing", "warning")


def _without_when(revision: Revision, root: Table) -> Iterator[Problem]:
    if revision.when is None and not isinstance(revision.trigger, Webhook):
        yield Problem(
            root.place,
            "without `when` this would take away everything in scope; say under which condition, or in which hours: "
            "when: [hour >= 20]",
        )


def _short_windows(revision: Revision, measured: list[Condition]) -> Iterator[Problem]:
    for item in measured:
        if any(_is_short(window) for window in _rate_windows(item.tree, revision.data.window)):
            yield Problem(
                item.place,
                "a rate over less than 24h swings with the hour of the day; use a longer window, or add for: 2 checks",
                "warning",
            )


def _is_short(window: Window) -> bool:
    return window.length < SHORT_WINDOW if isinstance(window, Rolling) else window.unit in {"today", "this_hour"}


def _rate_windows(node: tree.Node, window: Window) -> Iterator[Window]:
    if isinstance(node, tree.Over):
        window = node.window
    if isinstance(node, tree.Metric | tree.Arithmetic) and types.degree(node) == 0 and types.has_metric(node):
        yield from {window} if isinstance(node, tree.Metric) else _inner_windows(node, window)
        return
    for child in node.children():
        yield from _rate_windows(child, window)


def _inner_windows(node: tree.Node, window: Window) -> set[Window]:
    if isinstance(node, tree.Over):
        window = node.window
    if isinstance(node, tree.Metric):
        return {window}
    return {found for child in node.children() for found in _inner_windows(child, window)}


def _lasting(revision: Revision, root: Table) -> Iterator[Problem]:
    if revision.lasting and isinstance(revision.trigger, Webhook) and revision.scope.per == ("event",):
        yield Problem(_place(root, "when"), "an event is evaluated once, so `for` never comes true")


def _order(revision: Revision, root: Table) -> Iterator[Problem]:
    trigger = revision.trigger
    if not isinstance(trigger, Webhook) or trigger.order_by is None or trigger.order_per is not None:
        return
    if revision.scope.per == ("event",) and not any(step.key for step in revision.then):
        words = "`order_by` compares events about one thing; say which, such as order_per: body.deal_id"
        yield Problem(_place(root, "trigger"), words)


def _negated_confidence(found: list[Condition]) -> Iterator[Problem]:
    for item in found:
        for part in item.tree.walk():
            if isinstance(part, tree.Not) and any(
                isinstance(inner, tree.Compare) and inner.confidence is not None for inner in part.walk()
            ):
                message = "'not' of an '@' comparison means 'not proven', which little data makes true; turn it round"
                yield Problem(at(item.place, part.column - 1), message, "warning")


def _checked_again(revision: Revision, found: list[Condition]) -> Iterator[Problem]:
    """Yield plain `@95%` in a rule with repeated checks: the confidence of one check is lost over a month."""
    if isinstance(revision.trigger, Every):
        checks = f"{timedelta(days=30) // revision.trigger.interval:,} times a month"
    elif revision.scope.per == ("event",):
        return
    else:
        checks = "again and again"
    for item in found:
        for part in item.tree.walk():
            if isinstance(part, tree.Compare) and part.confidence is not None and part.holds == "once":
                level = durations.as_percent(part.confidence)
                message = (
                    f"'@{level}' holds for one check, and this rule checks {checks}: of the subjects exactly at "
                    f"the threshold {_share_taken(revision, item, part)} get a yes at least once in a month; "
                    f"write @{level} a month"
                )
                yield Problem(at(item.place, part.column - 1), message, "warning")


def _share_taken(revision: Revision, item: Condition, part: tree.Compare) -> str:
    """Return `about 60%`, for the rule's window and interval."""
    # Both take numpy, and few rules are warned of.
    from rules.evaluation.confidence_check import z_of  # noqa: PLC0415
    from rules.loading.repeated_checks import share_taken  # noqa: PLC0415

    over = (node for node in item.tree.walk() if isinstance(node, tree.Over) and part in list(node.walk()))
    window = next((node.window for node in over), revision.data.window)
    if not isinstance(revision.trigger, Every) or not isinstance(window, Rolling) or part.confidence is None:
        return "many"
    share = share_taken(z_of(part.confidence), window.length, revision.trigger.interval)
    return "nearly all" if share >= NEARLY_ALL else f"about {share:.0%}"


def _ranked_events(revision: Revision, found: list[Condition]) -> Iterator[Problem]:
    """Yield rankings in rules about events: an event names one item, which has no rank."""
    if revision.timed:
        return
    for item in found:
        for part in item.tree.walk():
            if isinstance(part, tree.Rank):
                message = f"an event names one item, and '{part.side}' needs many; write trigger: {{every: 15m}}"
                yield Problem(at(item.place, part.column - 1), message)


def _half_windows(found: list[Condition]) -> Iterator[Problem]:
    """Yield comparisons such as `clicks > 2 * conversions over 1h`.

    The window belongs to the last metric only, which is rarely intended.
    """
    for item in found:
        for part in item.tree.walk():
            if isinstance(part, tree.Compare) and _has_bare_metric(part.left) and _ends_windowed(part.right):
                message = "the window behind the last value does not hold for the left side; put it behind both"
                yield Problem(at(item.place, part.column - 1), message, "warning")


def _has_bare_metric(node: tree.Node) -> bool:
    if isinstance(node, tree.Over | tree.Ago):
        return False
    return isinstance(node, tree.Metric) or any(_has_bare_metric(child) for child in node.children())


def _ends_windowed(node: tree.Node) -> bool:
    if isinstance(node, tree.Arithmetic):
        return _ends_windowed(node.right)
    return isinstance(node, tree.Over)
