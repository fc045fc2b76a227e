"""Requests to servers that are not Integr8: outgoing webhooks and the `http` action of rules."""

from bridge.outbound.address_policy import Destination, destination
from bridge.outbound.errors import NoAnswer, NotSent, OutgoingError, Refused
from bridge.outbound.http_action import (
    HttpPolicy,
    HttpPolicySchema,
    HttpSettingsError,
    http_policy,
    outgoing,
    perform,
)
from bridge.outbound.http_client import Answer, Bounds, Outgoing

__all__ = [
    "Answer",
    "Bounds",
    "Destination",
    "HttpPolicy",
    "HttpPolicySchema",
    "HttpSettingsError",
    "NoAnswer",
    "NotSent",
    "Outgoing",
    "OutgoingError",
    "Refused",
    "destination",
    "http_policy",
    "outgoing",
    "perform",
]
