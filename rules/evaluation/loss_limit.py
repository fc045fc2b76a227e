"""Find the subjects that have lost more than `lose_at_most` before the evidence decides, and explain one of them.

Everything else that the rule asks for must hold: its other conditions, its samples, the age of its data, `unless`, and
no broken tracking. Only the evidence is replaced, by the question whether more was lost than the rule allows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import broken_tracking, columns, interpret
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Frame, Lookback
from rules.evaluation.losses import Loss
from rules.language.loss_limit import with_losses
from rules.model import formatting, local_time, tree
from rules.model.revision import Calendar, Group, LoseAtMost, Revision
from rules.model.verdicts import Answer, Trace

Answering = Callable[[Revision, Frame], Truth]


@dataclass(frozen=True, slots=True, eq=False)
class OverLossLimit:
    """The subjects that lost too much while the evidence does not decide."""

    rows: NDArray[np.bool_]
    limit: LoseAtMost
    group: Group  # the rule's `when`, with the losses in place of the evidence
    frame: Frame

    def loss(self, row: int, since: datetime | None = None) -> Loss | None:
        """Return the largest loss of a subject over the conditions, or its loss since a moment."""
        every = _losing(self.group, self.frame.lookback)
        found = [interpret.lost(node, self.frame, lookback).since(row, since) for node, lookback in every]
        return max((one for one in found if one is not None), key=lambda one: one.amount, default=None)

    def exceeds(self, row: int, since: datetime) -> bool:
        """Return whether a subject lost too much since a moment."""
        found = self.loss(row, since)
        return found is not None and found.amount > float(self.limit.amount)


def over_loss_limit(revision: Revision, frame: Frame, found: Truth, answer: Answering) -> OverLossLimit | None:
    """Return the subjects over the limit; None if the rule has no limit.

    `found` is the rule's answer, `answer` answers a rule.
    """
    limit = revision.lose_at_most
    if limit is None or revision.when is None:
        return None
    group = with_losses(revision.when, limit)
    rows = np.zeros(frame.size, bool)
    if (found.answers == columns.NO).any():
        lost, _ = broken_tracking.spared(revision, frame, answer(replace(revision, when=group), frame))
        rows = (lost.answers == columns.YES) & (found.answers == columns.NO)
    if limit.clicks_per_day is not None and rows.any():
        rows &= today(frame) >= limit.clicks_per_day
    return OverLossLimit(rows, limit, group, frame)


def today(frame: Frame) -> NDArray[np.float64]:
    """Return the clicks of each subject since midnight in the rule's zone; 0 if unknown."""
    found = frame.whole().summed("clicks", None, Lookback(Calendar("today")), timedelta(0))
    return np.where(found.why == columns.KNOWN, found.values, 0.0)


def trace(revision: Revision, found: OverLossLimit, row: int) -> Trace | None:
    """Return the loss as one part of an explanation; None if it is unknown, or nothing was lost."""
    limit, loss = revision.lose_at_most, found.loss(row)
    if limit is None or loss is None or loss.amount <= 0:
        return None
    return Trace(
        text=f"lose_at_most: {limit.money}",
        answer=Answer.YES if found.rows[row] else Answer.NO,
        value=round(loss.amount, 2),
        threshold=limit.amount,
        sample={"missing": round(loss.missing, 2), "worth": round(loss.worth, 4)},
        start=loss.since,
        end=None if loss.since is None else found.frame.now,
        words=words(limit, loss, found, row),
    )


def words(limit: LoseAtMost, loss: Loss, found: OverLossLimit, row: int) -> str:
    """Return `about 62.00 lost since 14 Jan 2026 ... of the 50 USD that may be lost: ...`."""
    lost = formatting.number(loss.amount, "money")
    since = "" if loss.since is None else f" since {local_time.told(loss.since, found.frame.data.tz)}"
    few = formatting.number(round(loss.missing, 1))
    line, each = formatting.number(loss.line, "share"), formatting.number(loss.worth, "money")
    made = f"about {lost} lost{since} ({few} beyond {line}, {each} each) of the {limit.money} that may be lost"
    if not found.rows[row] and loss.amount <= float(limit.amount):
        return made
    return f"{made}; the evidence does not decide: {_consequence(limit, found, row)}"


def _consequence(limit: LoseAtMost, found: OverLossLimit, row: int) -> str:
    match limit.then:
        case "ask":
            return "a person is asked"
        case "pause":
            return "it is paused, and comes back on probation"
        case "cap":
            clicks = f"{today(found.frame)[row]:,.0f} of {limit.clicks_per_day:,} clicks a day so far"
            return f"paused for the rest of the day, {clicks}" if found.rows[row] else clicks


def _losing(group: Group, lookback: Lookback) -> Iterator[tuple[tree.Losing, Lookback]]:
    for item in group.items:
        yield from _losing(item, lookback) if isinstance(item, Group) else _inside(item.tree, lookback)


def _inside(node: tree.Node, lookback: Lookback) -> Iterator[tuple[tree.Losing, Lookback]]:
    if isinstance(node, tree.Over):
        lookback = replace(lookback, window=node.window)
    if isinstance(node, tree.Losing):
        yield node, lookback
        return
    for child in node.children():
        yield from _inside(child, lookback)
