"""Gather what an explanation page shows: one rule, or each rule that evaluates such items, and what changed since.

As plain values: a worker computes it, and a page of another process shows it.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.operations.errors import OperationError
from bridge.operations.explain import Explanation, explain
from bridge.operations.rule_text import explained
from bridge.services.container import Services
from rules.model.facts import Subject

RULES = 30  # that are asked where none is chosen


def explanations(
    services: Services,
    rule: str,
    subject: Subject,
    *,
    now: datetime,
    at: datetime | None,
    account: str | None = None,
    between: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return the explanations, one for each rule. With `lines`, a single one has its text with the verdicts.

    `account` tells apart items with the same id in several accounts. `since` has later answers.
    `between` is called after each rule. Raises OperationError.
    """
    found, refused = [], None
    wanted = [_of_account(services, rule, account)] if rule else _looking_at(services, subject, account)
    for name in wanted:
        try:
            found.append(explain(services, name, subject, now=now, at=at))
        except OperationError as error:
            refused = refused or error
        between()
    if refused is not None and not found:
        raise refused
    if len(found) != 1:
        return {"found": [_told(one) for one in found]}
    return {"found": [_told(found[0]) | {"lines": _lines(services, found[0])}]} | _since(services, found[0], now, at)


def _of_account(services: Services, rule: str, account: str | None) -> str:
    """Return the rule. Raises OperationError if it works in another account than that of the item."""
    with services.store.read() as session:
        live = services.library.current(session).revisions.get(rule)
    if live is not None and account is not None and live.account != account:
        raise OperationError(f"rule {rule}: works in account {live.account}, and the item is one of account {account}")
    return rule


def _looking_at(services: Services, subject: Subject, account: str | None) -> list[str]:
    """Return the rules that evaluate this kind of item, in its account or, if none is named, in every account."""
    with services.store.read() as session:
        book = services.library.current(session)
    of_kind = (one for one in book.revisions.values() if one.scope.per == subject.per)
    wanted = sorted(one.id for one in of_kind if account is None or one.account == account)[:RULES]
    if not wanted:
        of = "" if account is None else f" of account {account}"
        raise OperationError(f"no rule{of} has {' x '.join(subject.per)} in its scope, so there is nothing to explain")
    return wanted


def _told(found: Explanation) -> dict[str, Any]:
    return found.as_json() | {"flip": found.verdict.trace.flip}


def _lines(services: Services, found: Explanation) -> list[dict[str, Any]]:
    """Return the text of the evaluated revision, with its results line by line."""
    with services.store.read() as session:
        revision = services.library.revision(session, found.revision)
    told = explained(revision, found.verdict) if revision else []
    return [asdict(line) | {"tone": line.tone} for line in told]


def _since(services: Services, then: Explanation, now: datetime, at: datetime | None) -> dict[str, Any]:
    """Return the rule's present answer, if an earlier moment is explained."""
    if at is None:
        return {}
    try:
        return {"since": _told(explain(services, then.rule, then.verdict.subject, now=now))}
    except OperationError:
        return {}
