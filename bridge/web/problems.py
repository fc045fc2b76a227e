"""Return errors as RFC 9457 problem documents: what happened, where, and what to do about it."""

from typing import Any, NamedTuple

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from bridge.store.observations_away import ObservationsAway

MEDIA_TYPE = "application/problem+json"
AWAY_SECONDS = 30  # seconds after which observations may be there again


class Document(NamedTuple):
    """A response as plain values."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def as_flask(self) -> Response:
        return Response(self.body, status=self.status, headers=list(self.headers))


def document(status: int, title: str, detail: str, *, retry_after: int | None = None, **more: Any) -> Document:
    """Return one problem document. `detail` is for people and may be shown to the sender of the request."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    told = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)  # faults in lists are named by position
    headers = (("Content-Type", MEDIA_TYPE),)
    return Document(status, headers if retry_after is None else (*headers, ("Retry-After", str(retry_after))), told)


def problem(status: int, title: str, detail: str, *, retry_after: int | None = None, **more: Any) -> Response:
    """Return the same as a response of Flask."""
    return document(status, title, detail, retry_after=retry_after, **more).as_flask()


def register(app: Flask) -> None:
    """Answer every HTTP error of the application in this form.

    Call it last, because extensions add their own handlers.
    """

    @app.errorhandler(HTTPException)
    def _(error: HTTPException) -> Response:
        status = error.code or 500
        faults = (getattr(error, "data", None) or {}).get("messages")  # webargs: what is wrong, field by field
        more = {"errors": faults} if faults else {}
        detail = _said(faults) if faults else error.description
        return problem(status, error.name, detail or error.name, **more)

    @app.errorhandler(ObservationsAway)
    def _(error: ObservationsAway) -> Response:
        return problem(503, "Service Unavailable", str(error), retry_after=AWAY_SECONDS)


def _said(faults: Any, path: str = "") -> str:
    """Return places and problems, such as `state: 'quarantine' is none of ...; limit: Not a valid integer`."""
    if isinstance(faults, dict):
        places = {"query": "", "json": "", "form": "", "headers": ""} if not path else {}
        parts = (_said(inner, places.get(str(name), f"{path}.{name}".lstrip("."))) for name, inner in faults.items())
        return "; ".join(part for part in parts if part)
    texts = [str(one) for one in faults] if isinstance(faults, list) else [str(faults)]
    return f"{path}: {' '.join(texts)}" if path else " ".join(texts)
