"""Imports of report rows from files: each is a named batch that can be listed and removed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, UtcDateTime


class ReportImport(Base):
    __tablename__ = "report_imports"
    __table_args__ = (Index("ix_report_imports_feed_id", "feed_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id", ondelete="CASCADE"))
    name: Mapped[str]
    file: Mapped[str]
    by: Mapped[str]
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: it broke off
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str | None]
    rows: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    first_event: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_event: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since_before: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the marks of the feed before the import ...
    as_of_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since_after: Mapped[datetime | None] = mapped_column(UtcDateTime)  # ... and after it
    as_of_after: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def label(self) -> str:
        """The label of its facts."""
        return str(self.id)


def get(session: Session, import_id: int) -> ReportImport | None:
    return session.get(ReportImport, import_id)


def newest_first(session: Session) -> Sequence[ReportImport]:
    return session.scalars(select(ReportImport).order_by(ReportImport.id.desc())).all()


def active_labels(session: Session, feed_id: int) -> frozenset[str]:
    """Return the labels of a feed's imports that were not removed."""
    found = session.scalars(
        select(ReportImport.id).where(ReportImport.feed_id == feed_id, ReportImport.removed_at.is_(None))
    )
    return frozenset(str(one) for one in found)
