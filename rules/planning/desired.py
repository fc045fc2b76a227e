"""Turn a yes into the desired effects of `then`, before any guard is applied."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

from rules.model.errors import Unfilled
from rules.model.facts import Subject
from rules.model.plan import PlannedEffect, Stop, Target
from rules.model.revision import Action, HoldFor, Revision
from rules.model.state import State, offer_above, target_of
from rules.model.syntax import Template
from rules.model.verbs import VERBS
from rules.model.verdicts import Evaluation
from rules.planning.step_dependencies import activates, deactivates

MANUAL = HoldFor("manual")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")  # not 007: that is a name


@dataclass(frozen=True, slots=True)
class DesiredEffect:
    """One effect that a rule wants, and the row of the evaluation that led to it."""

    row: int
    effect: PlannedEffect
    more: int = 0  # further subjects that led to the same effect
    proven: bool = True  # False: `lose_at_most` pauses or caps it without a proof and without a person


class Unnamed(LookupError):
    """A step without a named target. The text is the sentence for the stop."""


def desired_effects(
    revision: Revision, evaluation: Evaluation, rows: Iterable[int], state: State
) -> tuple[list[DesiredEffect], list[Stop]]:
    """Return the desired effects of these rows, in order, and why a row has none.

    A subject is taken whole or not at all: if one step lacks a value, none of its steps is desired.
    """
    wanted: list[DesiredEffect] = []
    stops: list[Stop] = []
    for row in rows:
        subject = evaluation.subjects[row]
        try:
            wanted += [DesiredEffect(row, effect) for effect in _effects(_Row(revision, evaluation, row, state))]
        except Unfilled as missing:
            stops.append(Stop(guard="unfilled", message=f"{subject}: {missing}", subject=subject))
        except Unnamed as missing:
            stops.append(Stop(guard="no_target", message=f"{subject}: {missing}", subject=subject))
    return wanted, stops


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One row of an evaluation, during the work on its steps."""

    revision: Revision
    evaluation: Evaluation
    row: int
    state: State

    @property
    def subject(self) -> Subject:
        return self.evaluation.subjects[self.row]

    def values(self, action: Action) -> Mapping[str, Any]:
        """Return the values under `with`, or the request."""
        found = dict(action.values)
        if VERBS[action.verb].object == "request" and isinstance(found.get("url"), Template):
            found["url"] = self._address(found["url"])
        filled: Mapping[str, Any] = self.fill(found)
        return filled

    def _address(self, template: Template) -> Any:
        """Return the address with each value encoded by its place.

        A template that is one value is the whole address.
        """
        if len(template.parts) == 1:
            return self.fill(template)
        text = ""
        for part in template.parts:
            if isinstance(part, str):
                text += part
            else:
                value = self.fill(replace(template, parts=("", part)))
                text += quote_plus(value) if "?" in text else quote(value, safe="")
        return text

    def fill(self, value: Any) -> Any:
        """Fill the templates in a value, however deep they are; Unfilled passes through."""
        if isinstance(value, Template):
            return self.evaluation.fill(self.row, value)
        if isinstance(value, Mapping):
            return {name: self.fill(part) for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.fill(part) for part in value]
        return value


def _effects(row: _Row) -> list[PlannedEffect]:
    effects: list[PlannedEffect] = []
    named: dict[str, tuple[Target, ...]] = {}
    for action in row.revision.then:
        key = row.fill(action.key)
        _complete(key)
        wanted = _wanted(action, key, row.values(action))
        named[action.id] = tuple(_targets(row, action, key, named))
        effects += [_effect(row, action, target, key, wanted) for target in named[action.id]]
    return effects


def _effect(
    row: _Row, action: Action, target: Target, key: Mapping[str, Any], wanted: Mapping[str, Any]
) -> PlannedEffect:
    known = row.state.of(target)
    return PlannedEffect(
        step=action.id,
        verb=action.verb,
        target=row.state.one(target),
        subject=row.subject,
        wanted=wanted,
        key=key or offer_above(target, row.subject),
        # What it would be without this effect: a return that is under way will be overtaken by a pause.
        prior=prior_of({**known.now_so(), **known.pending}, wanted),
        after=tuple(sorted(_references(wanted) | _references(key))),
        hold=(action.hold or MANUAL) if VERBS[action.verb].holds else None,
        urgent=wanted.get("active") is False,
        money_24h=known.revenue_24h,
    )


def _wanted(action: Action, key: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = VERBS[action.verb]
    channel = {"channel": action.target} if spec.object == "channel" else {}
    if spec.generates:
        values = {name: _secret(action, name, value) for name, value in values.items()}
    return {**spec.wanted, **channel, **key, **values}


def _secret(action: Action, name: str, value: Any) -> Any:
    if (name, value) != ("password", "generate"):
        return value
    return {"$generate": "password", **({"to": action.deliver_secret_to} if action.deliver_secret_to else {})}


def prior_of(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the present values of the wanted fields; None if none of them is known. Secrets are never known."""
    known = {name: values[name] for name in wanted if name in values and name != "password"}
    return known or None


# --- whom an action is about -----------------------------------------------------------------------


def _targets(
    row: _Row, action: Action, key: Mapping[str, Any], named: Mapping[str, tuple[Target, ...]]
) -> Iterator[Target]:
    kind = VERBS[action.verb].target_kind or action.target
    given = None if action.which is None else row.fill(action.which)
    if isinstance(given, Mapping) and "$ref" in given:
        yield from _earlier(given, kind, named)
        return
    for identifier in _ids(action, row.subject, key, given):
        yield target_of(kind, identifier, account=row.revision.account, integration=row.revision.integration)


def _earlier(given: Mapping[str, Any], kind: str, named: Mapping[str, tuple[Target, ...]]) -> tuple[Target, ...]:
    """Return the earlier step's target for `which: "{{ pub.id }}"`, whose id is still unknown."""
    step = str(given["$ref"]).partition(".")[0]
    found = named.get(step, ())
    if not found or any(target.kind != kind for target in found):
        raise Unnamed(f"step {step!r} is about no {kind}; name the {kind} with `which`")
    return found


def _ids(action: Action, subject: Subject, key: Mapping[str, Any], given: Any) -> tuple[str, ...]:
    if given is not None:
        listed = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        found = tuple(dict.fromkeys(str(one) for one in listed if one not in (None, "")))
        if not found:
            raise Unnamed(f"`which` of step {action.id!r} names no {action.target}")
        return found
    spec = VERBS[action.verb]
    match spec.identity:
        case "key":
            return ("&".join(f"{name}={_text(value)}" for name, value in sorted(key.items())),)
        case "subject":
            return (f"{action.target}/{subject}" if spec.object == "channel" else str(subject),)
    found_id = subject.get(action.target)
    if found_id is None:
        raise Unnamed(f"it has no {action.target}; name it with `which`")
    return (found_id,)


def _text(value: Any) -> str:
    return str(value["$ref"]) if isinstance(value, Mapping) and "$ref" in value else str(value)


def _complete(key: Mapping[str, Any]) -> None:
    empty = sorted(name for name, value in key.items() if value in (None, ""))
    if empty:
        raise Unnamed(f"its key {', '.join(empty)} is empty")


def _references(value: Any) -> frozenset[str]:
    """Return the steps that a value waits for."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            return frozenset({str(value["$ref"]).partition(".")[0]})
        return frozenset().union(*(_references(part) for part in value.values()))
    if isinstance(value, (list, tuple)):
        return frozenset().union(*(_references(part) for part in value))
    return frozenset()


# --- the same effect twice -------------------------------------------------------------------------


def merged(found: Sequence[DesiredEffect]) -> tuple[list[DesiredEffect], list[Stop]]:
    """Return one effect if several subjects or steps want the same of one target; the safe side if they differ.

    A step that others wait for stays unchanged: they look for it under their own subject.
    """
    needed = {(desired.effect.subject, step) for desired in found for step in desired.effect.after}
    paused = {desired.effect.target for desired in found if deactivates(desired.effect)}
    kept: dict[object, DesiredEffect] = {}
    stops: list[Stop] = []
    for number, desired in enumerate(found):
        effect = desired.effect
        if effect.target in paused and activates(effect):
            message = f"{effect.target}: the rule wants it paused and active at once; paused is the safe side"
            stops.append(Stop(guard="conflict", message=message, subject=effect.subject, target=effect.target))
            continue
        same: object = (effect.verb, effect.target, fingerprint(effect.wanted))
        if effect.after or (effect.subject, effect.step) in needed:
            same = number
        first = kept.get(same)
        kept[same] = desired if first is None else replace(first, more=first.more + 1)
    return list(kept.values()), stops


def fingerprint(value: Any) -> object:
    """Return a value for comparing wanted states, the same before and after a stay in a JSON column.

    The order of keys does not matter, 1.50 is 1.5 (also if JSON made a text of it), and 1 is not true.
    """
    if isinstance(value, Mapping):
        return tuple(sorted((name, fingerprint(part)) for name, part in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(fingerprint(part) for part in value)
    if isinstance(value, bool) or value is None:
        return (str(value),)
    text = str(value)
    return ("number", Decimal(text).normalize()) if NUMBER.fullmatch(text) else (type(value).__name__, text)
