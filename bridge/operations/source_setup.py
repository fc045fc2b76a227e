"""Set a source up: the address for its sender, a test event, and an entry of bridge.yaml from a preset.

Address and test event hold the token or a signature, so they are for whoever may read bridge.yaml.
"""

from urllib.parse import quote

import httpx

from bridge.operations.errors import NotThere, OperationError, Refused, Unanswered
from bridge.services import running_service
from bridge.services.container import Services
from bridge.sources import suggested_url, tracker_url
from bridge.sources.authentication import TokenAuthenticator
from bridge.sources.samples import NoSample, Sample, sample

BASE_URL = "http://127.0.0.1:8000"
ANSWER_TIMEOUT = 10  # seconds for the answer to a test event


def address(
    services: Services,
    source: str,
    kind: str = "conversion",
    *,
    base_url: str | None = None,
    tracker: str | None = None,
) -> str:
    """Return the address that the sender posts to; for Integr8 and other trackers with all macros.

    `tracker` names the tracker of the macros, which must be the source's own. Raises NotThere or Refused.
    """
    config, base = _config(services, source), base_url_of(services, base_url)
    found = services.sources[source]
    own = config.get("dialect", "integr8" if found.is_postback else None)
    if tracker is not None and tracker != own:
        raise Refused(f"source {source!r}: reads {own or 'no'} postbacks; write format: postback, dialect: {tracker}")
    token = found.authenticator.tokens[0] if isinstance(found.authenticator, TokenAuthenticator) else None
    in_path = found.authenticator.takes_path
    if found.format == "integr8-postback":
        return suggested_url(base, source, token if in_path else None, kind)
    where = f"{base.rstrip('/')}/hooks/{quote(source, safe='')}"
    if token is not None and in_path:
        where += f"/{quote(token, safe='')}"
    elif isinstance(found.authenticator, TokenAuthenticator) and "query" in found.authenticator.places:
        where += f"?{quote(found.authenticator.parameter)}={quote(found.authenticator.tokens[0], safe='')}"
    return tracker_url(where, found.tracker) if found.tracker else where


def example(services: Services, source: str, *, base_url: str | None = None) -> Sample:
    """Return an event of the type `test` as this sender would send it.

    Raises NotThere, or OperationError with the reason.
    """
    try:
        config, public_url = _config(services, source), services.settings.public_url
        return sample(base_url_of(services, base_url), source, config, public_url=public_url)
    except NoSample as error:
        raise OperationError(str(error)) from error


def send(made: Sample) -> httpx.Response:
    """Send it through any proxy in front of the service. Raises Unanswered without an answer."""
    method = "GET" if made.body is None else "POST"
    try:
        return httpx.request(method, made.url, headers=dict(made.headers), content=made.body, timeout=ANSWER_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        where = made.url.partition("/hooks/")[0]  # what follows may hold the token
        raise Unanswered(f"{where}: {error}; does the service run? Its address is public_url of bridge.yaml") from error


def base_url_of(services: Services, given: str | None = None) -> str:
    """Return the service's address: as given, from bridge.yaml, or that of the service that runs on this home."""
    settings = services.settings
    return given or settings.public_url or running_service.address(settings.var) or BASE_URL


def _config(services: Services, source: str) -> dict[str, object]:
    found = services.settings.sources.get(source)
    if found is None:
        known = ", ".join(sorted(services.settings.sources)) or "none"
        raise NotThere(f"source {source!r}: not found; sources are: {known}")
    return dict(found)
