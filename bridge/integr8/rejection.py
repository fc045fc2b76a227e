"""Reject a conversion through the tracker's own address: the only documented way to change its status.

Approved becomes Rejected with the reason given; an already rejected one gets the new reason; an unknown id
does nothing and says nothing; there is no way back. The address belongs to the tracker (an integration's
domain, or an offer's own), takes no API key, and stays off until an account names it.
"""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from bridge.integr8.call import Flow, converse
from bridge.integr8.catalogue import OUTSIDE
from bridge.integr8.core import Request
from bridge.integr8.errors import InvalidCall
from bridge.integr8.flows import AccountContext


def reject(context: AccountContext, url: str | None, transaction_id: str, reason: str) -> Flow[None]:
    """Reject one conversion. Raises InvalidCall when the account has no rejection address."""
    yield from converse(rejection(url, transaction_id, reason), context.call_options, context.secrets)


def rejection(url: str | None, transaction_id: str, reason: str) -> Request:
    """Return the request. Parameters of the address (a `secure` token, say) stay in it."""
    operation = OUTSIDE["conversions.reject"]
    if not url:
        raise InvalidCall(operation.name, "this account has no rejection_url; set it in bridge.yaml")
    problems = {
        place: "is missing"
        for place, value in (("transaction_id", transaction_id), ("reason", reason))
        if not value.strip()
    }
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        problems["rejection_url"] = "is not an http(s) address"
    if problems:
        raise InvalidCall(operation.name, problems)
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in {"new_rejected_reason", "transaction_id"}]
    query = [*kept, ("new_rejected_reason", reason), ("transaction_id", transaction_id)]
    target = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(query, quote_via=quote), ""))
    return Request(operation, "GET", target, secrets=tuple(value for _, value in kept))
