"""Who may ask: bearer tokens with roles, and a word at each route about who may use it."""

from bridge.web.access.routes import OPEN, needs, register
from bridge.web.access.tokens import InvalidToken, check, make, revoke

__all__ = ["OPEN", "InvalidToken", "check", "make", "needs", "register", "revoke"]
