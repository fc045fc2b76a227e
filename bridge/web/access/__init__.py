"""Authentication and authorisation: users and tokens with roles. Each route declares who may use it."""

from bridge.web.access.errors import LoginRefused
from bridge.web.access.routes import OPEN_ENDPOINTS, needs, register
from bridge.web.access.tokens import InvalidToken, check, make, revoke

__all__ = ["OPEN_ENDPOINTS", "InvalidToken", "LoginRefused", "check", "make", "needs", "register", "revoke"]
