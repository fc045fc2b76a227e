"""The inputs of notifications: what they are made from and sent with.

Builds nothing; `bridge.operations.notify` does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.config.library import Library
from bridge.outbound.notices import Channel
from bridge.services.secrets import SecretsBox
from bridge.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationInputs:
    """The inputs for collecting and delivering notices: the database, the rules, and the channels of bridge.yaml."""

    store: Store
    clock: Callable[[], datetime]
    library: Library
    channels: Mapping[str, Channel]
    operations: Sequence[str]  # the channels that hear about the service itself
    public_url: str | None  # where a reader of a message finds the console
    box: Callable[[], SecretsBox]  # opens secrets on their way out
