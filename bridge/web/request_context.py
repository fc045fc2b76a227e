"""The context of a request: the service container, and who asks."""

from flask import abort, g, request

from bridge.operations.approvals import Person
from bridge.services.container import Services
from bridge.store.roles import Role

MAX_ID = 2**63 - 1  # the largest number that a database holds as an id
MAX_ID_DIGITS = len(str(MAX_ID))


def services() -> Services:
    found: Services = g.services
    return found


def person() -> Person:
    """Return the holder of a token or a session, as a person who may answer waiting plans."""
    return Person(name=g.who, roles=frozenset({str(g.role)}), is_operator=g.role.covers(Role.OPERATOR))


def as_id(text: str) -> int | None:
    """Return the number of a row, as a database can hold it; None for any other text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS):
        return None
    number = int(text)
    return number if number <= MAX_ID else None


def number_asked(name: str) -> int | None:
    """Return a whole number from the address; None if it is missing. Aborts with 404 if no row can have it."""
    text = request.args.get(name, "")
    number = as_id(text)
    if text and number is None:
        abort(404, f"{name}: there is no row with the number {text[:30]!r}")
    return number
