"""A refused request, and the shapes in which Integr8 might word it (the real shape is not documented)."""

from collections.abc import Mapping
from typing import Any, Final

SHAPES: Final = ("error", "message", "errors", "problem")


class Refusal(Exception):
    """A request ends with this status and text; `field` names what was wrong with it."""

    def __init__(self, status: int, words: str, *, field: str | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.field = field


def bad(field: str, words: str) -> Refusal:
    return Refusal(400, f"{field}: {words}", field=field)


def missing(what: str, key: str) -> Refusal:
    return Refusal(404, f"no {what} with id {key!r}")


def body(status: int, words: str, *, field: str | None, shape: str) -> Mapping[str, Any]:
    match shape:
        case "message":
            return {"message": words, "code": status}
        case "errors":
            return {"errors": [{"field": field, "message": words}]}
        case "problem":
            return {"title": words.split(":", maxsplit=1)[0], "detail": words, "status": status}
        case _:
            return {"error": words}
