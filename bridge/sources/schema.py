"""The schema of a `sources:` entry of bridge.yaml. Secrets arrive already resolved from ${NAME}."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError, fields, pre_load, validate, validates_schema

from bridge.sources import postback, public_keys
from bridge.sources.event_body import Limits
from bridge.sources.expects import ExpectsField
from bridge.sources.presets import PRESETS
from bridge.sources.secret_keys import KEY_FORMS
from bridge.sources.secret_keys import key as signing_key
from bridge.sources.signatures import DIGESTS, ENCODINGS
from bridge.sources.standard_webhooks import TOLERANCE, webhook_key
from bridge.sources.strict_schema import Duration, Networks, Size, StrictSchema, Texts, one_of
from bridge.sources.trackers import TRACKERS

WAYS = (
    *("standard-webhooks", "hmac", "public-key", "http-signature", "jwt"),
    *("token", "bearer", "basic", "allow-ips", "none"),
)
TOKEN_PLACES = ("path", "query", "header", "body")  # of a token
FORMATS = ("auto", "json", "form", "query", "csv", "integr8-postback", "postback")
ADDRESS_PRESETS = {"integr8": postback.ADDRESSES}

# Which keys a method cannot do without (one of each group), and which it may have beside them.
_KEYS = ("public_key", "public_keys")
_PLACE = ("header", "signature", "preset")
NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "standard-webhooks": (("secret", "secrets", *_KEYS),),
    "hmac": (("secret", "secrets"), _PLACE),
    "public-key": (_KEYS, _PLACE),
    "http-signature": (("secret", "secrets", *_KEYS),),
    "jwt": (("secret", "secrets", *_KEYS), ("header", "preset"), ("claim", "preset")),
    "token": (("token", "tokens"),),
    "bearer": (("token", "tokens"),),
    "basic": (("username",), ("password", "passwords")),
    "allow-ips": (("allow_ips",),),
    "none": (),
}
_TEXT = frozenset(
    {
        *("tolerance", "preset", "header", "signature", "encoding", "prefix", "signed", "separator"),
        *(
            "signature_part",
            "timestamp_part",
            "timestamp_header",
            "timestamp",
            "id_header",
            "verify_token",
            "webhook_id",
        ),
    }
)
TAKES: Mapping[str, frozenset[str]] = {
    "standard-webhooks": frozenset({"secret", "secrets", "secret_form", "tolerance", *_KEYS}),
    "hmac": _TEXT | {"secret", "secrets", "digest", "secret_form"},
    "public-key": _TEXT | {*_KEYS},
    "http-signature": frozenset({"secret", "secrets", "secret_form", "tolerance", "covered", *_KEYS}),
    "jwt": frozenset({"secret", "secrets", "secret_form", "tolerance", "preset", "header", "prefix", "claim", *_KEYS}),
    "token": frozenset({"token", "tokens", "in", "parameter", "header"}),
    "bearer": frozenset({"token", "tokens"}),
    "basic": frozenset({"username", "password", "passwords"}),
    "allow-ips": frozenset(),
    "none": frozenset(),
}
_AUTHENTICATION_KEYS = frozenset().union(*TAKES.values())

RENAMED: Mapping[str, str] = {"misfits": "on_mismatch"}  # keys of 0.1.0, accepted with a warning for one version


class Zone(fields.Field[ZoneInfo]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ZoneInfo:
        del attr, data, kwargs
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValidationError(f"{value!r} is not an IANA time zone; write for example Europe/Berlin") from None


class SourceSchema(StrictSchema):
    """One source. `verify` is the only required key, so that nobody gets an open endpoint by leaving it out."""

    verify = fields.String(
        required=True,
        validate=one_of(*WAYS, *PRESETS),
        error_messages={
            "required": f"is missing; one of {', '.join(WAYS)}, or a sender of `integr8-bridge sources presets`"
        },
    )
    preset = fields.String(validate=one_of(*PRESETS))  # what is left of it here does not go with `verify`
    secret = fields.String(validate=validate.Length(min=1, error="is empty"))
    secrets = Texts()
    token = fields.String(validate=validate.Length(min=1, error="is empty"))
    tokens = Texts()
    username = fields.String(validate=validate.Length(min=1, error="is empty"))
    password = fields.String(validate=validate.Length(min=1, error="is empty"))
    passwords = Texts()
    places = fields.List(
        fields.String(validate=one_of("path", "query", "header", "body")), data_key="in", attribute="in"
    )
    parameter = fields.String()
    header = fields.String()
    digest = fields.String(validate=one_of(*DIGESTS))
    encoding = fields.String(validate=one_of(*ENCODINGS))
    secret_form = fields.String(validate=one_of(*KEY_FORMS))
    public_key = fields.String(validate=validate.Length(min=1, error="is empty"))
    public_keys = Texts()
    verify_token = fields.String(validate=validate.Length(min=1, error="is empty"))
    covered = Texts()
    claim = fields.String(validate=validate.Length(min=1, error="is empty"))
    webhook_id = fields.String(validate=validate.Length(min=1, error="is empty"))
    prefix = fields.String()
    signature = fields.String()
    separator = fields.String(validate=validate.Length(min=1, max=3))
    signed = fields.String(
        validate=validate.Regexp(
            r"(?s).*\{(body[.}]|form\}|crc32\})",
            error="must contain {{body}}, {{form}}, {{crc32}} or {{body.PATH}}; else the body is anybody's",
        )
    )
    signature_part = fields.String()
    timestamp_part = fields.String()
    timestamp_header = fields.String()
    timestamp = fields.String()
    id_header = fields.String()
    tolerance = Duration(
        load_default=TOLERANCE, validate=validate.Range(min=timedelta(seconds=1), max=timedelta(days=1))
    )

    allow_ips = Networks(presets=ADDRESS_PRESETS)
    trusted_proxies = Networks()

    format = fields.String(load_default="auto", validate=one_of(*FORMATS))
    dialect = fields.String(validate=one_of("integr8", *TRACKERS))
    event_type = fields.String()
    delivery_id = fields.String()
    shown_id = fields.String()
    split = fields.String(load_default="auto")
    json_in = fields.String()
    event_time = fields.String()
    order_by = fields.String()
    order_per = fields.String()
    timezone = Zone(load_default=lambda: ZoneInfo("UTC"))
    max_body = Size(load_default=Limits().body, validate=validate.Range(min=1, max=64 * 1_048_576))
    max_inflated = Size(load_default=Limits().inflated, validate=validate.Range(min=1, max=256 * 1_048_576))
    max_depth = fields.Integer(load_default=Limits().depth, validate=validate.Range(min=1, max=200))
    map = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    expects = ExpectsField(load_default=dict)
    on_mismatch = fields.String(validate=one_of("refuse", "quarantine"))

    @pre_load
    def known_sender(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Add the settings of the preset to the entry's own."""
        return expanded(data)

    @validates_schema(skip_on_field_errors=True)
    def needs_hold(self, data: Mapping[str, Any], **_: Any) -> None:
        method, given = data["verify"], set(data)
        for group in NEEDS[method]:
            if not given & set(group):
                raise ValidationError(f"verify: {method} needs {' or '.join(group)}", group[0])
        for key in sorted((given & _AUTHENTICATION_KEYS) - TAKES[method] - {"tolerance"}):
            raise ValidationError(f"has no meaning with verify: {method}; remove it", key)

    @validates_schema(skip_on_field_errors=True)
    def authentication_can_work(self, data: Mapping[str, Any], **_: Any) -> None:
        if name := data.get("preset"):
            raise ValidationError(f"goes with verify: {PRESETS[name].verify}; or write verify: {name} alone", "preset")
        _check_keys(data)
        if "order_per" in data and "order_by" not in data:
            raise ValidationError("needs order_by, which says which of two events is newer", "order_per")
        if (data["format"] == "postback") != ("dialect" in data):
            words = "goes with format: postback; both or neither" if "dialect" in data else "says whose postbacks come"
            raise ValidationError(f"{words}; dialects are integr8, {', '.join(TRACKERS)}", "dialect")
        if "header" in data.get("in", ()) and "header" not in data:
            raise ValidationError("`in: [header]` needs the header's name", "header")
        if "{webhook_id}" in data.get("signed", "") and "webhook_id" not in data:
            raise ValidationError("is missing; the sender shows it beside the webhook, and signs it", "webhook_id")
        if data.get("timestamp_part") and not data.get("signature_part"):
            raise ValidationError("needs signature_part as well: both are read from one header", "timestamp_part")
        if "header" in data and "signature" in data:
            raise ValidationError("names the place of the signature, and so does header; keep one of them", "signature")
        if "timestamp_header" in data and "timestamp" in data:
            raise ValidationError("names the place of the time, and so does timestamp_header; keep one", "timestamp")


def _check_keys(data: Mapping[str, Any]) -> None:
    """Check that each secret and key is readable. The error names the setting, never the value."""
    reading: dict[tuple[str, str], Callable[[str], object]] = {("public_key", "public_keys"): public_keys.load}
    if data["verify"] == "jwt":
        reading["public_key", "public_keys"] = _token_key
    if data["verify"] == "standard-webhooks":
        reading["secret", "secrets"] = partial(webhook_key, form=data.get("secret_form"))
    elif "secret_form" in data:
        reading["secret", "secrets"] = partial(signing_key, form=data["secret_form"])
    for (one, many), read in reading.items():
        for value in secrets(data, one, many):
            try:
                read(value)
            except ValueError as error:
                raise ValidationError(str(error), one if one in data else many) from None


def _token_key(text: str) -> object:
    from bridge.sources.json_web_token import public_key  # noqa: PLC0415 - few need the library

    return public_key(public_keys.load(text))


def expanded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the settings of its preset, if it names one. Its own settings override the preset's."""
    name = entry.get("preset", entry.get("verify"))
    preset = PRESETS.get(name) if isinstance(name, str) else None
    if preset is None or entry.get("verify") not in (preset.verify, name):
        return dict(entry)  # the schema says what is wrong
    places = {"header", "signature"} if {"header", "signature"} & set(entry) else set()
    settings = {key: value for key, value in preset.settings.items() if key not in places}
    return {**settings, **{key: value for key, value in entry.items() if key != "preset"}, "verify": preset.verify}


def modernised(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return an entry with current key names, and a warning for each old one.

    A name beside its old one stays, to be refused.
    """
    config = dict(config)
    old = [key for key in RENAMED if key in config and RENAMED[key] not in config]
    for key in old:
        config[RENAMED[key]] = config.pop(key)
    return config, [f"{key} is now called {RENAMED[key]}; the old name works for one more version" for key in old]


def secrets(data: Mapping[str, Any], one: str = "secret", many: str = "secrets") -> tuple[str, ...]:
    """Return the single value and the list, as one tuple: the newest first."""
    single = (data[one],) if one in data else ()
    return (*single, *data.get(many, ()))
