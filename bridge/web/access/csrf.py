"""Protection against forms that another site sends (CSRF).

Every form of a session carries the secret of that session. The form of signing in has no session yet: there the
browser says where it comes from.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from flask import request, session

from bridge.services.container import Services


def begin() -> None:
    """Give a new session its secret."""
    session["form"] = secrets.token_urlsafe(24)


def is_of_this_session() -> bool:
    """Return whether the submitted form has the secret of this session."""
    return hmac.compare_digest(request.form.get("form", "").encode(), session.get("form", "-").encode())


def is_from_elsewhere(services: Services) -> bool:
    """Return whether another site sent this form: the sign-in form has no session, so it has no secret.

    Every present browser sends the origin of a form, in one header or the other; a client without it is not a browser.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    here = {request.host, urlsplit(services.settings.public_url or "").netloc}  # a proxy may have changed the host
    return origin is not None and origin.partition("://")[2] not in here - {""}  # it is a scheme and a host, or `null`
