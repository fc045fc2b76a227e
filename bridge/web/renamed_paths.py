"""Keep old addresses working: an old console page redirects, an old API path is answered with a warning."""

import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog

from bridge.config.renamed import Kind, old_names

log = structlog.get_logger()


def _table(kind: Kind) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the pattern of an old path → the new path as a template. `NAME` stands for one part of a path."""
    return tuple(
        (re.compile(re.escape(old).replace("NAME", "([^/]+)") + "(?=/|$)"), new.replace("NAME", r"\1"))
        for new, olds in old_names(kind).items()
        for old in olds
    )


PAGES = _table("page of the console")
API = _table("API path")


def with_old_paths(app: WSGIApplication) -> WSGIApplication:
    """Return the same application, which answers at the old addresses for one more version."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        page = _renamed(PAGES, path)
        if page is not None:
            query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
            start_response(
                "308 Permanent Redirect",
                [("Location", environ.get("SCRIPT_NAME", "") + page + query), ("Content-Length", "0")],
            )
            return []
        new = _renamed(API, path)
        if new is None:
            return app(environ, start_response)
        log.warning("renamed path", path=path, remedy=f"call {new}; the old path works for one more version")

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            successor = ("Link", f'<{environ.get("SCRIPT_NAME", "")}{new}>; rel="successor-version"')
            return start_response(status, [*headers, ("Deprecation", "true"), successor], *more)

        return app({**environ, "PATH_INFO": new}, start)

    return answer


def _renamed(table: tuple[tuple[re.Pattern[str], str], ...], path: str) -> str | None:
    for pattern, new in table:
        if pattern.match(path):
            return pattern.sub(new, path, count=1)
    return None
