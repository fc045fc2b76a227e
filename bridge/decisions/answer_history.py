"""Store answers only when they change: compare the answers of a run with those of the run before it.

Every answer has a code: -1 no decision, 0 no, 1 yes, and from 2 on a yes that a guard kept from leading to anything,
by the guard. A run stores all codes when there is nothing to compare them with, or the last full ones are too old;
otherwise only those that differ. What each run said about each item is the full codes plus the differences since then.
"""

import hashlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from bridge.decisions import subjects
from bridge.decisions.decide import Decision
from bridge.reports.items import Items
from bridge.store import runs
from bridge.store.runs import GONE, RuleAnswers
from rules.model.facts import Subject
from rules.model.plan import Outcome, Plan
from rules.model.verdicts import Answer, Evaluation
from rules.planning.desired import fingerprint

Codes = NDArray[np.int8]

SAMPLE = timedelta(hours=6)  # everything is stored again so often, whether it changed or not
FULL_SAMPLE_SHARE = 4  # when more than one in so many changed, all of them are stored
#: In the order of their codes, from 2 on: add at the end.
GUARDS = (
    "halt", "breaker", "quiet", "active", "for", "held", "already", "pending", "waiting", "companion", "released",
    "protected", "except", "where", "gone", "hold", "muted", "probation", "cooldown", "keep_active", "at_most.targets",
    "at_most.share", "at_most.revenue_24h", "per_day", "canary", "conflict", "unfilled", "no_target",
    "lose_at_most", "inhibited", "budget",
)  # fmt: skip
OTHER = 127
_CODE = {guard: number for number, guard in enumerate(GUARDS, int(Answer.YES) + 1)}
REPEATABLE = frozenset({Outcome.NOTHING, Outcome.SHADOW, Outcome.STOPPED})


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """The answers of a rule's last run for every item."""

    run_id: int
    base_id: int  # the run that stored all codes
    base_at: datetime
    revision: str
    items: Items
    codes: Codes  # GONE for what was not looked at any more
    shape: str  # of its plan
    plan_of: int  # the run that stored that plan


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The part of the answers that a run has to write."""

    after: Before  # its run_id is 0 until the run has a number, and so is the number of what it stores itself
    before: Before | None
    packed: bytes | None  # all codes, or those that changed; None: nothing changed
    told: NDArray[np.intp]  # rows whose verdicts are stored with their traces
    plan: bool  # whether the plan is another one than before


Memory = MutableMapping[str, Before]


def load(
    session: Session, memory: Memory, rules: Sequence[str], looked_at: Mapping[str, Sequence[Subject]] | None = None
) -> dict[str, Before]:
    """Return the answers of these rules' last runs: from this process's memory, updated from the database.

    `looked_at`: the items of each rule's present evaluation. Most of them are the stored ones.
    """
    found = {}
    texts = _Texts()
    for row in runs.rule_answers(session, rules):
        known = memory.get(row.rule_id)
        if known is None or known.base_id != row.base_id or known.run_id > row.run_id:
            known = _from_base(session, row, texts, (looked_at or {}).get(row.rule_id))
        if known is not None and known.run_id < row.run_id:
            known = _brought_up(session, row, known)
        if known is not None:
            found[row.rule_id] = replace(
                known, run_id=row.run_id, shape=row.shape, plan_of=row.plan_of, revision=row.revision
            )
    return found


def _from_base(session: Session, row: RuleAnswers, texts: "_Texts", now: Sequence[Subject] | None) -> Before | None:
    packed = runs.packed_answers(session, row.base_id)
    if packed is None:
        return None
    listed, codes = runs.unpack_parts(packed)
    return Before(
        run_id=row.base_id,
        base_id=row.base_id,
        base_at=row.base_at,
        revision=row.revision,
        items=texts.items(listed, now),
        codes=np.frombuffer(codes, np.int8),
        shape=row.shape,
        plan_of=row.plan_of,
    )


class _Texts:
    """Items by their stored text: rules over the same items share them, so they are read once."""

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, int], Items] = {}
        self._written: dict[int, dict[str, Subject]] = {}  # the texts of items

    def items(self, listed: bytes, now: Sequence[Subject] | None) -> Items:
        """Return the items of a list of texts; `now` itself if they are the same in the same order."""
        key = listed, id(now)
        if key not in self._found:
            self._found[key] = self._read(runs.unpack_subjects(listed), now)
        return self._found[key]

    def _read(self, listed: list[str], now: Sequence[Subject] | None) -> Items:
        known: dict[str, Subject] = {}
        if isinstance(now, Items):
            if id(now) not in self._written:
                self._written[id(now)] = dict(zip(subjects.dump_all(now), now, strict=True))
            known = self._written[id(now)]
            if len(listed) == len(now) and listed == list(known):
                return now
        return _items([known.get(text) or subjects.load(text) for text in listed])


def _items(found: Sequence[Subject]) -> Items:
    return Items(found, found[0].per if found else ())


def _brought_up(session: Session, row: RuleAnswers, known: Before) -> Before:
    changed: dict[str, int] = {}
    for packed in runs.differences(session, row.rule_id, row.base_id, after=known.run_id, upto=row.run_id):
        changed |= runs.unpack(packed)
    if not changed:
        return known
    codes, new = known.codes.copy(), []
    for text, code in changed.items():
        subject = subjects.load(text)
        at = known.items.rows.get(subject)
        if at is None:
            new.append((subject, code))
        else:
            codes[at] = code
    if not new:
        return replace(known, codes=codes)
    items = _items([*known.items, *(subject for subject, _ in new)])
    return replace(known, items=items, codes=np.append(codes, np.array([code for _, code in new], np.int8)))


def change(decision: Decision, before: Before | None, now: datetime) -> Change | None:
    """Return what a run over several items has to write.

    None if it stores no codes: for one item, or after an error.
    """
    evaluation, plan = decision.evaluation, decision.plan
    if evaluation is None or plan is None or len(evaluation.subjects) < 2:
        return None
    items = evaluation.subjects if isinstance(evaluation.subjects, Items) else _items(evaluation.subjects)
    codes, shape = _codes(evaluation, plan, items), _shape(decision, plan)
    after = Before(
        run_id=0,
        base_id=0,
        base_at=now,
        revision=decision.revision.hash,
        items=items,
        codes=codes,
        shape=shape,
        plan_of=0,
    )
    acting = _acting(items, plan)
    if before is None or before.revision != after.revision or now - before.base_at >= SAMPLE:
        return Change(after, None, runs.pack(subjects.dump_all(items), codes.tobytes()), acting, plan=True)
    was, gone = _compared(before, items)
    rows = np.flatnonzero(was != codes)
    if (len(rows) + len(gone)) * FULL_SAMPLE_SHARE > len(items):
        return Change(after, None, runs.pack(subjects.dump_all(items), codes.tobytes()), acting, plan=True)
    again = shape == before.shape and _is_repeatable(plan)
    after = replace(after, base_id=before.base_id, base_at=before.base_at, plan_of=before.plan_of if again else 0)
    packed = None
    if len(rows) or len(gone):
        texts = [subjects.dump(items[row]) for row in rows.tolist()] + [subjects.dump(one) for one in gone]
        packed = runs.pack(texts, codes[rows].tobytes() + np.full(len(gone), GONE, np.int8).tobytes())
    yes = rows[(codes[rows] >= Answer.YES) | (was[rows] >= Answer.YES)]
    no_decision = rows[(codes[rows] == Answer.NO_DECISION) & (was[rows] == Answer.NO)]
    told = np.concatenate([yes, no_decision[: runs.MAX_NO_DECISION_CHANGES], acting if not again else acting[:0]])
    return Change(after, before, packed, np.array(list(dict.fromkeys(told.tolist())), np.intp), plan=not again)


def _compared(before: Before, items: Items) -> tuple[Codes, list[Subject]]:
    """Return the previous codes for these items, GONE for new ones, and the items that are no longer evaluated."""
    if before.items is items:
        return before.codes, []
    moved = items.moved(before.items)
    was = np.where(moved >= 0, before.codes[moved], np.int8(GONE)).astype(np.int8)
    left = before.codes != GONE
    left[moved[moved >= 0]] = False
    return was, [before.items[row] for row in np.flatnonzero(left).tolist()]


def _codes(evaluation: Evaluation, plan: Plan, items: Items) -> Codes:
    codes: Codes = evaluation.answers.astype(np.int8)
    whole = next((stop.guard for stop in plan.stops if stop.subject is None and stop.target is None), None)
    if whole is not None:
        codes[codes == Answer.YES] = _CODE.get(whole, OTHER)
    for stop in plan.stops:
        row = None if stop.subject is None else items.rows.get(stop.subject)
        if row is not None and codes[row] >= Answer.YES:
            codes[row] = _CODE.get(stop.guard, OTHER)
    return codes


def _acting(items: Items, plan: Plan) -> NDArray[np.intp]:
    """Return the rows that the plan's effects concern."""
    found = {items.rows.get(effect.subject) for effect in plan.effects} if plan.effects else set()
    return np.array(sorted(row for row in found if row is not None), np.intp)


def _is_repeatable(plan: Plan) -> bool:
    """Return whether the plan has no consequences, so that the same plan need not be stored again."""
    happens = plan.releases or plan.ended or plan.joins or plan.mutes or plan.canary
    return plan.outcome in REPEATABLE and not happens


def _shape(decision: Decision, plan: Plan) -> str:
    """Return what distinguishes one plan from another: its desired effects and the obstacles."""
    wanted = [(one.verb, str(one.target), str(one.subject), fingerprint(one.wanted)) for one in plan.effects]
    stops = [(one.guard, str(one.subject), str(one.target)) for one in plan.stops]
    text = repr((decision.revision.mode.value, plan.outcome.value, wanted, stops))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def keep(session: Session, changes: Mapping[str, tuple[int, Change]]) -> None:
    """Record which run of each rule is the last. Raises LeaseLost if another worker has recorded one meanwhile."""
    for rule, (run_id, change) in changes.items():
        after = numbered(change.after, run_id)
        runs.keep_answers(
            session,
            {
                "rule_id": rule,
                "revision": after.revision,
                "run_id": after.run_id,
                "base_id": after.base_id,
                "base_at": after.base_at,
                "shape": after.shape,
                "plan_of": after.plan_of,
            },
            before=change.before.run_id if change.before is not None else None,
        )


def numbered(after: Before, run_id: int) -> Before:
    """Return the same answers with the number of the run."""
    return replace(after, run_id=run_id, base_id=after.base_id or run_id, plan_of=after.plan_of or run_id)
