"""The evidence behind one verdict: each condition with its value, threshold, sample, window, age and words.

Works on the frame that the evaluation used, narrowed to one subject, so that it can only show what was decided on.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rules import filling, flips, interpret, kinds, metrics, tree, wording, writing
from rules.columns import Truth
from rules.facts import Column, Why
from rules.frame import Ahead, Frame, Look
from rules.model import Group, Revision, Rolling
from rules.syntax import Condition
from rules.verdicts import Answer, Trace, Verdict


def verdict(revision: Revision, frame: Frame, found: Truth, row: int) -> Verdict:
    """The verdict of one row with its trace."""
    one = frame.only(row)
    parts = [] if revision.when is None else [of_group(revision.when, one)]
    if revision.unless is not None:
        parts.append(replace(of_group(revision.unless, replace(one, needs=False)), text="unless"))
    answer, why = Answer(int(found.answers[row])), Why(int(found.why[row]))
    trace = Trace(text=revision.id, answer=answer, why=why, parts=tuple(parts), flip=_nearest(answer, parts))
    return Verdict(one.subjects[0], answer, why, reason(revision, answer, parts), trace)


def early(revision: Revision, frame: Frame, row: int) -> Trace | None:
    """The trace of `release.early`, where the rule has one."""
    group = revision.release.early
    return None if group is None else replace(of_group(group, frame.only(row)), text="early")


def reason(revision: Revision, answer: Answer, parts: list[Trace]) -> str:
    """One sentence: what made the answer what it is."""
    if not parts:
        return "the rule has no condition"
    excepted = [part for part in parts if part.text == "unless"]
    if answer is Answer.NO and excepted and excepted[0].answer is Answer.YES:
        return _joined(["held back", *_words(excepted[0], Answer.YES)], ": ")
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
    """The sentences of the parts that gave the answer."""
    if trace.answer is not wanted:
        return
    if trace.words:
        yield trace.words
        return
    turned = {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(wanted, wanted)
    inner = turned if trace.text == "none" or trace.text.startswith("not ") else wanted
    for part in trace.parts:
        yield from _words(part, inner)


def _nearest(answer: Answer, parts: list[Trace]) -> str | None:
    if answer is Answer.YES:
        return None
    hindering = [part for part in parts if part.text != "unless" and part.answer is not Answer.YES]
    return hindering[0].flip if len(hindering) == 1 else None


# --- groups and conditions -------------------------------------------------------------------------


def of_group(group: Group, frame: Frame) -> Trace:
    """A group with its members, in the order in which they stand in the file."""
    parts = tuple(
        of_group(item, frame) if isinstance(item, Group) else of_condition(item, frame) for item in group.items
    )
    found = interpret.group(group, frame)
    return _collected(group.kind, found, parts)


def of_condition(item: Condition, frame: Frame) -> Trace:
    """One condition, as its author wrote it."""
    return replace(of_tree(item.tree, frame, frame.look), text=item.text.strip())


def _collected(kind: str, found: Truth, parts: tuple[Trace, ...]) -> Trace:
    answer = _answer(found)
    flip = None
    if answer is not Answer.YES and kind in {"all", "any", "and", "or"}:
        hindering = [part for part in parts if part.answer is not Answer.YES]
        flips_found = [part.flip for part in hindering if part.flip]
        every = kind in {"all", "and"}
        if flips_found and (not every or len(flips_found) == len(hindering)):
            flip = "; and ".join(dict.fromkeys(flips_found)) if every else flips_found[0]
    return Trace(text=kind, answer=answer, why=_why(found), parts=parts, flip=flip)


def _answer(found: Truth) -> Answer:
    return Answer(int(found.answers[0]))


def _why(found: Truth | Column) -> Why:
    return Why(int(found.why[0]))


def of_tree(node: tree.Node, frame: Frame, look: Look) -> Trace:
    """A condition's tree, down to the single tests."""
    match node:
        case tree.And(items=items) | tree.Or(items=items):
            parts = tuple(replace(of_tree(item, frame, look), text=writing.text(item)) for item in items)
            kind = "and" if isinstance(node, tree.And) else "or"
            return _collected(kind, interpret.answer(node, frame, look), parts)
        case tree.Not(item=item):
            found = interpret.answer(node, frame, look)
            inner = of_tree(item, frame, look)
            return Trace(text=f"not {inner.text}", answer=_answer(found), why=_why(found), parts=(inner,))
        case tree.Over(item=item, window=window):
            return of_tree(item, frame, replace(look, window=window))
        case tree.Ago(item=item, shift=shift):
            return of_tree(item, frame, replace(look, shift=look.shift + shift))
    return _Test(node, frame, look).trace()


class _Test:
    """One single test of one subject: gathers the numbers, then the words for them."""

    def __init__(self, node: tree.Node, frame: Frame, look: Look) -> None:
        self.node = node
        self.frame = frame
        self.look = look
        self.found = interpret.answer(node, frame, look)
        self.answer = _answer(self.found)
        self.why = _why(self.found)

    def trace(self) -> Trace:
        subject = self._measured_part()
        span = self._edges(subject)
        names = [part.name for part in self.node.walk() if isinstance(part, tree.Metric)]
        ages = [age for age in map(self.frame.age, names) if age is not None]
        return Trace(
            text=writing.text(self.node),
            answer=self.answer,
            why=self.why,
            value=self._cell(self._left()),
            threshold=self._threshold(),
            sample=self._sample() or None,
            start=span[0],
            end=span[1],
            age=max(ages) if ages else None,
            flip=self._flip(),
            words=self._sentence(),
            parts=tuple(self._operands()),
        )

    # --- numbers ---

    def _left(self) -> tree.Node:
        for name in ("left", "item"):
            found = getattr(self.node, name, None)
            if isinstance(found, tree.Node):
                return found
        return self.node

    def _right(self) -> tree.Node | None:
        return next(
            (getattr(self.node, name) for name in ("right", "limit", "choices") if hasattr(self.node, name)), None
        )

    def _cell(self, node: tree.Node, look: Look | None = None) -> Any:
        if isinstance(node, tree.Listing):
            return [self._cell(item) for item in node.items]
        column = interpret.value(node, self.frame, look or self.look)
        return filling.jsonable(column.values[0]) if _why(column) is Why.KNOWN else None

    def _threshold(self) -> Any:
        if isinstance(self.node, tree.Change):
            line = interpret.turning_point(self.node, self.frame, self.look)
            return filling.jsonable(line.values[0]) if _why(line) is Why.KNOWN else None
        right = self._right()
        if right is None:
            return getattr(self.node, "pattern", None)
        return self._cell(right)

    def _measured_part(self) -> tree.Metric | None:
        return next((part for part in self._left().walk() if isinstance(part, tree.Metric)), None)

    def _look_of(self, metric: tree.Metric | None) -> Look:
        return next((look for part, look in looks(self.node, self.look) if part is metric), self.look)

    def _edges(self, metric: tree.Metric | None) -> tuple[Any, Any]:
        if metric is None:
            return None, None
        current = self.frame.current(self._look_of(metric), self.frame.settle_of_row())
        return current.start, current.end

    def _sample(self) -> dict[str, float | None]:
        held: dict[str, float | None] = {}
        for part, look in looks(self._left(), self.look):
            prefix = "" if part.per is None else writing.text(part).removesuffix(part.name)
            for name in metrics.parts(part.name):
                held.setdefault(prefix + name, self._cell(replace(part, name=name), look))
        return held

    def _operands(self) -> Iterator[Trace]:
        """The measured values inside, where there are more than the one that is compared."""
        found = list(looks(self.node, self.look))
        if len(found) < 2 and not isinstance(self.node, tree.Change):
            return
        for part, look in found:
            span = self.frame.current(look, self.frame.settle_of_row())
            yield Trace(
                text=described(part, look),
                why=_why(interpret.value(part, self.frame, look)),
                value=self._cell(part, look),
                start=span.start,
                end=span.end,
            )
        if isinstance(self.node, tree.Change):
            yield self._baseline_trace(self.node)

    def _baseline_trace(self, node: tree.Change) -> Trace:
        against = interpret.against(node)
        look = replace(self._look_of(self._measured_part()), against=against)
        column = interpret.value(node.item, self.frame, replace(self.look, against=against))
        spans = self.frame.stretches(look, self.frame.settle_of_row())
        value = filling.jsonable(column.values[0]) if _why(column) is Why.KNOWN else None
        return Trace(
            text=f"compared with {baseline_words(node)}",
            why=_why(column),
            value=value,
            start=None if node.baseline is None else min(span.start for span in spans),
            end=None if node.baseline is None else max(span.end for span in spans),
        )

    # --- words ---

    def _unit(self) -> str:
        return unit_of(self._left()) if unit_of(self._left()) != "plain" else unit_of(self._right())

    def _sentence(self) -> str:
        if self.answer is Answer.NO_DECISION:
            return self._undecided()
        match self.node:
            case tree.Change() as node:
                return self._changed(node)
            case tree.Forecast() as node:
                return self._forecast(node)
            case tree.Compare() as node:
                return self._compared(node)
        return self._stated()

    def _stated(self) -> str:
        if isinstance(self.node, tree.Matches):
            return f"{self._name()} {'matches' if self.answer else 'does not match'} the pattern"
        if isinstance(self.node, tree.Within):
            inside = bool(self.answer) != self.node.negated
            return f"{self._name()} is {'one of' if inside else 'none of'} {self._listed()}"
        return f"{writing.text(self.node)} is {'true' if self.answer else 'false'}"

    def _listed(self) -> str:
        right = self._right()
        return wording.held(self._threshold()) if isinstance(right, tree.Listing) else writing.text(right or self.node)

    def _name(self) -> str:
        left = self._left()
        return described(left, self._look_of(left)) if isinstance(left, tree.Metric) else titled(left)

    def _compared(self, node: tree.Compare) -> str:
        metric = self._measured_part()
        plural = metric is not None and self._unit() == "count"
        said = wording.comparison(node.op, holds=bool(self.answer), plural=plural)
        if not kinds.has_metric(node):
            return f"{self._name()} {said} {self._right_words()}"
        value = wording.held(self._cell(node.left), self._unit())
        parts = self._sample()
        sample = (
            wording.sample(parts, metric.name)
            if metric is not None and len(list(looks(node.left, self.look))) == 1
            else ""
        )
        if node.op == "=":
            return f"{self._name()} {said} {self._right_words()}{'' if self.answer else f' but {value}'}"
        sure = f" with {float(node.confidence) * 100:g}% confidence" if node.confidence is not None else ""
        return f"{self._name()} {value}{sample} {said} {self._right_words()}{sure}"

    def _right_words(self) -> str:
        right = self._right()
        value = self._threshold()
        if right is None or isinstance(right, tree.Constant) or not any(map(_is_named, right.walk())):
            return wording.held(value, self._unit())
        shown = f" ({wording.held(value, self._unit())})" if isinstance(value, int | float) else ""
        return f"{titled(right)}{shown}"

    def _changed(self, node: tree.Change) -> str:
        column = interpret.value(node.item, self.frame, replace(self.look, against=interpret.against(node)))
        base, current = float(column.values[0]), float(self._cell(node.item))
        limit = f"{float(node.share) * 100:g}%"
        said = f"is {wording.change(current, base)}" + ("" if self.answer else f", not {node.direction} {limit},")
        value = wording.held(current, self._unit())
        return f"{self._name()} {value} {said} against {wording.held(base, self._unit())} ({baseline_words(node)})"

    def _forecast(self, node: tree.Forecast) -> str:
        ahead = self._cell(node.item, replace(self.look, against=Ahead(node.within)))
        now, later = wording.held(self._cell(node.item), self._unit()), wording.held(ahead, self._unit())
        will = "will reach" if self.answer else "will not reach"
        soon = wording.span(node.within)
        return f"{self._name()} {now} {will} {self._right_words()} within {soon}; it is heading for {later}"

    def _undecided(self) -> str:
        match self.why:
            case Why.TOO_FEW:
                return self._too_few()
            case Why.TOO_OLD:
                return self._too_old()
            case Why.UNDEFINED:
                return f"{self._name()} cannot be reckoned{self._from_what()}"
            case Why.MISMATCH:
                return f"{self._name()} cannot be compared with {self._right_words()}"
        return f"{self._missing_name()} is missing"

    def _too_old(self) -> str:
        name, age = self._oldest()
        wanted = self.frame.data.fresh or timedelta(0)
        return f"the data on {name} is {wording.span(age)} old, the rule wants {wording.span(wanted)}"

    def _from_what(self) -> str:
        zero = [name for name, value in self._sample().items() if value == 0]
        if isinstance(self.node, tree.Change) and not zero:
            return f": there is nothing to compare with ({baseline_words(self.node)})"
        return f" from 0 {zero[-1]}" if zero else ""

    def _too_few(self) -> str:
        for name, least in self.frame.data.need.items():
            seen = self._cell(tree.Metric(name=name), self.frame.look)
            if seen is not None and seen < float(least):
                unit = metrics.unit(name)
                few = f"{wording.number(seen, unit)} {metrics.title(name)}"
                return f"only {few} of the {wording.number(least, unit)} that the rule needs"
        return "there is too little data"

    def _oldest(self) -> tuple[str, timedelta]:
        ages: dict[str, timedelta] = {}
        for part in self.node.walk():
            if isinstance(part, tree.Metric):
                for name in metrics.parts(part.name):
                    ages[name] = self.frame.age(name) or timedelta(0)
        name = max(ages, key=lambda key: ages[key])
        return metrics.title(name), ages[name]

    def _missing_name(self) -> str:
        for part, look in looks(self.node, self.look):
            for name in metrics.parts(part.name):
                if self._cell(replace(part, name=name), look) is None:
                    return described(replace(part, name=name), look)
        for leaf in self.node.walk():
            if isinstance(leaf, tree.Attribute | tree.Own) and self._cell(leaf) is None:
                return writing.text(leaf)
        if isinstance(self.node, tree.Change):
            return f"{self._name()} of {baseline_words(self.node)}"
        return self._name()

    # --- what would change it ---

    def _flip(self) -> str | None:
        if self.answer is Answer.YES:
            return None
        if self.why is Why.TOO_FEW:
            return self._flip_sample()
        if self.answer is Answer.NO_DECISION:
            return None
        if isinstance(self.node, tree.Compare):
            return self._flip_comparison(self.node)
        if isinstance(self.node, tree.Change):
            side = "or less" if self.node.direction == "down" else "or more"
            return f"{self._name()} of {wording.held(self._threshold(), self._unit())} {side}"
        return None

    def _flip_sample(self) -> str | None:
        for name, least in self.frame.data.need.items():
            seen = self._cell(tree.Metric(name=name), self.frame.look)
            if seen is not None and seen < float(least):
                return flips.more(name, float(least), float(seen), self._window(self.frame.look))
        return None

    def _window(self, look: Look) -> timedelta:
        return self.frame.current(look, self.frame.settle_of_row()).length

    def _flip_comparison(self, node: tree.Compare) -> str | None:
        line, metric = self._threshold(), self._measured_part()
        plain = len(list(looks(node.left, self.look))) == 1
        if metric is None or not plain or isinstance(line, bool) or not isinstance(line, int | float):
            return None
        window = self._window(self._look_of(metric))
        formula = metrics.DERIVED.get(metric.name)
        if formula is None:
            present = not self._look_of(metric).shift
            simple = present and isinstance(_bare(node.left), tree.Metric) and node.op in {">", ">="}
            seen = float(self._cell(metric, self._look_of(metric)) or 0)
            needed = line + (1 if node.op == ">" and metrics.unit(metric.name) == "count" else 0)
            return flips.more(metric.name, needed, seen, window) if simple else None
        if formula.minus or len(formula.over) != 1 or not isinstance(_bare(node.left), tree.Metric):
            return None
        names = (formula.plus[0], formula.over[0])
        above, below = (float(self._cell(replace(metric, name=name), self._look_of(metric)) or 0) for name in names)
        if below <= 0:
            return None
        if node.confidence is not None:
            z = interpret.z_of(node.confidence)
            return flips.evidence(node.op, above, below, line=float(line), z=z, names=names, window=window)
        return flips.rate(node.op, above, below, line=float(line), names=names, window=window)


def _is_named(node: tree.Node) -> bool:
    return isinstance(node, tree.Metric | tree.Attribute | tree.Own | tree.Call)


def _bare(node: tree.Node) -> tree.Node:
    while isinstance(node, tree.Over | tree.Ago):
        node = node.item
    return node


def looks(node: tree.Node, look: Look) -> Iterator[tuple[tree.Metric, Look]]:
    """Each metric inside, with the window over which it is meant."""
    if isinstance(node, tree.Metric):
        yield node, look
    elif isinstance(node, tree.Over):
        yield from looks(node.item, replace(look, window=node.window))
    elif isinstance(node, tree.Ago):
        yield from looks(node.item, replace(look, shift=look.shift + node.shift))
    else:
        for child in node.children():
            yield from looks(child, look)


def unit_of(node: tree.Node | None) -> str:
    """In which unit a part's value is written."""
    node = None if node is None else _bare(node)
    match node:
        case tree.Metric(name=name):
            return metrics.unit(name)
        case tree.Constant(kind="percent"):
            return "share"
        case tree.Constant(kind="duration") | tree.Call(function="age"):
            return "span"
        case tree.Arithmetic(op="+" | "-" | "*", left=left, right=right):
            return next((unit for unit in map(unit_of, (left, right)) if unit not in {"plain", "share"}), "plain")
    return "plain"


def titled(node: tree.Node) -> str:
    """A part in words; what is not a single metric is quoted as it is written."""
    bare = _bare(node)
    if isinstance(bare, tree.Metric):
        return writing.text(node).replace(bare.name, metrics.title(bare.name), 1)
    return writing.text(node)


def described(metric: tree.Metric, look: Look) -> str:
    """`conversion rate`, `advertiser's conversions over 1h`."""
    whose = "" if metric.per is None else "the network's " if not metric.per else f"the {metric.per[0]}'s "
    ago = f" {wording.span(look.shift)} ago" if look.shift else ""
    return f"{whose}{metrics.title(metric.name)}{ago}"


def baseline_words(node: tree.Change) -> str:
    """What a change is compared with, in words."""
    if node.baseline is None:
        return "the others in scope"
    if not isinstance(node.baseline, Rolling):
        return node.baseline.unit.replace("_", " ")
    if node.same_hours:
        return f"the same hours of the {node.baseline.length.days} days before"
    return f"the {wording.span(node.baseline.length)} before"
