"""A little of everything that a service writes in its first days, on one database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from network import Network
from sqlalchemy import Boolean, Date, DateTime, Float, Integer, LargeBinary, Table, func, insert, select
from sqlalchemy.orm import Session

from bridge.store import halts
from bridge.store.engine import Store
from bridge.store.tables import METADATA

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROVISION = """
schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm, event: deal.signed, dedupe: body.id}}
when: {all: [body.email matches "@"]}
then:
  - id: pub
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.company }}", active: true}
  - ensure: user
    key: {email: "{{ body.email }}"}
    with: {role: accountManager, password: generate, first_name: "{{ pub.id }}"}
"""
PAUSE = """
schema: 1
id: bad-offer
mode: live
trigger: {webhook: {source: crm, event: offer.bad, dedupe: body.id}}
when: {all: [body.offer matches "."]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
guards: {at_most: {targets: 1000, share: 100%}}
"""
ASK = PAUSE.replace("bad-offer", "ask-first").replace("mode: live", "mode: approve").replace("offer.bad", "offer.odd")

#: Where plain values break a rule of the table: a session is of a token or of a user.
ODD: dict[str, dict[str, object]] = {"sign_ins": {"user_id": None}}


def live(home: Path, database_url: str) -> None:
    """Fill a migrated database. Every table has a row afterwards."""
    with pytest.MonkeyPatch.context() as patching:
        network = Network(home, database_url, NOW, patching)
        try:
            _work(network)
            with network.services.store.write() as session:
                _fill_what_is_empty(session)
        finally:
            network.close()


def _work(network: Network) -> None:
    for name, text in (("a.yaml", PROVISION), ("b.yaml", PAUSE), ("c.yaml", ASK)):
        network.rule(text, name)
    bad, odd = network.world.offer("Bad"), network.world.offer("Odd")
    network.world.traffic(bad, [network.world.publisher()], 50, 3, start=NOW - timedelta(hours=3), end=NOW)
    network.crm({"id": "1", "type": "deal.signed", "email": "ann@example.com", "company": "Ann Ltd"})
    network.crm({"id": "2", "type": "offer.bad", "offer": bad.key})
    network.crm({"id": "3", "type": "offer.odd", "offer": odd.key})
    network.work()
    network.pass_time(minutes=10)
    network.services.client().offers.set_status([bad.key], active=True)  # a person decides otherwise
    network.work()
    with network.services.store.write() as session:
        halts.halt(session, by="ann", why="an example", now=network.now)
        halts.resume(session, by="ann", now=network.now)


def _fill_what_is_empty(session: Session) -> None:
    """A row of plain values for each table that the story has not come to, parents first."""
    for table in METADATA.sorted_tables:
        if not session.scalar(select(func.count()).select_from(table)):
            session.execute(insert(table).values(_plain(session, table) | ODD.get(table.name, {})))


def _plain(session: Session, table: Table) -> dict[str, object]:
    values: dict[str, object] = {}
    for column in table.columns:
        if column.foreign_keys:
            parent = next(iter(column.foreign_keys)).column
            values[column.name] = session.scalar(select(parent).limit(1))
        elif column.nullable or column.default is not None:
            continue
        elif not (column.primary_key and isinstance(column.type, Integer)):
            values[column.name] = _value(column.type)
    return values


def _value(kind: object) -> object:
    inner = getattr(kind, "impl", kind)
    if isinstance(inner, Boolean):
        return False
    if isinstance(inner, DateTime):
        return NOW
    if isinstance(inner, Date):
        return NOW.date()
    if isinstance(inner, LargeBinary):
        return b"bytes"
    if isinstance(inner, Integer | Float):
        return 1
    return {} if "JSON" in type(inner).__name__.upper() else "text"


def rows(store: Store) -> dict[str, int]:
    """How many rows each table of this version has."""
    with store.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in METADATA.sorted_tables
        }
