"""Roles of users and tokens. Imports nothing, so that settings can be checked without a database."""

from enum import StrEnum


class Role(StrEnum):
    """A role. Each may do what those before it may."""

    VIEWER = "viewer"  # read everything
    OPERATOR = "operator"  # approve, undo, release, replay, halt
    ADMIN = "admin"  # users and tokens

    def covers(self, wanted: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(wanted)
