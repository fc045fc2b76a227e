"""The `http` action of rules: one bounded request to an address that the operator allowed.

Secrets go by reference: they hang on the allowed destination in bridge.yaml and are added when the request leaves.
A rule, a plan and the ledger never hold one, and no event can talk a template into sending one elsewhere.

    http:
      allow:
        - https://hooks.example.com/in
        - {url: https://crm.example.com/api, headers: {Authorization: "Bearer ${CRM_TOKEN}"}}
      timeout: 10s
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from marshmallow import ValidationError, fields, validate

from bridge.outbound.address_policy import Destination, Network, destination
from bridge.outbound.errors import Refused
from bridge.outbound.http_client import METHODS, Answer, Bounds, Outgoing
from bridge.sources import exact_json
from bridge.sources.strict_schema import Duration, Networks, Problem, Size, StrictSchema, flatten


class HttpSettingsError(ValueError):
    """An `http:` entry is unusable. `problems` are pairs of path and words."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{path}: {words}" for path, words in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["HttpSettingsError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """`http:` of bridge.yaml. Without it no rule can call anything."""

    allow: tuple[Destination, ...] = ()
    private: tuple[Network, ...] = ()
    bounds: Bounds = field(default_factory=lambda: Bounds(redirects=3))


class Allow(fields.Field[Destination]):
    """An address, or {url, headers}."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Destination:
        del attr, data, kwargs
        entry = {"url": value} if isinstance(value, str) else value
        if not isinstance(entry, Mapping) or "url" not in entry or set(entry) - {"url", "headers"}:
            raise ValidationError("write an address, or {url: ..., headers: {...}}")
        headers = entry.get("headers") or {}
        if not isinstance(headers, Mapping) or not all(isinstance(item, str) for item in headers.values()):
            raise ValidationError("headers are names with texts")
        try:
            return destination(str(entry["url"]), tuple(headers.items()))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class HttpPolicySchema(StrictSchema):
    allow = fields.List(Allow(), load_default=list)
    allow_private = Networks(load_default=())
    timeout = Duration(
        load_default=timedelta(seconds=10), validate=validate.Range(timedelta(seconds=1), timedelta(seconds=60))
    )
    max_answer = Size(load_default=262_144, validate=validate.Range(1, 16_777_216))
    redirects = fields.Integer(load_default=3, validate=validate.Range(0, 10))


def http_policy(config: Mapping[str, Any]) -> HttpPolicy:
    """Read the `http:` entry. Raises HttpSettingsError with every problem."""
    try:
        data = HttpPolicySchema().load(dict(config))
    except ValidationError as error:
        raise HttpSettingsError(flatten("http", error.messages)) from None
    bounds = Bounds(time=data["timeout"], answer=data["max_answer"], redirects=data["redirects"])
    return HttpPolicy(tuple(data["allow"]), tuple(data["allow_private"]), bounds)


def outgoing(policy: HttpPolicy) -> Outgoing:
    return Outgoing(policy.allow, private=policy.private, bounds=policy.bounds)


def perform(client: Outgoing, wanted: Mapping[str, Any], *, idempotency_key: str) -> Answer:
    """Execute one `http` effect: {url, method?, headers?, body?, query?}.

    The key is the effect's own name. It is sent as Idempotency-Key, so that a server which supports the header can
    recognise a repetition. Other servers may execute it twice.
    """
    unknown = set(wanted) - {"url", "method", "headers", "body", "query"}
    if unknown or not isinstance(wanted.get("url"), str):
        raise Refused(f"http takes url, method, headers, query and body; not {', '.join(sorted(unknown)) or 'no url'}")
    method = str(wanted.get("method", "POST")).upper()
    if method not in METHODS:
        raise Refused(f"{method[:20]!r} is not a method")
    body, kind = _body(wanted.get("body"))
    headers = {"User-Agent": "integr8-bridge", "Idempotency-Key": idempotency_key, **kind}
    headers |= {str(name): str(value) for name, value in (wanted.get("headers") or {}).items()}
    return client.send(method, _with_query(wanted["url"], wanted.get("query")), headers=headers, body=body)


def _body(value: Any) -> tuple[bytes, dict[str, str]]:
    if value is None:
        return b"", {}
    if isinstance(value, str):
        return value.encode("utf-8"), {"Content-Type": "text/plain; charset=utf-8"}
    try:
        return exact_json.dumps(value).encode(), {"Content-Type": "application/json"}
    except (TypeError, ValueError) as error:
        raise Refused(f"the body cannot be written as JSON: {error}") from None


def _with_query(url: str, query: Any) -> str:
    """Add encoded values to the address. The rest of the address does not change."""
    if not query:
        return url
    if not isinstance(query, Mapping):
        raise Refused("query is a mapping of names and values")
    pairs = {str(name): value if isinstance(value, str) else exact_json.dumps(value) for name, value in query.items()}
    address, mark, fragment = url.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(pairs)}{mark}{fragment}"
