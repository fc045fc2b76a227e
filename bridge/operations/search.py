"""Search by number, name, e-mail address, transaction, id or rule."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import ColumnElement, LargeBinary, String, and_, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from bridge.store import entities
from bridge.store.entities import ITEM_KINDS, Entity
from bridge.store.journal import Event
from bridge.store.ledger import Effect
from bridge.store.runs import Run

MAX_HITS_OF_A_KIND = 20  # of each kind
RECENT = 20_000  # newest events whose body and address are searched for a text, unless all are asked for
MIN_ID_CHARS = 6  # from so many on a text may be the beginning of a webhook's id
MAX_RUN_DIGITS = 18  # digits of what may be a run


@dataclass(frozen=True, slots=True)
class Hit:
    """A result: its place and its name. `exact`: the text is its whole name."""

    kind: str
    name: str
    address: str
    hint: str = ""
    exact: bool = False


def search(
    session: Session, text: str, rules: Collection[str], *, several_accounts: bool = False, every_event: bool = False
) -> list[Hit]:
    """Return the results, the best first; nothing for an empty text. `every_event`: also search old events."""
    wanted = text.strip()
    if not wanted:
        return []
    found = [
        *_rules(wanted, rules),
        *_items(session, wanted, several=several_accounts),
        *_runs(session, wanted),
        *_events(session, wanted, every=every_event),
    ]
    return sorted(found, key=lambda hit: not hit.exact)


def _rules(text: str, rules: Collection[str]) -> Iterator[Hit]:
    for name in sorted(rules):
        if text.lower() in name.lower():
            yield Hit("rule", name, f"/rules/{name}", exact=text == name)


def _items(session: Session, text: str, *, several: bool) -> Iterator[Hit]:
    kind, _, identity = text.replace("=", " ").partition(" ")
    if kind.lower() in ITEM_KINDS and identity.strip():
        wanted = entities.matches(identity.strip())
        query = select(Entity).where(Entity.kind == kind.lower(), wanted)
        text = identity.strip()
    else:
        query = select(Entity).where(Entity.kind.in_(ITEM_KINDS), or_(entities.matches(text), _mail(text)))
    for one in session.scalars(
        query.order_by(Entity.gone_at.is_not(None), Entity.kind, Entity.id).limit(MAX_HITS_OF_A_KIND)
    ):
        identity = one.number or one.ref
        exact = text in {one.number, one.ref, one.name}
        whose, of = (f" of {one.account}", f"?account={quote(one.account)}") if several else ("", "")
        address = f"/items/{one.kind}/{identity}{of}"
        yield Hit(one.kind, one.name or identity, address, f"{one.kind} {identity}{whose}", exact)
    if "@" in text:
        yield from _made_for(session, text)


def _in_body(session: Session, text: bytes) -> ColumnElement[bool]:
    """Search a body as bytes, because bodies may have any encoding."""
    if session.get_bind().dialect.name == "sqlite":
        holds: ColumnElement[bool] = func.instr(Event.body, text) > 0
        return holds
    special = text.replace(b"\\", b"\\\\").replace(b"%", b"\\%").replace(b"_", b"\\_")
    found: ColumnElement[bool] = Event.body.bool_op("LIKE")(literal(b"%" + special + b"%", LargeBinary))
    return found


def _mail(text: str) -> ColumnElement[bool]:
    if "@" not in text:
        return Entity.ref == text
    found: ColumnElement[bool] = Entity.fields["email"].as_string().icontains(text, autoescape=True)
    return found


def _made_for(session: Session, email: str) -> Iterator[Hit]:
    """Yield effects that ensured something with this address."""
    keys = [f"email={email}", f"email={email.lower()}"]
    query = select(Effect).where(Effect.target_id.in_(keys)).order_by(Effect.id.desc()).limit(MAX_HITS_OF_A_KIND)
    for effect in session.scalars(query):
        run = effect.plan.run_id
        yield Hit("run", f"{effect.verb} {effect.kind}", f"/runs/{run}", f"run {run} of {effect.rule_id}")


def _runs(session: Session, text: str) -> Iterator[Hit]:
    number = text.removeprefix("run ").strip()
    if not (number.isascii() and number.isdecimal() and len(number) <= MAX_RUN_DIGITS):
        return
    run = session.get(Run, int(number))
    if run is not None:
        yield Hit("run", f"run {run.id}", f"/runs/{run.id}", f"of {run.rule_id}", exact=text.startswith("run "))


def _events(session: Session, text: str, *, every: bool) -> Iterator[Hit]:
    event = session.get(Event, text.upper())
    if event is not None:
        yield Hit("webhook", event.id, f"/events/{event.id}", f"from {event.source}", exact=True)
        return
    if len(text) < 3:
        return
    newest = select(Event.id).order_by(Event.id.desc()).limit(RECENT).subquery()
    holds = or_(
        Event.delivery_id.icontains(text, autoescape=True),
        *([Event.id.startswith(text.upper(), autoescape=True)] if len(text) >= MIN_ID_CHARS else []),
        _in_body(session, text.encode()),
        cast(Event.query, String).icontains(text, autoescape=True),
    )
    query = (
        select(Event)
        .where(holds if every else and_(Event.id.in_(select(newest.c.id)), holds))
        .order_by(Event.id.desc())
        .limit(MAX_HITS_OF_A_KIND)
    )
    for one in session.scalars(query):
        exact = one.delivery_id == text
        yield Hit("webhook", one.id, f"/events/{one.id}", f"{one.event_type or 'event'} from {one.source}", exact)
