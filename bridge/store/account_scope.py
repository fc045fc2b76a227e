"""Whose work is meant: everyone's, that of one account, or that of all accounts but some."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, not_
from sqlalchemy.orm import InstrumentedAttribute


@dataclass(frozen=True, slots=True)
class AccountScope:
    """`only` this account, or all accounts `but` these. Work without an account belongs to everyone."""

    only: str | None = None
    but: frozenset[str] = frozenset()

    @property
    def everyone(self) -> bool:
        return self.only is None and not self.but

    def covers(self, account: str) -> bool:
        return account == self.only if self.only is not None else account not in self.but

    def among(self, column: InstrumentedAttribute[str]) -> list[ColumnElement[bool]]:
        """Return conditions on a column that names the account; none if every account is meant."""
        if self.only is not None:
            return [column == self.only]
        return [column.not_in(sorted(self.but))] if self.but else []

    def of_keys(self, column: InstrumentedAttribute[str], kind: str) -> list[ColumnElement[bool]]:
        """Return the same for keys of the form KIND:ACCOUNT:..."""
        if self.only is not None:
            return [column.startswith(f"{kind}:{self.only}:", autoescape=True)]
        return [not_(column.startswith(f"{kind}:{name}:", autoescape=True)) for name in sorted(self.but)]


EVERYONE = AccountScope()
