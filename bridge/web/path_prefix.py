"""Serve everything below a path, as in https://example.com/bridge/: incoming paths, and each address in an answer.

The prefix is the path of `public_url`, or what a proxy of `trusted_proxies` says in X-Forwarded-Prefix. A proxy may
take it away or leave it: both arrive at the same page. Pages name each other by `/rules` and the like; the prefix is
put before that in the finished answer, because an address that somebody forgot would lead out of the service.
"""

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from flask import Flask, Response, request

from bridge.config.errors import SettingsError
from bridge.sources import SignatureError
from bridge.sources.addresses import parse, within
from bridge.sources.strict_schema import Network

Scope: TypeAlias = MutableMapping[str, Any]

HEADER = b"x-forwarded-prefix"
FORM = re.compile(r"(/[A-Za-z0-9._~-]{1,100}){1,10}")
ADDRESS = re.compile(r'(\s(?:href|src|action|formaction|hx-get|hx-post|data-address)=")(/[^"]*)(?=")')


def of_address(public_url: str | None) -> str:
    """Return the path of the service's address; "" if it has none."""
    path = _path(public_url)
    return path if FORM.fullmatch(path) else ""


def check(public_url: str | None, own: Collection[str]) -> None:
    """Raise SettingsError if the path cannot be used; `own` are the first parts of our own addresses."""
    path = _path(public_url)
    if path and not FORM.fullmatch(path):
        raise SettingsError(
            [f"bridge.yaml: public_url: {path!r} is not a path to serve below; use letters, digits, dots, `-` and `_`"]
        )
    if path and path.split("/")[1] in own:
        raise SettingsError(
            [f"bridge.yaml: public_url: {path} begins as a page of the service; serve it below another path"]
        )


def _path(public_url: str | None) -> str:
    return urlsplit(public_url or "").path.rstrip("/")


class PathPrefix:
    """Removes the prefix from the path of a request, and notes it in `root_path`."""

    def __init__(self, public_url: Callable[[], str | None], proxies: Sequence[str]) -> None:
        """Create it.

        `public_url` is called for each request, because bridge.yaml may change; `proxies` are trusted networks.
        """
        self._public_url = public_url
        self._proxies: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in proxies)
        self._known: tuple[str | None, str] = None, ""

    def __call__(self, scope: Scope) -> Scope:
        prefix = self._said(scope) or self._own()
        if not prefix:
            return scope
        raw = scope["raw_path"].decode("latin-1")
        below = raw == prefix or raw.startswith(f"{prefix}/")
        return {
            **scope,
            "root_path": prefix,
            "path": (scope["path"].removeprefix(prefix) or "/") if below else scope["path"],
            "raw_path": ((raw.removeprefix(prefix) or "/") if below else raw).encode("latin-1"),
        }

    def _own(self) -> str:
        url = self._public_url()
        if url != self._known[0]:
            self._known = url, of_address(url)
        return self._known[1]

    def _said(self, scope: Scope) -> str:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == HEADER]
        if len(values) != 1 or not FORM.fullmatch(values[0].rstrip("/")):
            return ""
        client = scope.get("client")
        try:
            trusted = client is not None and within(parse(str(client[0])), self._proxies)
        except SignatureError:
            return ""
        return values[0].rstrip("/") if trusted else ""


def register(app: Flask) -> None:
    """Add the prefix of each request to the addresses in its answer."""

    @app.after_request
    def prefixed(answer: Response) -> Response:
        prefix = request.script_root
        if not prefix:
            return answer
        if "Location" in answer.headers:
            answer.headers["Location"] = with_prefix(prefix, answer.headers["Location"])
        if answer.mimetype == "text/html" and not answer.direct_passthrough:
            answer.set_data(page_with_prefix(prefix, answer.get_data(as_text=True)))
        return answer


def with_prefix(prefix: str, address: str) -> str:
    """Return an address of ours below the prefix; any other address unchanged."""
    if not address.startswith("/") or address.startswith("//"):
        return address
    return address if address == prefix or address.startswith((f"{prefix}/", f"{prefix}?")) else prefix + address


def page_with_prefix(prefix: str, page: str) -> str:
    """Return a page with its addresses below the prefix.

    Texts from outside are escaped, so none is mistaken for one.
    """
    return ADDRESS.sub(lambda found: found[1] + with_prefix(prefix, found[2]), page)


def first_parts(rules: Iterable[str]) -> frozenset[str]:
    """Return the first parts of our paths, such as `rules` of `/rules/<name>`, which a prefix must not begin with."""
    return frozenset(part for rule in rules if (part := rule.split("/")[1]) and not part.startswith("<")) | {"hooks"}
