"""From a `sources:` entry to a Source."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError

from bridge.sources.authentication import Authenticator, NoAuthentication, TokenAuthenticator
from bridge.sources.credentials import BasicAuthenticator, BearerAuthenticator
from bridge.sources.errors import SourceSettingsError
from bridge.sources.event_body import Limits
from bridge.sources.schema import SourceSchema, modernised, secrets
from bridge.sources.signatures import PRESETS, HmacAuthenticator, weaknesses
from bridge.sources.source import Source
from bridge.sources.split import AUTO
from bridge.sources.standard_webhooks import StandardWebhooks, webhook_key
from bridge.sources.strict_schema import Networks, Problem, flatten

POSTBACKS = ("integr8-postback",)
SHORT = 16  # characters; a secret below that can be tried out


def build(name: str, config: Mapping[str, Any], *, trusted_proxies: Iterable[str] = ()) -> Source:
    """Make a source, or raise SourceSettingsError with every problem of its entry.

    `trusted_proxies` are those of the whole service; the entry's own go before them.
    """
    path = f"sources.{name}"
    entry, renamed = modernised(config)
    try:
        data: dict[str, Any] = SourceSchema().load(entry)
        proxies = data.get("trusted_proxies", Networks().deserialize(list(trusted_proxies)) if trusted_proxies else ())
    except ValidationError as error:
        raise SourceSettingsError(flatten(path, error.messages)) from None
    preset = PRESETS.get(data.get("preset", data["verify"]), {})
    places = {key: data.get(key, preset.get(key)) for key in ("event_type", "delivery_id", "shown_id", "event_time")}
    authenticator = _authenticator(data, preset)
    return Source(
        name=name,
        method=data.get("preset", data["verify"]),
        authenticator=authenticator,
        allow=data.get("allow_ips", ()),
        proxies=tuple(proxies),
        format=data["format"],
        limits=Limits(body=data["max_body"], inflated=data["max_inflated"], depth=data["max_depth"]),
        **places,
        split=data["split"] if data["split"] != AUTO else preset.get("split", AUTO),
        json_in=data.get("json_in"),
        order_by=data.get("order_by"),
        order_per=data.get("order_per"),
        zone=data["timezone"],
        names=data["map"],
        expects=tuple(data["expects"]),
        on_mismatch=data.get("on_mismatch", "quarantine" if data["format"] in POSTBACKS else "refuse"),
        warnings=tuple(f"{path}: {words}" for words in (*renamed, *_warnings(data, authenticator))),
    )


def problems(name: str, config: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with an entry, as (path, words); empty when nothing is."""
    try:
        build(name, config)
    except SourceSettingsError as error:
        return error.problems
    return ()


def _authenticator(data: Mapping[str, Any], preset: Mapping[str, Any]) -> Authenticator:
    match data["verify"]:
        case "none" | "allow-ips":
            return NoAuthentication()
        case "token":
            places = tuple(data.get("in", ("path", "query")))
            return TokenAuthenticator(
                secrets(data, "token", "tokens"), places, data.get("parameter", "token"), data.get("header")
            )
        case "bearer":
            return BearerAuthenticator(secrets(data, "token", "tokens"))
        case "basic":
            return BasicAuthenticator(data["username"], secrets(data, "password", "passwords"))
        case "standard-webhooks":
            return StandardWebhooks(tuple(webhook_key(secret) for secret in secrets(data)), data["tolerance"])
        case _:
            return _hmac(data, preset)


def _hmac(data: Mapping[str, Any], preset: Mapping[str, Any]) -> HmacAuthenticator:
    keys = ("header", "digest", "encoding", "prefix", "signed")
    parts = ("signature_part", "timestamp_part", "timestamp_header", "id_header")
    chosen = {key: data.get(key, preset.get(key)) for key in (*keys, *parts)}
    return HmacAuthenticator(
        secrets=tuple(secret.encode() for secret in secrets(data)),
        tolerance=data["tolerance"],
        **{key: value for key, value in chosen.items() if value is not None},
    )


def _is_signed(authenticator: Authenticator, where: str) -> bool:
    if not isinstance(authenticator, HmacAuthenticator) or "{id}" not in authenticator.signed:
        return False
    return where.removeprefix("header:").strip().lower() == (authenticator.id_header or "").lower()


def _warnings(data: Mapping[str, Any], authenticator: Authenticator) -> list[str]:
    found = []
    if data["verify"] == "none" and "allow_ips" not in data:
        found.append("verify: none lets anybody who knows the address send events; add a proof or allow_ips")
    if data["verify"] == "allow-ips":
        found.append("an address is not a proof of what was sent; add a token where the sender can carry one")
    if "order_by" in data and "order_per" not in data:
        found.append(
            "order_by without order_per: each rule goes by its own subject or `ensure` key, and one that has neither "
            "takes events as they come; name what they are about, for example order_per: deal.id"
        )
    if isinstance(authenticator, HmacAuthenticator):
        found.extend(weaknesses(authenticator))
    where = data.get("delivery_id", "")
    if not authenticator.covers_query and ":" in where and not _is_signed(authenticator, where):
        found.append(
            f"delivery_id: {where} is not covered by the signature, so a replay with another id is a new event; "
            f"write shown_id: {where} instead: it is shown, and the signed body tells events apart"
        )
    values = (*secrets(data), *secrets(data, "token", "tokens"), *secrets(data, "password", "passwords"))
    if any(len(value) < SHORT for value in values):
        found.append(f"a secret of fewer than {SHORT} characters can be guessed; `openssl rand -base64 32` makes one")
    return found
