"""Messages to people and programs: channels, texts, signed outgoing webhooks.

State lives in bridge.store.notifications.
"""

from bridge.outbound.apprise import send
from bridge.outbound.channels import Channel, ChannelSchema, ChannelSettingsError, channel
from bridge.outbound.circuit_breaker import Health
from bridge.outbound.event_types import catalogue
from bridge.outbound.messages import Message, compose, envelope
from bridge.outbound.signed_webhook import Attempt, attempt, client

__all__ = [
    "Attempt",
    "Channel",
    "ChannelSchema",
    "ChannelSettingsError",
    "Health",
    "Message",
    "attempt",
    "catalogue",
    "channel",
    "client",
    "compose",
    "envelope",
    "send",
]
