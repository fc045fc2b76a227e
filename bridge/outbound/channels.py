"""A `channels:` entry of bridge.yaml: where notices go, how they are grouped, how they are signed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema
from standardwebhooks import Webhook

from bridge.outbound.address_policy import Network
from bridge.outbound.http import Destination, destination
from bridge.sources.schema import secrets
from bridge.sources.standard_webhooks import webhook_key
from bridge.sources.strict_schema import Duration, Networks, Problem, StrictSchema, Texts, flatten
from rules.model.topics import FORMER_NAMES

EVENT_NAMES = ("current", "former")  # which names of events a webhook gets, where names have changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to notify people or programs. Exactly one of `apprise` and `webhook` is set."""

    name: str
    apprise: tuple[str, ...] = field(default=(), repr=False)
    webhook: Destination | None = None
    url: str = field(default="", repr=False)
    keys: tuple[Webhook, ...] = field(default=(), repr=False)
    private: tuple[Network, ...] = ()
    timeout: timedelta = timedelta(seconds=15)
    group: timedelta = timedelta(seconds=10)  # notices that come within it go out as one message
    digest: timedelta | None = None  # one message per so much time, told owner by owner
    former_names: bool = False  # a webhook whose receiver knows event types by the names of the version before

    @property
    def kind(self) -> str:
        return "webhook" if self.webhook else "apprise"


class ChannelSettingsError(ValueError):
    """An entry of `channels:` is unusable; one (path, words) pair for each problem."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{path}: {words}" for path, words in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["ChannelSettingsError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class ChannelSchema(StrictSchema):
    """{apprise: URL or URLs} for people, {webhook: URL, secret: ...} for programs."""

    apprise = Texts()
    webhook = fields.String()
    secret = fields.String(validate=validate.Length(min=1, error="is empty"))
    secrets = Texts()
    allow_private = Networks(load_default=())
    timeout = Duration(validate=validate.Range(timedelta(seconds=1), timedelta(seconds=30)))
    group = Duration(validate=validate.Range(timedelta(0), timedelta(hours=1)))
    digest = Duration(validate=validate.Range(timedelta(minutes=1), timedelta(days=7)))
    event_names = fields.String(validate=validate.OneOf(EVENT_NAMES, error=f"write {' or '.join(EVENT_NAMES)}"))

    @validates_schema(skip_on_field_errors=True)
    def one_way(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("apprise" in data) == ("webhook" in data):
            raise ValidationError("a channel has either apprise (an address) or webhook (an address and a secret)")
        if "webhook" in data:
            _check_webhook(data)
        else:
            _check_apprise(data)


def channel(name: str, config: Mapping[str, Any]) -> Channel:
    """Create a channel. Raises ChannelSettingsError with every problem of its entry."""
    try:
        data: dict[str, Any] = ChannelSchema().load(dict(config))
    except ValidationError as error:
        raise ChannelSettingsError(flatten(f"channels.{name}", error.messages)) from None
    given = {key: data[key] for key in ("timeout", "group", "digest") if key in data}
    if "apprise" in data:
        return Channel(name=name, apprise=data["apprise"], **given)
    return Channel(
        name=name,
        webhook=destination(data["webhook"].partition("?")[0]),
        url=data["webhook"],
        keys=tuple(webhook_key(secret) for secret in secrets(data)),
        private=data["allow_private"],
        former_names=data.get("event_names", "former") == "former",
        **given,
    )


def name_warning(config: Mapping[str, Any]) -> str | None:
    """Return what an entry of `channels:` should say about the names of events; None if it says so or gets none."""
    if "webhook" not in config or "event_names" in config:
        return None
    changed = ", ".join(f"bridge.{old} is now called bridge.{new}" for new, old in FORMER_NAMES.items())
    return f"{changed}; the old names are sent for one more version; write event_names: current once the receiver knows"


def _check_webhook(data: Mapping[str, Any]) -> None:
    try:
        destination(data["webhook"].partition("?")[0])
    except ValueError as error:
        raise ValidationError(str(error), "webhook") from None
    if not secrets(data):
        raise ValidationError(
            "webhook needs a secret: receivers must be able to tell our messages from others", "secret"
        )
    for secret in secrets(data):
        try:
            webhook_key(secret)
        except ValueError as error:
            raise ValidationError(str(error), "secret" if "secret" in data else "secrets") from None


def _check_apprise(data: Mapping[str, Any]) -> None:
    for key in ("secret", "secrets", "allow_private", "event_names"):
        if data.get(key):
            raise ValidationError("belongs to a webhook; remove it", key)
    for url in data["apprise"]:
        if not import_module("apprise").Apprise.instantiate(url):  # never repeat the address: it holds the credentials
            raise ValidationError("not an address that Apprise knows; see https://appriseit.com/services/", "apprise")
