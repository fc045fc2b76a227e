"""Record when exports were started: ten a day are allowed, over all machines that share the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Index, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, Store, UtcDateTime


class ExportStart(Base):
    __tablename__ = "export_starts"
    __table_args__ = (Index("ix_export_starts_account_at", "account", "at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account: Mapped[str]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Starts:
    """The StartLog of one account, for `bridge.integr8.exports.Exporter`. Times are aware."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account

    def reserve(self, now: datetime, *, limit: int, span: timedelta) -> bool:
        """Note a start at `now` unless `limit` starts are within the last `span`. Returns whether it was noted."""
        with self._store.write() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text("SELECT pg_advisory_xact_lock(8427153)"))  # two must not take the last one
            if len(since(session, self._account, now - span)) >= limit:
                return False
            session.add(ExportStart(account=self._account, at=now))
            return True

    def release(self, at: datetime) -> None:
        """Forget a start that failed."""
        with self._store.write() as session:
            session.execute(delete(ExportStart).where(ExportStart.account == self._account, ExportStart.at == at))

    def since(self, moment: datetime) -> Sequence[datetime]:
        """Return the starts later than `moment`, oldest first."""
        with self._store.read() as session:
            return since(session, self._account, moment)


def since(session: Session, account: str, moment: datetime) -> Sequence[datetime]:
    wanted = select(ExportStart.at).where(ExportStart.account == account, ExportStart.at > moment)
    return session.scalars(wanted.order_by(ExportStart.at)).all()


def counts(session: Session, moment: datetime) -> dict[str, int]:
    """Return account → how many exports were started later than `moment`."""
    rows = session.execute(
        select(ExportStart.account, func.count()).where(ExportStart.at > moment).group_by(ExportStart.account)
    )
    return {row[0]: row[1] for row in rows}


def forget(session: Session, before: datetime) -> None:
    session.execute(delete(ExportStart).where(ExportStart.at < before))
