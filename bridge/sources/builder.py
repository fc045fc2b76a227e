"""Make a Source from a `sources:` entry."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError

from bridge.sources import public_keys
from bridge.sources.authentication import Authenticator, NoAuthentication, TokenAuthenticator
from bridge.sources.credentials import BasicAuthenticator, BearerAuthenticator
from bridge.sources.errors import SourceSettingsError
from bridge.sources.event_body import Limits
from bridge.sources.presets import PRESETS, Preset
from bridge.sources.schema import SourceSchema, modernised, secrets
from bridge.sources.secret_keys import key as signing_key
from bridge.sources.setup_calls import SetupCalls
from bridge.sources.signatures import AnyForm, HmacAuthenticator, PublicKeyAuthenticator, weaknesses
from bridge.sources.signed_text import SignedText
from bridge.sources.source import Source
from bridge.sources.split import AUTO, NEVER
from bridge.sources.standard_webhooks import StandardWebhooks, webhook_key
from bridge.sources.strict_schema import Networks, Problem, flatten
from bridge.sources.trackers import TRACKERS

POSTBACKS = ("integr8-postback", "postback")
MIN_SECRET_CHARS = 16  # characters; a secret below that can be tried out


def build(
    name: str, config: Mapping[str, Any], *, trusted_proxies: Iterable[str] = (), public_url: str | None = None
) -> Source:
    """Build a source. Raises SourceSettingsError with every problem of its entry.

    `trusted_proxies` are those of the whole service; the entry's own override them. `public_url` is the address of the
    service for senders, which some of them sign.
    """
    path = f"sources.{name}"
    entry, renamed = modernised(config)
    try:
        data: dict[str, Any] = SourceSchema().load(entry)
        proxies = data.get("trusted_proxies", Networks().deserialize(list(trusted_proxies)) if trusted_proxies else ())
    except ValidationError as error:
        raise SourceSettingsError(flatten(path, error.messages)) from None
    method = entry.get("preset", entry["verify"])
    preset = PRESETS.get(method)
    authenticator = _in_any_form(data, entry, preset, public_url)
    places = ("event_type", "delivery_id", "shown_id", "event_time", "order_by", "order_per", "json_in")
    return Source(
        name=name,
        method=method,
        authenticator=authenticator,
        allow=data.get("allow_ips", ()),
        proxies=tuple(proxies),
        format="integr8-postback" if data.get("dialect") == "integr8" else data["format"],
        tracker=TRACKERS.get(data.get("dialect", "")),
        limits=Limits(body=data["max_body"], inflated=data["max_inflated"], depth=data["max_depth"]),
        **{key: data.get(key) for key in places},
        split=data["split"],
        zone=data["timezone"],
        names=data["map"],
        expects=tuple(data["expects"]),
        on_mismatch=data.get("on_mismatch", "quarantine" if data["format"] in POSTBACKS else "refuse"),
        status=preset.status if preset else 202,
        setup=_setup(preset, data),
        warnings=tuple(f"{path}: {words}" for words in (*renamed, *_warnings(data, authenticator, preset))),
    )


def _setup(preset: Preset | None, data: Mapping[str, Any]) -> SetupCalls | None:
    if preset is None or preset.setup is None:
        return None
    secret = next(iter(secrets(data)), "").encode()
    return SetupCalls(kind=preset.setup, secret=secret, verify_tokens=secrets(data, "verify_token", "-"))


def problems(name: str, config: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the problems of an entry, as (path, words); empty if there are none."""
    try:
        build(name, config)
    except SourceSettingsError as error:
        return error.problems
    return ()


def _authenticator(data: Mapping[str, Any], public_url: str | None) -> Authenticator:  # noqa: PLR0911 - one per method
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
            shared = tuple(webhook_key(secret, data.get("secret_form")) for secret in secrets(data))
            return StandardWebhooks(shared, data["tolerance"], _public_keys(data))
        case "public-key":
            text, encoding = _signed_text(data, public_url), data.get("encoding", "base64")
            return PublicKeyAuthenticator(keys=_public_keys(data), text=text, encoding=encoding)
        case "http-signature":
            from bridge.sources.http_signatures import COVERED, HttpSignature  # noqa: PLC0415 - few need the library

            keys = tuple(signing_key(secret, data.get("secret_form", "text")) for secret in secrets(data))
            covered = tuple(data.get("covered", COVERED))
            return HttpSignature(keys, _public_keys(data), data["tolerance"], covered, public_url)
        case "jwt":
            return _web_token(data)
        case _:
            return _hmac(data, public_url)


def _web_token(data: Mapping[str, Any]) -> Authenticator:
    from bridge.sources.json_web_token import WebToken, public_key, shared_key  # noqa: PLC0415 - few need the library

    form = data.get("secret_form", "text")
    shared = (shared_key(signing_key(secret, form)) for secret in secrets(data))
    keys = (*shared, *(public_key(key) for key in _public_keys(data)))
    return WebToken(
        header=data["header"],
        claim=data["claim"],
        keys=keys,
        prefix=data.get("prefix", ""),
        tolerance=data["tolerance"],
    )


def _hmac(data: Mapping[str, Any], public_url: str | None) -> HmacAuthenticator:
    form = data.get("secret_form", "text")
    return HmacAuthenticator(
        secrets=tuple(signing_key(secret, form) for secret in secrets(data)),
        text=_signed_text(data, public_url),
        digest=data.get("digest", "sha256"),
        encoding=data.get("encoding", "hex"),
    )


def _in_any_form(
    data: Mapping[str, Any], entry: Mapping[str, Any], preset: Preset | None, public_url: str | None
) -> Authenticator:
    """Return the authenticator of an entry. An entry that defines its signature has only that form."""
    if preset is None or not preset.other_forms or {"header", "signature", "signed", "prefix"} & set(entry):
        return _authenticator(data, public_url)
    return AnyForm(tuple(_hmac({**data, **form}, public_url) for form in ({}, *preset.other_forms)))


def _public_keys(data: Mapping[str, Any]) -> tuple[public_keys.PublicKey, ...]:
    return tuple(public_keys.load(text) for text in secrets(data, "public_key", "public_keys"))


def _signed_text(data: Mapping[str, Any], public_url: str | None) -> SignedText:
    keys = (
        *("prefix", "signed", "separator", "signature_part", "timestamp_part", "timestamp", "id_header", "tolerance"),
        "webhook_id",
    )
    chosen = {key: data[key] for key in keys if key in data}
    if "timestamp_header" in data:
        chosen["timestamp"] = f"header:{data['timestamp_header']}"
    signature = data.get("signature") or f"header:{data['header']}"
    each = data["split"] if ":" not in signature and data["split"] != AUTO else NEVER
    return SignedText(signature=signature, public_url=public_url, each=each, **chosen)


def _is_signed(authenticator: Authenticator, where: str) -> bool:
    if where.startswith("query:") and authenticator.covers_query:
        return True
    text = getattr(authenticator, "text", None)
    if not isinstance(text, SignedText) or "{id}" not in text.signed:
        return False
    return where.removeprefix("header:").strip().lower() == (text.id_header or "").lower()


def _warnings(data: Mapping[str, Any], authenticator: Authenticator, preset: Preset | None) -> list[str]:
    found = []
    if data["verify"] == "none" and "allow_ips" not in data:
        found.append("verify: none lets anybody who knows the address send events; add a token or allow_ips")
    if data["verify"] == "allow-ips":
        found.append("an address does not authenticate what was sent; add a token where the sender can carry one")
    if "order_by" in data and "order_per" not in data:
        found.append(
            "order_by without order_per: each rule goes by its own subject or `ensure` key, and one that has neither "
            "takes events as they come; name what they are about, for example order_per: deal.id"
        )
    if isinstance(authenticator, HmacAuthenticator | PublicKeyAuthenticator | AnyForm):
        found.extend(weaknesses(authenticator.text))
        if authenticator.text.covers_url and authenticator.text.public_url is None:
            found.append("this sender signs its address, so nothing of it can be taken; set public_url in bridge.yaml")
    if preset is not None and preset.setup == "meta" and "verify_token" not in data:
        found.append("Meta checks the address with a word of your choice; set verify_token to it")
    where = data.get("delivery_id", "")
    if authenticator.signs and ":" in where and not _is_signed(authenticator, where):
        found.append(
            f"delivery_id: {where} is not covered by the signature, so a replay with another id is a new event; "
            f"write shown_id: {where} instead: it is shown, and the signed body tells events apart"
        )
    values = (*secrets(data), *secrets(data, "token", "tokens"), *secrets(data, "password", "passwords"))
    if any(len(value) < MIN_SECRET_CHARS for value in values):
        found.append(
            f"a secret of fewer than {MIN_SECRET_CHARS} characters can be guessed; `openssl rand -base64 32` makes one"
        )
    return found
