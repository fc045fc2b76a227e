"""Requests to servers that are not Integr8: outgoing webhooks and the `http` action of rules."""

from bridge.outgoing.action import HttpPolicy, HttpPolicySchema, http_policy, outgoing, perform
from bridge.outgoing.client import Answer, Bounds, Outgoing
from bridge.outgoing.errors import NoAnswer, NotSent, OutgoingError, Refused
from bridge.outgoing.policy import Destination, destination

__all__ = [
    "Answer",
    "Bounds",
    "Destination",
    "HttpPolicy",
    "HttpPolicySchema",
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
