"""What a `sources:` entry of bridge.yaml may say. Secrets arrive already resolved from ${NAME}."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError, fields, validate, validates_schema

from bridge.sources import postback
from bridge.sources.event_body import Limits
from bridge.sources.expects import ExpectsField
from bridge.sources.signatures import DIGESTS, PRESETS
from bridge.sources.standard_webhooks import TOLERANCE, webhook_key
from bridge.sources.strict_schema import Duration, Networks, Size, StrictSchema, Texts, one_of

WAYS = ("standard-webhooks", "hmac", "token", "bearer", "basic", "allow-ips", "none")
FORMATS = ("auto", "json", "form", "query", "csv", "integr8-postback")
ADDRESS_PRESETS = {"integr8": postback.ADDRESSES}

# Which keys a way of proof cannot do without (one of each group), and which it may have beside them.
NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "standard-webhooks": (("secret", "secrets"),),
    "hmac": (("secret", "secrets"), ("header", "preset")),
    "token": (("token", "tokens"),),
    "bearer": (("token", "tokens"),),
    "basic": (("username",), ("password", "passwords")),
    "allow-ips": (("allow_ips",),),
    "none": (),
}
TAKES: Mapping[str, frozenset[str]] = {
    "standard-webhooks": frozenset({"secret", "secrets", "tolerance"}),
    "hmac": frozenset(
        {
            *("secret", "secrets", "tolerance", "preset", "header", "digest", "encoding", "prefix", "signed"),
            *("signature_part", "timestamp_part", "timestamp_header", "id_header"),
        }
    ),
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
    """One source. `verify` is the only key that must be there: nobody gets an open door by leaving it out."""

    verify = fields.String(
        required=True,
        validate=one_of(*WAYS, *PRESETS),
        error_messages={"required": f"is missing; one of {', '.join((*WAYS, *PRESETS))}"},
    )
    preset = fields.String(validate=one_of(*PRESETS))
    secret = fields.String(validate=validate.Length(min=1, error="is empty"))
    secrets = Texts()
    token = fields.String(validate=validate.Length(min=1, error="is empty"))
    tokens = Texts()
    username = fields.String(validate=validate.Length(min=1, error="is empty"))
    password = fields.String(validate=validate.Length(min=1, error="is empty"))
    passwords = Texts()
    places = fields.List(fields.String(validate=one_of("path", "query", "header")), data_key="in", attribute="in")
    parameter = fields.String()
    header = fields.String()
    digest = fields.String(validate=one_of(*DIGESTS))
    encoding = fields.String(validate=one_of("hex", "base64"))
    prefix = fields.String()
    signed = fields.String(
        validate=validate.Regexp(r".*\{body\}", error="must contain {{body}}; else the body is anybody's")
    )
    signature_part = fields.String()
    timestamp_part = fields.String()
    timestamp_header = fields.String()
    id_header = fields.String()
    tolerance = Duration(
        load_default=TOLERANCE, validate=validate.Range(min=timedelta(seconds=1), max=timedelta(days=1))
    )

    allow_ips = Networks(presets=ADDRESS_PRESETS)
    trusted_proxies = Networks()

    format = fields.String(load_default="auto", validate=one_of(*FORMATS))
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

    @validates_schema(skip_on_field_errors=True)
    def needs_hold(self, data: Mapping[str, Any], **_: Any) -> None:
        way = "hmac" if data["verify"] in PRESETS else data["verify"]
        given = set(data)
        for group in NEEDS[way]:
            wanted = group if data["verify"] not in PRESETS else tuple(key for key in group if key != "header")
            if not given & set(wanted) and not (data["verify"] in PRESETS and "preset" in group):
                raise ValidationError(f"verify: {data['verify']} needs {' or '.join(wanted)}", wanted[0])
        for key in sorted((given & _AUTHENTICATION_KEYS) - TAKES[way] - {"tolerance"}):
            raise ValidationError(f"has no meaning with verify: {data['verify']}; remove it", key)

    @validates_schema(skip_on_field_errors=True)
    def proof_can_work(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["verify"] == "standard-webhooks":
            for secret in secrets(data):
                try:
                    webhook_key(secret)
                except ValueError as error:
                    raise ValidationError(str(error), "secret" if "secret" in data else "secrets") from None
        if "order_per" in data and "order_by" not in data:
            raise ValidationError("says what events are about; order_by must say which of them is newer", "order_per")
        if "header" in data.get("in", ()) and "header" not in data:
            raise ValidationError("`in: [header]` needs the header's name", "header")
        if data.get("timestamp_part") and not data.get("signature_part") and not _preset(data):
            raise ValidationError("needs signature_part as well: both are read from one header", "timestamp_part")


def modernised(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """An entry with today's key names, and a warning for each old name. A name beside its old one is left to fail."""
    config = dict(config)
    old = [key for key in RENAMED if key in config and RENAMED[key] not in config]
    for key in old:
        config[RENAMED[key]] = config.pop(key)
    return config, [f"{key} is now called {RENAMED[key]}; the old name works for one more version" for key in old]


def secrets(data: Mapping[str, Any], one: str = "secret", many: str = "secrets") -> tuple[str, ...]:
    """The single value and the list, as one tuple: the newest first."""
    single = (data[one],) if one in data else ()
    return (*single, *data.get(many, ()))


def _preset(data: Mapping[str, Any]) -> bool:
    return data["verify"] in PRESETS or "preset" in data
