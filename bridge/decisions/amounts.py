"""Compute the amounts that a plan needs besides its verdicts: money at stake, data seen since a hold began.

A batch of facts measures whole columns, so each is measured once per question and read by row.
"""

from datetime import datetime
from decimal import Decimal
from functools import cached_property

import numpy as np

from rules.model.facts import Column, Facts, Subject, Why
from rules.model.revision import Dimension


class Amounts:
    """The facts of one query, measured at most once per name and time range."""

    def __init__(self, facts: Facts, per: tuple[Dimension, ...]) -> None:
        self._facts = facts
        self._per = per
        self._columns: dict[tuple[str, datetime, datetime], Column] = {}

    @cached_property
    def _rows(self) -> dict[Subject, int]:
        """Rows, built only when a subject is queried: most evaluations of a large scope query none."""
        kept: dict[Subject, int] | None = getattr(self._facts.subjects, "rows", None)  # of bridge.reports.items
        return kept if kept is not None else {subject: row for row, subject in enumerate(self._facts.subjects)}

    def __contains__(self, subject: Subject) -> bool:
        return subject in self._rows

    def column(self, name: str, start: datetime, end: datetime) -> Column:
        """Return `name` in [start, end) for every subject."""
        key = (name, start, end)
        if key not in self._columns:
            self._columns[key] = self._facts.measure(name, self._per, start, end)
        return self._columns[key]

    def amount(self, name: str, subject: Subject, start: datetime, end: datetime) -> Decimal | None:
        """Return the amount of one subject; None if it is unknown."""
        row = self._rows.get(subject)
        if row is None:
            return None
        column = self.column(name, start, end)
        return _decimal(column.values[row]) if column.why[row] == Why.KNOWN else None

    def total(self, name: str, start: datetime, end: datetime) -> Decimal | None:
        """Return the total of all subjects with a known amount; None if none is known."""
        if not len(self._facts.subjects) or self._facts.as_of("conversions") is None:
            return None
        column = self.column(name, start, end)
        known = column.values[column.why == Why.KNOWN]
        return _decimal(np.asarray(known, float).sum()) if len(known) else None

    def saw_data(self, subject: Subject, since: datetime) -> bool:
        """Return whether clicks, or late conversions, of a subject were seen after a moment."""
        return any(self._saw(name, subject, since) for name in ("clicks", "conversions"))

    def _saw(self, name: str, subject: Subject, since: datetime) -> bool:
        until = self._facts.as_of(name)
        if until is None or until <= since:
            return False
        return bool(self.amount(name, subject, since, until))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), 6)))
