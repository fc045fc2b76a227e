"""Telling people and programs: channels, wording, signed outgoing webhooks. State lives in bridge.store.notices."""

from bridge.notices.catalogue import catalogue
from bridge.notices.channels import Channel, ChannelSchema, ChannelSettingsError, channel
from bridge.notices.endpoint import Attempt, attempt, client
from bridge.notices.ladder import Health
from bridge.notices.people import send
from bridge.notices.wording import Told, compose, envelope

__all__ = [
    "Attempt",
    "Channel",
    "ChannelSchema",
    "ChannelSettingsError",
    "Health",
    "Told",
    "attempt",
    "catalogue",
    "channel",
    "client",
    "compose",
    "envelope",
    "send",
]
