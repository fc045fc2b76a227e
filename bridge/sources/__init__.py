"""Sources: who may send webhooks, how their requests are authenticated, and how a request becomes an event.

This package imports nothing else of ours and knows no web framework: requests are plain values, the time is an
argument, and nothing here performs I/O.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.sources.authentication import Authenticated, Authenticator
    from bridge.sources.builder import build, problems
    from bridge.sources.errors import SignatureError, SourceError, SourceSettingsError, Unreadable
    from bridge.sources.event_body import Fault, Limits, ParsedEvent
    from bridge.sources.postback import PostbackFacts, observation, suggested_url, tracker_url
    from bridge.sources.request import Headers, Incoming, parse_pairs
    from bridge.sources.schema import SourceSchema
    from bridge.sources.source import AcceptedEvent, Source

#: Module → the names that it gives to this package. It is loaded when one of its names is first asked for: settings
#: need to know how a source may be written, and neither signatures nor cryptography.
_NAMES = {
    "authentication": (
        "Authenticated",
        "Authenticator",
    ),
    "builder": (
        "build",
        "problems",
    ),
    "errors": (
        "SignatureError",
        "SourceError",
        "SourceSettingsError",
        "Unreadable",
    ),
    "event_body": (
        "Fault",
        "Limits",
        "ParsedEvent",
    ),
    "postback": (
        "PostbackFacts",
        "observation",
        "suggested_url",
        "tracker_url",
    ),
    "request": (
        "Headers",
        "Incoming",
        "parse_pairs",
    ),
    "schema": ("SourceSchema",),
    "source": (
        "AcceptedEvent",
        "Source",
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
