"""Halts: of everything, of one rule, of one account, or of one advertiser.

While one is open, nothing that it covers is decided and no effect that it covers is sent to Integr8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import audit_log, plain_statements
from bridge.store.engine import Base, Key, UtcDateTime


class HaltKind(StrEnum):
    """The kinds of scope that a halt can have."""

    ALL = "all"
    RULE = "rule"
    ACCOUNT = "account"
    ADVERTISER = "advertiser"


@dataclass(frozen=True, slots=True)
class HaltScope:
    """The scope of one halt. `name`: the rule, the account or the advertiser; `account`: that of an advertiser."""

    kind: HaltKind = HaltKind.ALL
    name: str | None = None
    account: str | None = None

    def __str__(self) -> str:
        return "everything" if self.kind is HaltKind.ALL else f"{self.kind} {self.name}"

    @property
    def about(self) -> str:
        """The scope's name in the audit."""
        of = f" of account {self.account}" if self.account else ""
        return "service" if self.kind is HaltKind.ALL else f"{self}{of}"


EVERYTHING = HaltScope()


class Halt(Base):
    """A halt; open until `ended_at` is set."""

    __tablename__ = "halts"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str]
    why: Mapped[str]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None]
    scope: Mapped[str] = mapped_column(default=HaltKind.ALL, server_default=HaltKind.ALL.value)
    name: Mapped[str | None]  # of the rule, the account or the advertiser
    account: Mapped[str | None]  # of an advertiser

    @property
    def of(self) -> HaltScope:
        """The scope of the halt."""
        return HaltScope(HaltKind(self.scope), self.name, self.account)


@dataclass(frozen=True, slots=True)
class OpenHalt:
    """An open halt, as workers need it."""

    id: int
    why: str
    of: HaltScope


@dataclass(frozen=True, slots=True)
class OpenHalts:
    """All halts that are open at a moment."""

    listed: Sequence[OpenHalt]

    def __bool__(self) -> bool:
        return bool(self.listed)

    @property
    def everything(self) -> OpenHalt | None:
        """The halt of everything, if there is one."""
        return next((one for one in self.listed if one.of.kind is HaltKind.ALL), None)

    @property
    def rules(self) -> frozenset[str]:
        """The rules that are halted by name."""
        return self._names(HaltKind.RULE)

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that are halted by name."""
        return self._names(HaltKind.ACCOUNT)

    def _names(self, kind: HaltKind) -> frozenset[str]:
        return frozenset(one.of.name for one in self.listed if one.of.kind is kind and one.of.name is not None)

    def covering(self, rule: str, account: str) -> OpenHalt | None:
        """Return the halt that keeps a whole rule from deciding: of everything, of the rule, or of its account."""
        scopes = (EVERYTHING, HaltScope(HaltKind.RULE, rule), HaltScope(HaltKind.ACCOUNT, account))
        return next((one for scope in scopes for one in self.listed if one.of == scope), None)

    @property
    def every_advertiser(self) -> list[OpenHalt]:
        """The halts of single advertisers."""
        return [one for one in self.listed if one.of.kind is HaltKind.ADVERTISER]

    def advertisers(self, account: str) -> list[OpenHalt]:
        """Return the halts of one account's advertisers."""
        return [one for one in self.every_advertiser if one.of.account == account]


def open_halts(session: Session) -> OpenHalts:
    """Return every open halt, for callers that check before each step."""
    return OpenHalts([_open(row) for row in plain_statements.rows(session.connection(), _opened(), {})])


def _open(row: tuple[Any, ...]) -> OpenHalt:
    return OpenHalt(row[0], row[1], HaltScope(HaltKind(row[2]), row[3], row[4]))


@cache
def _opened() -> Select[int, str, str, str | None, str | None]:
    return select(Halt.id, Halt.why, Halt.scope, Halt.name, Halt.account).where(Halt.ended_at.is_(None))


def listed(session: Session) -> list[Halt]:
    """Return the open halts, the oldest first."""
    return list(session.scalars(select(Halt).where(Halt.ended_at.is_(None)).order_by(Halt.id)))


def halted(session: Session, of: HaltScope = EVERYTHING) -> Halt | None:
    """Return the open halt of exactly this scope; None if there is none."""
    return next((one for one in listed(session) if one.of == of), None)


def why_halted(session: Session) -> str | None:
    """Return the reason for the halt of everything; None if there is none."""
    found = open_halts(session).everything
    return None if found is None else found.why


def halt(session: Session, *, by: str, why: str, now: datetime, of: HaltScope = EVERYTHING) -> Halt:
    """Halt what `of` names. A second halt of the same scope keeps the first."""
    current = halted(session, of)
    if current is None:
        current = Halt(since=now, by=by, why=why, scope=of.kind, name=of.name, account=of.account)
        session.add(current)
        audit_log.note(session, who=by, what="halt", about=of.about, now=now, detail={"why": why})
    return current


def resume(session: Session, *, by: str, now: datetime, of: HaltScope = EVERYTHING) -> Halt | None:
    """End a halt. Returns None if there was none."""
    current = halted(session, of)
    if current is not None:
        current.ended_at, current.ended_by = now, by
        audit_log.note(session, who=by, what="resume", about=of.about, now=now)
    return current
