"""Introducing a source to its sender: the address to paste there, and a test event with a correct proof.

Both hold what the source proves itself with, so they are for whoever may read bridge.yaml.
"""

import httpx

from bridge.operations.errors import NotThere, OperationError, Unanswered
from bridge.services.container import Services
from bridge.sources import suggested_url
from bridge.sources.samples import NoSample, Sample, sample

BASE_URL = "http://127.0.0.1:8000"
PATIENCE = 10  # seconds for the answer to a test event


def address(services: Services, source: str, kind: str = "conversion", *, base_url: str | None = None) -> str:
    """Where the sender posts to; for Integr8 with its macros in place. Raises NotThere."""
    config, base = _config(services, source), _base(services, base_url)
    if config.get("format") == "integr8-postback":
        token = config.get("token")
        return suggested_url(base, source, str(token) if token else None, kind)
    return f"{base.rstrip('/')}/hooks/{source}"


def example(services: Services, source: str, *, base_url: str | None = None) -> Sample:
    """An event of the type `test` as this sender would send it. Raises NotThere, or OperationError with the reason."""
    try:
        return sample(_base(services, base_url), source, _config(services, source))
    except NoSample as error:
        raise OperationError(str(error)) from error


def send(made: Sample) -> httpx.Response:
    """Send it, through whatever stands before the service. Raises Unanswered where nobody answers."""
    method = "GET" if made.body is None else "POST"
    try:
        return httpx.request(method, made.url, headers=dict(made.headers), content=made.body, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        where = made.url.partition("/hooks/")[0]  # what follows may hold the proof
        raise Unanswered(f"{where}: {error}; does the service run? Its address is public_url of bridge.yaml") from error


def _base(services: Services, given: str | None) -> str:
    return given or services.settings.public_url or BASE_URL


def _config(services: Services, source: str) -> dict[str, object]:
    found = services.settings.sources.get(source)
    if found is None:
        known = ", ".join(sorted(services.settings.sources)) or "none"
        raise NotThere(f"source {source!r}: there is none; sources are: {known}")
    return dict(found)
