"""Who may speak to the bridge, how it proves itself, and how what it says becomes an event.

This package imports nothing else of ours and knows no web framework: requests come in as plain values, the
time is an argument, and nothing here performs I/O.
"""

from bridge.sources.authentication import Proof, Proved
from bridge.sources.build import build, problems
from bridge.sources.errors import SignatureError, SourceError, SourceSettingsError, Unreadable
from bridge.sources.event_body import Fault, Limits, Reading
from bridge.sources.postback import PostbackFacts, observation, suggested_url
from bridge.sources.request import Headers, Incoming, parse_pairs
from bridge.sources.schema import SourceSchema
from bridge.sources.source import Source, Taken

__all__ = [
    "Fault",
    "Headers",
    "Incoming",
    "Limits",
    "PostbackFacts",
    "Proof",
    "Proved",
    "Reading",
    "SignatureError",
    "Source",
    "SourceError",
    "SourceSchema",
    "SourceSettingsError",
    "Taken",
    "Unreadable",
    "build",
    "observation",
    "parse_pairs",
    "problems",
    "suggested_url",
]
