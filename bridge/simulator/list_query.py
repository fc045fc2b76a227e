"""Lists: filter, search, sort, page, cut to fields. Works on plain dictionaries and knows no noun."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bridge.simulator.errors import bad

MAX_PAGE = 100  # "The API max limit is 100"
OPERATORS = ("eq", "gte", "lte")  # the only ones seen in any source
PAGING = frozenset({"page[number]", "page[size]"})
KNOWN_PARAMETERS = PAGING | {"sort", "fields", "query"}

_SORT = re.compile(r"-?[\w.]+(,-?[\w.]+)*")
_FILTER = re.compile(r"^filter\[([^\[\]]+)\](?:\[([^\[\]]+)\])?$")

Query = Mapping[str, Sequence[str]]
Item = Mapping[str, Any]
T = TypeVar("T")


def page_of(
    things: Iterable[T],
    query: Query,
    *,
    default_size: int,
    view: Callable[[T], Item],
    peek: Callable[[T, str], Any] = lambda _thing, _field: None,
) -> dict[str, Any]:
    """Return the envelope of a list: one page of data, and meta over all rows that match the filter.

    Only the necessary rows are viewed: without filter and order that is the page itself. `peek` gives a field without
    the whole view, or None.
    """
    size = whole_number(query, "page[size]", default=default_size, highest=MAX_PAGE)
    number = whole_number(query, "page[number]", default=1)
    first, everything = (number - 1) * size, list(things)
    if PAGING.issuperset(query):
        count, data = len(everything), [view(thing) for thing in everything[first : first + size]]
    else:
        kept = _sorted(_filtered([view(thing) for thing in _likely(everything, query, peek)], query), query)
        count, data = len(kept), [_cut(item, query) for item in kept[first : first + size]]
    return {"data": data, "meta": {"total_count": count, "total_page": -(-count // size)}}


def whole_number(query: Query, name: str, *, default: int | None, highest: int | None = None) -> int:
    text = one(query, name)
    if text is None:
        if default is None:
            raise bad(name, "is required")
        return default
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) < 1:
        raise bad(name, "must be a whole number from 1")
    if highest is not None and int(text) > highest:
        raise bad(name, f"must not be above {highest}")
    return int(text)


def one(query: Query, name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise bad(name, "must be given once")
    return values[0] if values else None


def words(query: Query, name: str) -> list[str]:
    """Return the values of a repeated key, of a comma list, or of both: the form of arrays is not documented."""
    return [part.strip() for text in query.get(name, ()) for part in text.split(",") if part.strip()]


def _likely(things: list[T], query: Query, peek: Callable[[T, str], Any]) -> list[T]:
    """Leave out rows that a filter excludes by a cheap check: to find one of ten thousand, few need to be viewed."""
    for name in query:
        found = _FILTER.match(name)
        if found is None or found[2] not in {None, "eq"}:
            continue
        field, wanted = found[1], {text.casefold() for text in words(query, name)}
        things = [one for one in things if not isinstance(seen := peek(one, field), str) or seen.casefold() in wanted]
    return things


def _filtered(items: list[Item], query: Query) -> list[Item]:
    for name in query:
        if name in KNOWN_PARAMETERS:
            continue
        found = _FILTER.match(name)
        if found is None:
            raise bad(name, "unknown query parameter")
        path, operator = found[1], found[2] or "eq"
        if operator not in OPERATORS:
            raise bad(name, f"unknown operator {operator!r}; known are {', '.join(OPERATORS)}")
        _known(items, path, name)
        wanted = words(query, name)
        items = [item for item in items if _holds(value_at(item, path), operator, wanted)]
    text = (one(query, "query") or "").casefold()
    return [item for item in items if not text or _mentions(item, text)]


def value_at(item: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(item, Mapping) or part not in item:
            return None
        item = item[part]
    return item


def _known(items: Sequence[Item], path: str, name: str) -> None:
    root = path.split(".", maxsplit=1)[0]
    if items and root not in items[0]:
        raise bad(name, f"there is no field {root!r} to filter by")


def _holds(value: Any, operator: str, wanted: Sequence[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_compare(each, operator, text) for each in values for text in wanted)


def _compare(value: Any, operator: str, text: str) -> bool:
    if value is None:
        return False
    if operator == "eq":
        return _as_text(value).casefold() == text.casefold() or _number(text) == value is not None
    if not _is_number(value):
        return _as_text(value) >= text if operator == "gte" else _as_text(value) <= text
    number = _number(text)
    if number is None:
        raise bad("filter", f"{text!r} is not a number")
    return bool(value >= number if operator == "gte" else value <= number)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _mentions(item: Item, text: str) -> bool:
    return any(isinstance(value, str) and text in value.casefold() for value in item.values())


def _sorted(items: list[Item], query: Query) -> list[Item]:
    """Sort by several fields, the last one first, because sorting is stable."""
    if any(not _SORT.fullmatch(text) for text in query.get("sort", ())):
        raise bad("sort", "must look like -name,id")
    for name in reversed(words(query, "sort")):
        field = name.removeprefix("-")
        if items and value_at(items[0], field) is None and field.split(".")[0] not in items[0]:
            raise bad("sort", f"there is no field {field!r} to sort by")
        items = sorted(items, key=_order(field), reverse=name.startswith("-"))
    return items


def _order(field: str) -> Callable[[Item], tuple[int, Any]]:
    def key(item: Item) -> tuple[int, Any]:
        value = value_at(item, field)
        if isinstance(value, (int, float)):
            return 1, value
        return (0, "") if value is None else (2, str(value).casefold())

    return key


def _cut(item: Item, query: Query) -> Item:
    fields = words(query, "fields")
    return {name: item[name] for name in fields if name in item} if fields else item
