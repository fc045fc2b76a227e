"""Small worlds for the tests of planning: a rule, answers, and what is known about the targets."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from rules.model.errors import Unfilled
from rules.model.facts import Subject, Why
from rules.model.plan import Hold, Plan, Target
from rules.model.revision import Action, Data, Every, HoldFor, Mode, Revision, Scope
from rules.model.state import State, TargetState, target_of
from rules.model.syntax import Place, Template
from rules.model.verdicts import Answer, Evaluation, Trace, Verdict
from rules.planning.plan import plan

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HERE = Place("rule.yaml", 1, 1)
YES, NO, NO_DECISION = Answer.YES, Answer.NO, Answer.NO_DECISION


def text(written: str) -> Template:
    return Template(written, HERE, (written,))


def step(verb: Any = "pause", target: str = "offer", **fields: Any) -> Action:
    return Action(**{"id": "1", "verb": verb, "target": target, "place": HERE, **fields})


def rule(**fields: Any) -> Revision:
    """A live rule that pauses the offers it says yes to, for 12 hours."""
    given = {
        "id": "low-cr",
        "hash": "0123456789abcdef",
        "text": "",
        "place": HERE,
        "mode": Mode.LIVE,
        "trigger": Every(timedelta(minutes=15)),
        "scope": Scope(per=("offer",)),
        "data": Data(),
        "when": None,
        "then": (step(hold=HoldFor("duration", 12 * HOUR)),),
    }
    return Revision(**{**given, **fields})


def subject(identifier: str, kind: Any = "offer") -> Subject:
    return Subject((kind,), (identifier,))


def verdicts(
    revision: Revision,
    answers: Mapping[str | Subject, Answer],
    *,
    early: Mapping[str, Answer] | None = None,
    now: datetime = NOW,
    names: Mapping[str, Any] | None = None,
) -> Evaluation:
    """An evaluation with these answers; `{{ name }}` is filled from `names`."""
    subjects = [one if isinstance(one, Subject) else subject(one) for one in answers]
    found = np.array([int(answer) for answer in answers.values()], dtype=np.int8)
    return Evaluation(
        revision=revision,
        now=now,
        subjects=subjects,
        answers=found,
        why=np.zeros(len(subjects), dtype=np.uint8),
        early=np.array([int((early or {}).get(one.ids[0], NO)) for one in subjects], dtype=np.int8),
        explain=lambda row: Verdict(
            subjects[row], Answer(int(found[row])), Why.KNOWN, f"because of {subjects[row]}", Trace(text="")
        ),
        fill=lambda row, template: _fill(template, {"id": subjects[row].ids[0], **(names or {})}),
    )


def _fill(template: Template, names: Mapping[str, Any]) -> Any:
    name = template.text.removeprefix("{{ ").removesuffix(" }}")
    if name == template.text:
        return template.text
    if name not in names:
        raise Unfilled(template.text, "there is no such value")
    return names[name]


def target(identifier: str, kind: str = "offer") -> Target:
    return target_of(kind, identifier)


def offer(identifier: str, **fields: Any) -> TargetState:
    """An active offer of advertiser 7 with 10 of revenue."""
    given = {
        "target": target(identifier),
        "active": True,
        "seen_at": NOW - timedelta(minutes=5),
        "groups": {"advertiser": "7"},
        "revenue_24h": Decimal(10),
    }
    return TargetState(**{**given, **fields})


def hold(identifier: str, by: str = "low-cr", **fields: Any) -> Hold:
    given = {
        "rule": by,
        "target": target(identifier),
        "subject": subject(identifier),
        "since": NOW - 2 * HOUR,
        "until": NOW + 10 * HOUR,
    }
    return Hold(**{**given, **fields})


def paused(identifier: str, *holds: Hold, **fields: Any) -> TargetState:
    return offer(identifier, **{"active": False, "holds": holds, **fields})


def state(*known: TargetState, **fields: Any) -> State:
    return State(targets={one.target: one for one in known}, **fields)


def look(revision: Revision, answers: Mapping[str | Subject, Answer] | str, *known: TargetState, **more: Any) -> Plan:
    """One look of the rule. A text of ids is short for yes to each of them; all offers named are known."""
    if isinstance(answers, str):
        answers = dict.fromkeys(answers.split(), YES)
    now = more.pop("now", NOW)
    given = {name: more.pop(name) for name in ("early", "names") if name in more}
    whole = state(*known, **more)
    told = {one.target for one in known}
    rest = (offer(one) for one in answers if isinstance(one, str) and target(one) not in told)
    whole = replace(whole, targets={**whole.targets, **{one.target: one for one in rest}})
    return plan(revision, verdicts(revision, answers, now=now, **given), whole, now)


def paused_by(found: Plan) -> list[str]:
    return [effect.target.id for effect in found.effects]


def why(found: Plan, identifier: str | None = None) -> list[str]:
    """The guards that stopped an offer, or without one, the whole plan."""
    wanted = None if identifier is None else target(identifier)
    return [
        stop.guard
        for stop in found.stops
        if (stop.target == wanted and wanted is not None)
        or (stop.subject == (None if identifier is None else subject(identifier)) and stop.target is None)
    ]
