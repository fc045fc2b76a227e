"""Split one body into the events that it carries.

`split: auto` splits a body that is a list of objects. Members that are no objects have no type and no id: they are one
event together, so that they cost neither their neighbours nor themselves. A list that begins with such a member is no
list of events. A path (`events`, `entry.changes`) names a list inside an object;
each event is then the whole object with one item in place of its list, so nothing around the list is lost. `never`
leaves the body as one event.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bridge.sources.errors import Unreadable

AUTO = "auto"
NEVER = "never"
MAX_EVENTS_PER_REQUEST = 10_000  # of one request


def events(value: dict[str, Any] | list[Any], split: str) -> list[dict[str, Any]] | None:
    """Return the events of one body; None if it is one event."""
    if split == NEVER or (split == AUTO and isinstance(value, dict)):
        return None
    items = value if isinstance(value, list) else [value]
    objects = [item for item in items if isinstance(item, dict)]
    others = [item for item in items if not isinstance(item, dict)]
    if split == AUTO:
        found = objects if isinstance(value, list) and items and isinstance(items[0], dict) else []
    else:
        found = [one for item in objects for one in _inner(item, split.split("."))]
        if len(found) == 1 and found[0] is value:
            return None
    if found and others:
        found = [*found, {"items": others}]
    if len(found) > MAX_EVENTS_PER_REQUEST:
        raise Unreadable(413, f"more than {MAX_EVENTS_PER_REQUEST} events in one request; send them in parts", "body")
    return found or None


def _inner(body: dict[str, Any], steps: Sequence[str]) -> Iterator[dict[str, Any]]:
    first, rest = steps[0], steps[1:]
    inner = body.get(first)
    if isinstance(inner, dict) and rest:
        for one in _inner(inner, rest):
            yield body if one is inner else {**body, first: one}
    elif isinstance(inner, list) and inner:
        for item in inner:
            deeper = _inner(item, rest) if rest and isinstance(item, dict) else [item]
            yield from ({**body, first: one} for one in deeper)
    else:
        yield body
