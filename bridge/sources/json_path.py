"""Read and change values at a dotted path of a JSON body: `deal.contacts.0.email`."""

import re
from collections.abc import Mapping
from typing import Any

PATH = re.compile(r"[^.\s]+(\.[^.\s]+)*")


def walk(body: Mapping[str, Any], path: str) -> Any:
    """Return the value at `deal.contacts.0.email` in a body; None if the path ends early."""
    value: Any = body
    for step in path.split("."):
        if isinstance(value, (dict, Mapping)):  # most are a dict, and asking an abstract class takes longer
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def put(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value set; values in the way of the path are replaced."""
    first, _, rest = path.partition(".")
    if not rest:
        return {**body, first: value}
    inner = body.get(first)
    if isinstance(inner, list):
        return {**body, first: _put_item(inner, rest, value)}
    return {**body, first: put(inner if isinstance(inner, dict) else {}, rest, value)}


def _put_item(items: list[Any], path: str, value: Any) -> list[Any]:
    first, _, rest = path.partition(".")
    position = int(first)  # `walk` found something there, so it is one
    inner = items[position]
    new = put(inner, rest, value) if rest and isinstance(inner, dict) else value
    return [*items[:position], new, *items[position + 1 :]]


def drop(body: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a copy without one value. Items of lists stay: removing one would renumber the others."""
    first, _, rest = path.partition(".")
    if first not in body:
        return body
    if not rest:
        return {name: value for name, value in body.items() if name != first}
    inner = body[first]
    return {**body, first: drop(inner, rest)} if isinstance(inner, dict) else body
