"""Read `inhibits` from YAML: which other rules this one holds back, and about what."""

import re
from typing import Any, cast

from marshmallow import ValidationError, post_load

from rules.language.fields import Findings, StrictSchema, Words, read, spelled
from rules.language.strict_yaml import Node, Table
from rules.language.triggers import SCOPE_ALL
from rules.model.revision import DIMENSIONS, Dimension, For, Inhibits, Scope, Trigger, Webhook
from rules.model.spelling import listed
from rules.model.syntax import Place

_PATTERN = re.compile(r"[A-Za-z0-9_*-]+")


def inhibits(
    node: Node, about: tuple[Trigger | None, Scope], lasting: For | None, findings: Findings
) -> Inhibits | None:
    """Read the rules to hold back; without `per`, for items that share all dimensions of the rule's own `scope.per`.

    `about` is the rule's trigger and scope, `lasting` its `for`.
    """
    given = node if isinstance(node, Table) else Table(node.place, {"rules": node}, {"rules": node.place})
    found = read(_InhibitsSchema(), given, findings)
    trigger, scope = about
    if isinstance(trigger, Webhook):
        words = "a rule that an event asks has no answer that lasts; give it trigger: {every: 5m} and a condition"
        findings.error(given.place, f"`inhibits`: {words}")
        return None
    if lasting is not None:
        findings.error(
            given.place, "`inhibits` asks whether `when` holds at this moment and knows no `for`; use a longer window"
        )
    if found is None:
        return None
    place = given.entries["per"].place if "per" in given.entries else given.place
    return Inhibits(tuple(found["rules"]), _shared(found.get("per"), scope, place, findings))


def shareable(scope: Scope) -> tuple[Dimension, ...]:
    """Return the dimensions that other rules' items may share: the rule's own, and an offer's advertiser."""
    own = tuple(dimension for dimension in scope.per if dimension != "event")
    return (*own, "advertiser") if "offer" in own and "advertiser" not in own else own


def _shared(per: tuple[str, ...] | None, scope: Scope, place: Place, findings: Findings) -> tuple[Dimension, ...]:
    if per == (SCOPE_ALL,):
        return ()
    known = shareable(scope)
    if not known:
        findings.error(place, "this rule is about no item; say that it holds back everything: {rules: [...], per: all}")
        return ()
    for dimension in per or ():
        if dimension not in known:
            findings.error(place, f"the rule's items have no {dimension}; they share {listed((*known, SCOPE_ALL))}")
    return cast("tuple[Dimension, ...]", per) if per else known[: len(scope.per)]


class _Patterns(Words):
    """One rule id or several, in which `*` stands for any text."""

    def understood(self, value: Any) -> tuple[str, ...]:
        found = super().understood(value)
        wrong = next((one for one in found if not _PATTERN.fullmatch(one)), None)
        if wrong is not None:
            raise ValidationError(f"{spelled(wrong)} is not an id of a rule; write offer-cr, or offer-cr-* for several")
        if not found:
            raise ValidationError("names no rule; write for example [offer-cr-*]")
        return found


class _InhibitsSchema(StrictSchema):
    rules = _Patterns(required=True)
    per = Words(*DIMENSIONS, SCOPE_ALL)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        per = data.get("per")
        if per is not None and (not per or len(set(per)) != len(per) or (SCOPE_ALL in per and len(per) > 1)):
            raise ValidationError("must name each dimension once, or be `all` alone", "per")
        return data
