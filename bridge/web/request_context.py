"""What a request is about: the container that answers it, and who asks."""

from flask import g

from bridge.operations.approvals import Person
from bridge.services.container import Services
from bridge.store.roles import Role


def services() -> Services:
    found: Services = g.services
    return found


def person() -> Person:
    """Whoever a token or a session belongs to, as one who may answer for waiting plans."""
    return Person(name=g.who, roles=frozenset({str(g.role)}), is_operator=g.role.covers(Role.OPERATOR))
