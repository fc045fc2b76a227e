"""Read `lose_at_most`: how much an item may lose while the evidence does not decide, and what happens then."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from rules.language import types
from rules.language.fields import Findings, HoldOf, MoneyOf, StrictSchema, Whole, Word, read
from rules.language.strict_yaml import Node, Table
from rules.model import metrics, tree
from rules.model.environment import Environment
from rules.model.revision import Group, HoldFor, LoseAtMost, Revision
from rules.model.syntax import Condition
from rules.model.verbs import VERBS

THEN = ("ask", "cap", "pause")


class LoseAtMostSchema(StrictSchema):
    amount = MoneyOf(required=True)
    then = Word(*THEN, load_default="ask")
    clicks_per_day = Whole(least=1, most=1_000_000_000)
    hold = HoldOf()
    worth = MoneyOf()

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """Check that each way to limit a loss has only its own settings."""
        then = data["then"]
        if then == "cap" and "clicks_per_day" not in data:
            raise ValidationError("then: cap needs clicks_per_day, such as clicks_per_day: 200", "then")
        if then != "cap" and "clicks_per_day" in data:
            raise ValidationError("belongs to then: cap", "clicks_per_day")
        if then != "pause" and "hold" in data:
            raise ValidationError("belongs to then: pause", "hold")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> LoseAtMost:
        amount, currency = data.pop("amount")
        worth, of_worth = data.pop("worth", (None, None))
        if currency is not None and of_worth not in {None, currency}:
            raise ValidationError(f"is in {of_worth}, and the amount is in {currency}", "worth")
        return LoseAtMost(amount=amount, currency=currency or of_worth, worth=worth, **data)


def loss_limit(node: Node | None, account: str, environment: Environment, findings: Findings) -> LoseAtMost | None:
    """Read `lose_at_most: 50 USD`, which is short for {amount: 50 USD, then: ask}, or the longer form."""
    if node is None:
        return None
    section = node if isinstance(node, Table) else Table(node.place, {"amount": node}, {"amount": node.place})
    found: LoseAtMost | None = read(LoseAtMostSchema(), section, findings)
    ours = environment.currencies.get(account)
    if found is not None and found.currency and ours and found.currency != ours:
        findings.error(node.place, f"the account counts in {ours}, and this is in {found.currency}; write it in {ours}")
    return found


def unfit(revision: Revision) -> Iterator[str]:
    """Yield why `lose_at_most` cannot work in this rule."""
    limit = revision.lose_at_most
    if limit is None:
        return
    judged = [node for node in _tests(revision.when) if is_judged(node)]
    if not judged:
        yield "`lose_at_most` needs a condition that waits for evidence, such as cr < 0.40% @95% a month"
    elif limit.worth is None and not all(map(_misses_conversions, judged)):
        yield "say what one of them is worth, such as worth: 8 USD; only missing conversions are priced by themselves"
    pausing = [step for step in revision.then if VERBS[step.verb].holds]
    if limit.then != "ask" and not pausing:
        yield f"then: {limit.then} pauses what `then` pauses, and no step does; add - pause: offer"
    if limit.then == "pause" and not revision.release.probation:
        yield "then: pause lets the item come back on probation; add release: {probation: {clicks: 500}}"
    if limit.then == "pause" and any(_never_ends(limit.hold or step.hold) for step in pausing):
        yield "then: pause lets the item come back, and a manual hold never ends by itself; add hold: 6h"


def _never_ends(hold: HoldFor | None) -> bool:
    return hold is None or hold.kind == "manual"


def is_judged(node: tree.Node) -> bool:
    """Return whether a condition needs evidence that a ratio of counts is beyond a threshold."""
    return (
        isinstance(node, tree.Compare) and node.confidence is not None and types.ratio_of_counts(node.left) is not None
    )


def _misses_conversions(node: tree.Node) -> bool:
    parts = types.ratio_of_counts(node.left) if isinstance(node, tree.Compare) else None
    if parts is None or not isinstance(node, tree.Compare) or node.op not in {"<", "<="}:
        return False
    top, bottom = ([part.name for part in side.walk() if isinstance(part, tree.Metric)] for side in parts)
    return all(map(metrics.follows_clicks, top)) and set(bottom) == {"clicks"}


def _tests(group: Group | None) -> Iterator[tree.Node]:
    for item in group.items if group else ():
        if isinstance(item, Group):
            yield from _tests(item)
        else:
            yield from item.tree.walk()


def with_losses(group: Group, limit: LoseAtMost) -> Group:
    """Return the same conditions, in which the question of too much loss replaces each one that waits for evidence.

    A negated condition stays unchanged: a good ratio loses nothing.
    """
    if group.kind == "none":
        return group
    return replace(group, items=tuple(_with_losses(item, limit) for item in group.items))


def _with_losses(item: Condition | Group, limit: LoseAtMost) -> Condition | Group:
    if isinstance(item, Group):
        return with_losses(item, limit)
    return replace(item, tree=_losing(item.tree, limit))


def _losing(node: tree.Node, limit: LoseAtMost) -> tree.Node:
    match node:
        case tree.And() | tree.Or():
            return replace(node, items=tuple(_losing(part, limit) for part in node.items))
        case tree.Over():
            return replace(node, item=_losing(node.item, limit))
        case tree.Compare() if is_judged(node):
            return tree.Losing(item=node, amount=limit.amount, worth=limit.worth)
    return node
