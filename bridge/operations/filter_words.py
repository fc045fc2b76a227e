"""Refuse a filter by a name that nothing has, so that a misspelt name does not look like an empty list.

Rules, sources, channels and accounts are known where the configuration has them, and where rows are kept under a former
name.
The types of events and the words of the audit log come from others: there a word is refused where it is not kept and
one that is nearly the same is.
"""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from bridge.operations.errors import OperationError
from bridge.services.container import Services
from bridge.store import revisions
from bridge.store.audit_log import Audit
from bridge.store.entities import Entity
from bridge.store.holds import Hold
from bridge.store.journal import Event
from bridge.store.notifications import Notice
from bridge.store.tokens import Token
from bridge.store.users import User
from rules.model.plan import Outcome
from rules.model.verbs import VERBS

OUTCOMES = (*map(str, Outcome), "error")
TARGET_KINDS = frozenset(kind for spec in VERBS.values() for kind in (*spec.targets, spec.target_kind) if kind)
NEAR = 0.5  # difflib's own scale
MAX_WORDS_NAMED = 20  # words that a refusal names
NEWEST = 20_000  # rows in which a nearly equal word is looked for


class NoSuchWord(OperationError):
    """The error for a filter by an unknown word."""

    status = 422


def refuse_unknown(services: Services, session: Session, **asked: str | None) -> None:
    """Raises NoSuchWord for the first of these filters (`rule="low-crr"`) that has an unknown word.

    `target` is written as KIND=ID; only this form and the kind are checked.
    """
    for name, text in asked.items():
        if text is None:
            continue
        if name in _OPEN:
            words = _OPEN[name](session, text)
            wrong = text not in words and bool(get_close_matches(text, words, n=1, cutoff=NEAR))
        else:
            text = text.partition("=")[0] if name == "target" else text  # noqa: PLW2901 - its kind is the word
            words = _CLOSED[name](services, session, text)
            wrong = text not in words
        if wrong:
            raise NoSuchWord(f"{name}: {unknown_word(text, words)}")


def unknown_word(text: str, words: Collection[str]) -> str:
    """Return `'quarantine' is none of dead, done, quarantined, received; did you mean 'quarantined'?`."""
    known = sorted(words)
    more = f" and {len(known) - MAX_WORDS_NAMED} more" if len(known) > MAX_WORDS_NAMED else ""
    near = get_close_matches(text, known, n=1, cutoff=NEAR)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    if not known:
        return f"there is no {text[:50]!r}, and nothing else of this kind yet"
    return f"{text[:50]!r} is none of {', '.join(known[:MAX_WORDS_NAMED])}{more}{guess}"


def _kept(session: Session, column: InstrumentedAttribute[Any], text: str) -> set[str]:
    """Return the word if a row has it."""
    return {text} if session.scalar(select(column).where(column == text).limit(1)) is not None else set()


def _rules(services: Services, session: Session, text: str) -> set[str]:
    return {text} if revisions.history(session, text) else {*services.library.current(session).revisions}


def _sources(services: Services, session: Session, text: str) -> set[str]:
    return {*services.sources, *(_kept(session, Event.source, text) if text not in services.sources else ())}


def _accounts(services: Services, session: Session, text: str) -> set[str]:
    known = {*services.settings.accounts}
    return known if text in known else known | _kept(session, Entity.account, text) | _kept(session, Hold.account, text)


def _integrations(services: Services, _session: Session, _text: str) -> set[str]:
    return {name for account in services.settings.accounts.values() for name in account.integrations}


def _channels(services: Services, session: Session, text: str) -> set[str]:
    known = {*services.settings.channels}
    return known if text in known else known | _kept(session, Notice.channel, text)


_CLOSED: Mapping[str, Callable[[Services, Session, str], Collection[str]]] = {
    "rule": _rules,
    "source": _sources,
    "account": _accounts,
    "integration": _integrations,
    "channel": _channels,
    "outcome": lambda _services, _session, _text: OUTCOMES,
    "target": lambda _services, _session, _text: TARGET_KINDS,
}


def _seen(session: Session, column: InstrumentedAttribute[Any], newest: ColumnElement[Any], text: str) -> set[str]:
    """Return the word if a row has it, otherwise all words of the newest rows."""
    found = _kept(session, column, text)
    if found:
        return found
    rows = select(column.label("word")).order_by(newest).limit(NEWEST).subquery()
    return {word for word in session.scalars(select(rows.c.word).distinct()) if word}


def _types(session: Session, text: str) -> set[str]:
    return _seen(session, Event.event_type, Event.id.desc(), text)


def _actors(session: Session, text: str) -> set[str]:
    people = {*session.scalars(select(User.name)), *session.scalars(select(Token.name))}
    return people if text in people else people | _seen(session, Audit.who, Audit.id.desc(), text)


def _actions(session: Session, text: str) -> set[str]:
    return _seen(session, Audit.what, Audit.id.desc(), text)


_OPEN: Mapping[str, Callable[[Session, str], Collection[str]]] = {
    "type": _types,
    "who": _actors,
    "what": _actions,
}
