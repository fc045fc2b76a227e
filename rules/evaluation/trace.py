"""The evidence behind one verdict: each condition with its value, threshold, sample, window, age and words.

Works on the frame that the evaluation used, narrowed to one subject, so that it can only show what was decided on.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from rules.evaluation import broken_tracking, counterfactual, hypothetical, interpret, loss_limit, templates
from rules.evaluation.columns import Truth
from rules.evaluation.counterfactual import Flip
from rules.evaluation.frame import Frame, Lookback
from rules.evaluation.hypothetical import Change
from rules.evaluation.loss_limit import OverLossLimit
from rules.evaluation.measurement import Measurement, baseline_words, described, lookbacks, why_of
from rules.evaluation.sentences import sentence
from rules.language import types, unparse
from rules.model import formatting, tree
from rules.model.facts import Why
from rules.model.revision import Group, Revision
from rules.model.syntax import Condition
from rules.model.verdicts import Answer, Trace, Verdict


def verdict(revision: Revision, frame: Frame, found: Truth, row: int, late: OverLossLimit | None = None) -> Verdict:
    """Return the verdict of one row with its trace. `late` is the text of `lose_at_most`."""
    one = frame.only(row)
    parts = [] if revision.when is None else [of_group(revision.when, one)]
    if revision.unless is not None:
        parts.append(replace(of_group(revision.unless, one.without_needs()), text="unless"))
    held = next(iter(broken_tracking.held_back(revision, one)), None)  # of the one subject
    if held is not None and all(part.answer is Answer.YES for part in parts[:1]):
        parts.append(
            Trace(text="unless", answer=Answer.YES, words=held.told(revision.data.tz), start=held.since, end=held.until)
        )
    answer, why = Answer(int(found.answers[row])), Why(int(found.why[row]))
    said, flip = reason(revision, answer, parts), _nearest(revision, one, answer, parts)
    lost = loss_limit.trace(revision, late, row) if late is not None and answer is Answer.NO else None
    if lost is not None:
        parts.append(lost)
        said = lost.words if lost.answer is Answer.YES else said
    trace = Trace(text=revision.id, answer=answer, why=why, parts=tuple(parts), **_promise(flip))
    return Verdict(one.subjects[0], answer, why, said, trace)


def early(revision: Revision, frame: Frame, row: int) -> Trace | None:
    """Return the trace of `release.early`, if the rule has one."""
    group = revision.release.early
    return None if group is None else replace(of_group(group, frame.only(row)), text="early")


def reason(revision: Revision, answer: Answer, parts: list[Trace]) -> str:
    """Return one sentence with the reason of the answer."""
    if not parts:
        return "the rule has no condition"
    excepted = [part for part in parts if part.text == "unless"]
    held = [part for part in excepted if part.answer is Answer.YES]
    if answer is Answer.NO and held:
        return _joined(["held back", *_words(held[0], Answer.YES)], ": ")
    for part in parts:
        wanted = Answer.YES if answer is Answer.YES else answer
        if part.text == "unless":
            wanted = {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(answer, answer)
        words = list(dict.fromkeys(_words(part, wanted)))
        if words:
            return "; ".join(words[:3])
    return revision.title or revision.id


def _joined(words: list[str], mark: str) -> str:
    return words[0] + (mark + "; ".join(words[1:]) if len(words) > 1 else "")


def _words(trace: Trace, wanted: Answer) -> Iterator[str]:
    """Yield the sentences of the parts that gave the answer."""
    if trace.answer is not wanted:
        return
    if trace.words:
        yield trace.words
        return
    turned = {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(wanted, wanted)
    inner = turned if trace.text == "none" or _is_negation(trace) else wanted
    for part in trace.parts:
        yield from _words(part, inner)


def _is_negation(trace: Trace) -> bool:
    """Return whether it is a negation: `not a` has one part; `not a and b` is none, and has two."""
    return len(trace.parts) == 1 and trace.text.lstrip("( ").startswith("not ")


def _nearest(revision: Revision, one: Frame, answer: Answer, parts: list[Trace]) -> Flip | None:
    """Return what would change the whole rule: it is promised only if nothing else would prevent it then."""
    hindering = [part for part in parts if part.text != "unless" and part.answer is not Answer.YES]
    if answer is Answer.YES or len(hindering) != 1:
        return None
    flip = _flip_of(hindering[0])
    if flip is None or flip.change is None:
        return flip if all(part.answer is Answer.NO for part in parts if part.text == "unless") else None
    if revision.unless is None and not any(broken_tracking.held_back(revision, one)):
        return flip
    return flip if hypothetical.turns(revision, one, flip.change) else None


def _flip_of(part: Trace) -> Flip | None:
    return None if part.flip is None else Flip(part.flip, part.change)


def _promise(flip: Flip | None) -> dict[str, Any]:
    """Return the fields of a trace that say what would change its answer."""
    return {} if flip is None else {"flip": flip.words, "change": flip.change}


# --- groups and conditions -------------------------------------------------------------------------


def of_group(group: Group, frame: Frame) -> Trace:
    """Return the trace of a group with its members, in the order of the file."""
    parts = tuple(
        of_group(item, frame) if isinstance(item, Group) else of_condition(item, frame) for item in group.items
    )
    found = interpret.group(group, frame)
    return _collected(group.kind, found, parts, lambda change: hypothetical.turns_group(group, frame, change))


def of_condition(item: Condition, frame: Frame) -> Trace:
    """Return the trace of one condition, as its author wrote it."""
    return of_tree(item.tree, frame, frame.lookback, item.text.strip())


def _collected(
    kind: str, found: Truth, parts: tuple[Trace, ...], turns: Callable[[Change], bool], text: str | None = None
) -> Trace:
    """Return the joined promises. `turns` says whether the whole would be a yes after a change."""
    answer = _answer(found)
    flip = None
    if answer is not Answer.YES and kind in {"all", "any", "and", "or"}:
        flips = [_flip_of(part) for part in parts if part.answer is not Answer.YES]
        possible = [one for one in flips if one is not None]
        if kind in {"any", "or"}:
            flip = possible[0] if possible else None
        elif possible and len(possible) == len(flips):
            flip = counterfactual.together(possible)
            if flip is not None and flip.change is not None and len(parts) > 1 and not turns(flip.change):
                flip = None
    return Trace(text=kind if text is None else text, answer=answer, why=why_of(found), parts=parts, **_promise(flip))


def _answer(found: Truth) -> Answer:
    return Answer(int(found.answers[0]))


def of_tree(node: tree.Node, frame: Frame, lookback: Lookback, text: str | None = None) -> Trace:
    """Return the trace of a condition's tree, down to the single tests, as `text` or in its canonical form."""
    match node:
        case tree.And(items=items) | tree.Or(items=items):
            parts = tuple(of_tree(item, frame, lookback, unparse.text(item)) for item in items)
            kind = "and" if isinstance(node, tree.And) else "or"
            found = interpret.answer(node, frame, lookback)
            turns = partial(hypothetical.turns_test, node, frame, lookback)
            return _collected(kind, found, parts, turns, text)
        case tree.Not(item=item):
            found = interpret.answer(node, frame, lookback)
            inner = of_tree(item, frame, lookback)
            written = f"not {inner.text}" if text is None else text
            return Trace(text=written, answer=_answer(found), why=why_of(found), parts=(inner,))
        case tree.Over(item=item, window=window):
            return of_tree(item, frame, replace(lookback, window=window), text)
        case tree.Ago(item=item, shift=shift):
            return of_tree(item, frame, replace(lookback, shift=lookback.shift + shift), text)
    return _of_test(Measurement(node, frame, lookback), text)


def _of_test(measurement: Measurement, text: str | None) -> Trace:
    plain = Trace(
        text=unparse.text(measurement.node) if text is None else text,
        answer=measurement.answer,
        why=measurement.why,
        value=measurement.cell(measurement.left()),
        threshold=measurement.threshold(),
        words=sentence(measurement),
        **_promise(counterfactual.nearest(measurement)),
    )
    if not isinstance(measurement.node, tree.Change) and not types.has_metric(measurement.node):
        return plain  # it measures nothing: no window, no sample, and nothing inside that would be worth a line
    start, end = measurement.edges(measurement.measured_part())
    names = [part.name for part in measurement.node.walk() if isinstance(part, tree.Metric)]
    ages = [age for age in map(measurement.frame.age, names) if age is not None]
    return replace(
        plain,
        sample=measurement.sample() or None,
        start=start,
        end=end,
        age=max(ages) if ages else None,
        parts=(*_operands(measurement), *_arrival(measurement)),
    )


def _operands(measurement: Measurement) -> Iterator[Trace]:
    """Yield the measured values inside, if there are more than the compared one."""
    found = list(lookbacks(measurement.node, measurement.lookback))
    if isinstance(measurement.node, tree.Unusual | tree.Rank) or (
        len(found) < 2 and not isinstance(measurement.node, tree.Change)
    ):
        return
    for part, lookback in found:
        span = measurement.frame.current(lookback, measurement.frame.settle_of_row())
        yield Trace(
            text=described(part, lookback),
            why=why_of(interpret.value(part, measurement.frame, lookback)),
            value=measurement.cell(part, lookback),
            start=span.start,
            end=span.end,
        )
    if isinstance(measurement.node, tree.Change):
        yield _baseline_trace(measurement, measurement.node)


def _arrival(measurement: Measurement) -> Iterator[Trace]:
    """Yield how young clicks were weighted, if a ratio counts conversions by their click."""
    cohorts = measurement.frame.cohorts
    if cohorts is None or not measurement.has_cohorts():
        return
    found = cohorts.arrival(measurement.frame.subjects[0])
    if found.learned is None:
        text = "how long conversions take is not known yet: each click counts in full"
    elif not found.known:
        text = "click times are mostly unknown: conversions count when they happen"
    else:
        text = (
            "conversions count by their click; young clicks by the delays of "
            f"{formatting.counted(found.own, 'conversion')} of the offer and {found.pool:,} of all offers"
        )
        if found.listed is not None:
            text += f"; conversions are listed in batches, the last of them up to {found.listed:%d %b %Y %H:%M} UTC"
    yield Trace(text=text, value=None if found.learned is None else found.learned.isoformat(), end=found.learned)


def _baseline_trace(measurement: Measurement, node: tree.Change) -> Trace:
    against = interpret.against(node)
    lookback = replace(measurement.lookback_of(measurement.measured_part()), against=against)
    column = interpret.value(node.item, measurement.frame, replace(measurement.lookback, against=against))
    spans = measurement.frame.time_ranges(lookback, measurement.frame.settle_of_row())
    value = templates.jsonable(column.values[0]) if why_of(column) is Why.KNOWN else None
    return Trace(
        text=f"compared with {baseline_words(measurement, node)}",
        why=why_of(column),
        value=value,
        start=None if node.baseline is None else min(span.start for span in spans),
        end=None if node.baseline is None else max(span.end for span in spans),
    )
