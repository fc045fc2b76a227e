"""Propose a change without the right to make it: the plan always waits for a person."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from bridge.config.lookup_tables import load_all
from bridge.config.rule_names import known_names
from bridge.decisions.live_facts import scope_facts
from bridge.decisions.plan_state import PlanContext, load_state
from bridge.operations.decide import live_inputs
from bridge.operations.errors import NothingSelected, OperationError, Refused
from bridge.operations.manual_runs import write
from bridge.services.container import Services
from bridge.store import audit_log, revisions, runs
from bridge.store.entities import ITEM_KINDS
from bridge.store.observations_away import ObservationsAway
from rules.evaluation.evaluate import evaluate
from rules.language.render import as_yaml
from rules.loading.load import load
from rules.model.plan import Outcome
from rules.model.revision import Revision
from rules.model.spelling import did_you_mean, listed
from rules.planning.plan import plan as make_plan
from rules.planning.plan import targets

ACTIONS = ("pause", "activate", "update")
MAX_TARGETS = 50  # targets of one proposal: a person must be able to look at each
WAITS = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposed change, and its reason."""

    action: str
    kind: str
    ids: Sequence[str]
    why: str
    hold: str | None = None  # of a pause: 12h, midnight, manual
    values: Mapping[str, Any] | None = None  # of an update
    account: str | None = None  # may be left out where there is one


@dataclass(frozen=True, slots=True)
class Proposed:
    """The waiting plan, and the omitted changes with the reasons."""

    plan_id: int
    run_id: int
    effects: Sequence[str]
    left: Sequence[str]


def propose(services: Services, wanted: Proposal, *, who: str, now: datetime) -> Proposed:
    """Record the change as a waiting plan; nothing is executed without an approval.

    It passes the guards of every plan. Raises OperationError if it changes nothing, NothingSelected without ids,
    Refused if nothing is left to propose.
    """
    if not wanted.ids:
        raise NothingSelected("no id is named, so nothing was proposed; name at least one")
    if len(set(wanted.ids)) > MAX_TARGETS:
        raise OperationError(f"{len(set(wanted.ids))} ids; one proposal names at most {MAX_TARGETS}")
    _check_words(wanted)
    account = _account(services, wanted.account)
    with services.store.write() as session:
        wanted = _with_one_name(services, session, wanted, account, now)
        text = as_yaml(_document(wanted, who, account))
        revision = _loaded(services, text)
        revisions.remember(session, rule=revision.id, digest=revision.hash, file=revision.id, text=text, now=now)
        facts = scope_facts(live_inputs(services), session, revision, now)
        evaluation = evaluate(revision, facts, now)
        entry = services.settings.accounts.get(revision.account)
        context = PlanContext(revision, facts, entry, now)
        plan = make_plan(revision, evaluation, load_state(session, context, targets(revision, evaluation)), now)
        if plan.outcome is not Outcome.WAITING:
            found = {subject.ids[0] for subject in facts.subjects}
            unknown = [f"{wanted.kind} {one} is not known" for one in wanted.ids if one not in found]
            raise Refused("; ".join([*(stop.message for stop in plan.stops), *unknown]) or "there is nothing to change")
        [(run, [stored])] = write(
            session, revision, [plan], kind=runs.Cause.HAND, about=f"proposal:{wanted.action}", who=who, now=now
        )
        effects = [f"{one.verb} {one.target}" for one in plan.effects]
        detail = {"plan": stored.id, "account": revision.account, "effects": effects, "why": wanted.why}
        audit_log.note(session, who=who, what="propose", about=f"run {run.id}", now=now, detail=detail)
        return Proposed(stored.id, run.id, effects, [stop.message for stop in plan.stops])


def _check_words(wanted: Proposal) -> None:
    for word, known, what in ((wanted.action, ACTIONS, "change"), (wanted.kind, ITEM_KINDS, "kind of item")):
        if word not in known:
            raise OperationError(
                f"'{word}' cannot be proposed as a {what}; use {listed(known)}{did_you_mean(word, known)}"
            )


def _account(services: Services, asked: str | None) -> str:
    """Return the account. Accounts number their items alike, so with several accounts the account must be named."""
    known = services.settings.accounts
    if asked is None and len(known) == 1:
        return next(iter(known))
    if asked is None:
        raise OperationError(f"name the account: {listed(known)}; each can have an item with this number")
    if asked not in known:
        raise OperationError(f"there is no account '{asked}'{did_you_mean(asked, known)}")
    return asked


def _with_one_name(services: Services, session: Session, wanted: Proposal, account: str, now: datetime) -> Proposal:
    """Return the proposal with canonical ids, whichever of its two ids names each item."""
    data = live_inputs(services).data(account, "default")
    with suppress(ObservationsAway):  # names are known all the same
        data.refresh(session, now)
    names = data.directory.aliases.get(wanted.kind, {})
    return replace(wanted, ids=[names.get(one, one) for one in wanted.ids])


def _document(wanted: Proposal, who: str, account: str) -> dict[str, Any]:
    """Return the proposal as a rule that asks, so that it has guards, a review, a re-check at approval, and an undo."""
    step: dict[str, Any] = {wanted.action: wanted.kind}
    if wanted.hold is not None:
        step["hold"] = wanted.hold
    if wanted.values is not None:
        step["with"] = dict(wanted.values)
    asked = repr((wanted.action, wanted.kind, sorted(set(wanted.ids)), wanted.hold, wanted.values, wanted.why, who))
    return {
        "schema": 1,
        "id": f"proposal-{sha256(asked.encode()).hexdigest()[:12]}",
        "title": f"Proposed by {_plain(who)}",
        "note": _plain(wanted.why),
        "mode": "approve",
        "account": account,
        "trigger": {"every": "365d"},
        "scope": {"per": [wanted.kind], "where": {f"{wanted.kind}.id": sorted(set(wanted.ids))}},
        "when": ["true"],
        "then": [step],
        "approve": {"within": WAITS, "otherwise": "drop"},
    }


def _plain(text: str) -> str:
    """Return one line without braces, so that nothing in it is an expression."""
    return " ".join(text.replace("{", "(").replace("}", ")").split())[:180]


def _loaded(services: Services, text: str) -> Revision:
    tables, _ = load_all(services.settings.tables_dir, services.settings.tables)
    found = load(text, name="proposal", environment=known_names(services.settings, tables), tests=False)
    if not found.revisions:
        raise OperationError("; ".join(problem.message for problem in found.errors))
    if any("{{" in str(value) for value in _values(found.revisions[0])):
        raise OperationError("a proposal takes plain values only, not {{ expressions }}")
    return found.revisions[0]


def _values(revision: Revision) -> list[Any]:
    return [getattr(value, "text", value) for step in revision.then for value in step.values.values()]
