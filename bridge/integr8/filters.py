"""Turn filters and sort orders from a person's spelling into Integr8's query."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from bridge.integr8.query_schemas import FILTER_OPERATORS, FOREIGN_OPERATORS

Filter: TypeAlias = Mapping[str, Any]


def filter_query(wanted: Filter | Any | None) -> dict[str, Any]:
    """Convert `{"active": True, "payout": {"gte": 3}}` to `{"filter[active]": True, "filter[payout][gte]": 3}`.

    Fields inside an object are written with dots or nested: `{"manager.id": "m1"}`, `{"manager": {"id": "m1"}}`.
    Without an operator a filter means "equals". Nothing is checked here; `core.build` does it, and refuses operators of
    other APIs (`{"advertiser_id": {"ne": 2}}`), which it never takes for a field's name.
    """
    if wanted is not None and not isinstance(wanted, Mapping):
        return {"filter": wanted}  # refused as no parameter
    query: dict[str, Any] = {}
    for field, value in (wanted or {}).items():
        query |= _entries(field, value)
    return query


def _entries(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {f"filter[{field}]": value}
    if not value:
        return {f"filter[{field}]": None}
    entries: dict[str, Any] = {}
    for key, inner in value.items():
        if key not in FILTER_OPERATORS and key.lower() not in FOREIGN_OPERATORS:
            entries |= _entries(f"{field}.{key}", inner)
        elif key == "eq":
            entries[f"filter[{field}]"] = inner
        else:
            entries[f"filter[{field}][{key}]"] = inner
    return entries


def sort_query(order: str | Sequence[str] | None) -> dict[str, str]:
    """Convert `"-name"` or `["-name", "id"]`; a minus sorts downwards."""
    if not order:
        return {}
    return {"sort": order if isinstance(order, str) else ",".join(order)}
