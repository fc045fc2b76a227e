"""Sources: who may send webhooks, how their requests are authenticated, and how a request becomes an event.

This package imports nothing else of ours and knows no web framework: requests are plain values, the time is an
argument, and nothing here performs I/O.
"""

from bridge.sources.authentication import Authenticated, Authenticator
from bridge.sources.build import build, problems
from bridge.sources.errors import SignatureError, SourceError, SourceSettingsError, Unreadable
from bridge.sources.event_body import Fault, Limits, ParsedEvent
from bridge.sources.postback import PostbackFacts, observation, suggested_url, tracker_url
from bridge.sources.request import Headers, Incoming, parse_pairs
from bridge.sources.schema import SourceSchema
from bridge.sources.source import AcceptedEvent, Source

__all__ = [
    "AcceptedEvent",
    "Authenticated",
    "Authenticator",
    "Fault",
    "Headers",
    "Incoming",
    "Limits",
    "ParsedEvent",
    "PostbackFacts",
    "SignatureError",
    "Source",
    "SourceError",
    "SourceSchema",
    "SourceSettingsError",
    "Unreadable",
    "build",
    "observation",
    "parse_pairs",
    "problems",
    "suggested_url",
    "tracker_url",
]
