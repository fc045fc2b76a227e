"""Is a text a cron expression? Only that: due times are reckoned where the clock is."""

from rules.model.spelling import listed

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "weekday": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}


def problem(expression: str) -> str | None:
    """What is wrong with a five-field cron expression, or None. Lists, ranges, steps and names are known."""
    parts = expression.split()
    if len(parts) != 5:
        return f"a cron expression has five fields ({listed(name for name, *_ in _FIELDS)}), not {len(parts)}"
    for text, (name, low, high) in zip(parts, _FIELDS, strict=True):
        for item in text.split(","):
            if not _fits(item, name, low, high):
                return f"'{item}' is no {name} between {low} and {high}"
    return None


def _fits(item: str, name: str, low: int, high: int) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= high):
        return False
    if span == "*":
        return True
    begin, dash, end = span.partition("-")
    first, last = _number(begin, name), _number(end, name) if dash else None
    if first is None or not low <= first <= high:
        return False
    return not dash or (last is not None and first <= last <= high)


def _number(text: str, name: str) -> int | None:
    if text.isdecimal() and len(text) <= 2:
        return int(text)
    names = _NAMES.get(name, ())
    return names.index(text.lower()) + (name == "month") if text.lower() in names else None
