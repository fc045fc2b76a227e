"""Results of backtests: figures and a chart per rule."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime
from bridge.store.former_figures import FORMER_FIGURES

MAX_RESULTS_PER_RULE = 5  # per rule: the last ones are compared, older ones were about another rule
MAX_PAGE_CHARS = 2_000_000  # characters; a longer page is not kept, its figures are


class Backtest(Base):
    """One revision over one time range of the past."""

    __tablename__ = "backtests"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    rule_id: Mapped[str] = mapped_column(index=True)
    revision: Mapped[str]  # its hash; a draft's is in no generation
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str]
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    against: Mapped[str]  # live: facts as they were known then; imported: as the export has them
    stored_figures: Mapped[dict[str, Any]] = mapped_column("figures", Json)
    plots: Mapped[list[Any]] = mapped_column(Json)
    page: Mapped[str | None]  # the whole page as HTML
    page_kept: Mapped[bool]  # so that a list can say so without reading it

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of the whole backtest and of each pause, with current names whichever version wrote the row."""
        fires = [_present_names(one) for one in self.stored_figures.get("fires", ())]
        return _present_names(self.stored_figures) | {"fires": fires}


def _present_names(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {FORMER_FIGURES.get(name, name): value for name, value in figures.items()}


def keep(session: Session, row: Mapping[str, Any]) -> Backtest:
    """Store one result, and delete all but the newest of its rule."""
    page = row["page"] if len(row["page"]) <= MAX_PAGE_CHARS else None
    made = Backtest(**{**row, "page": page, "page_kept": page is not None})
    session.add(made)
    session.flush()
    ids = session.scalars(select(Backtest.id).where(Backtest.rule_id == made.rule_id).order_by(Backtest.id.desc()))
    session.execute(delete(Backtest).where(Backtest.id.in_(ids.all()[MAX_RESULTS_PER_RULE:])))
    return made


def of_rule(session: Session, rule_id: str) -> Sequence[Backtest]:
    """Return results, newest first, without their pages."""
    query = select(Backtest).where(Backtest.rule_id == rule_id).options(defer(Backtest.page))
    return session.scalars(query.order_by(Backtest.id.desc())).all()
