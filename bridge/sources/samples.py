"""A request as a source's sender would send it, with a correct proof: for trying a source out."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.sources.postback import suggested_url
from bridge.sources.standard import webhook_key

HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Sample:
    """Where, what and with which headers. `body` None is a GET."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = None

    @property
    def curl(self) -> str:
        """As a command line, for a person who copies it."""
        parts = ["curl", "-sS"]
        for name, value in self.headers.items():
            parts += ["-H", f"'{name}: {value}'"]
        if self.body is not None:
            parts += ["-d", f"'{self.body}'"]
        return " ".join([*parts, f"'{self.url}'"])


class NoSample(ValueError):
    """The way of proving cannot be imitated from here; the text says why."""


def sample(  # noqa: PLR0911 - one line per way of proving
    base_url: str, name: str, config: Mapping[str, Any], *, now: datetime | None = None
) -> Sample:
    """A signed test event for a source, from its resolved settings. Raises NoSample."""
    at = now or datetime.now(UTC)
    body = json.dumps({"type": "test", "id": f"test-{int(at.timestamp())}"})
    plain = {"content-type": "application/json"}
    url = f"{base_url.rstrip('/')}/hooks/{name}"
    way = config.get("preset", config.get("verify"))
    match way:
        case "standard-webhooks":
            return Sample(url, plain | _standard(_first(config, "secret"), body, at), body)
        case "bearer":
            return Sample(url, plain | {"authorization": f"Bearer {_first(config, 'token')}"}, body)
        case "basic":
            pair = f"{config.get('username', '')}:{_first(config, 'password')}"
            return Sample(url, plain | {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, body)
        case "token" if config.get("format") == "integr8-postback":
            return Sample(_filled(suggested_url(base_url, name, _first(config, "token")), at))
        case "token":
            return Sample(f"{url}/{_first(config, 'token')}", plain, body)
        case "github":
            return Sample(url, plain | _github(_first(config, "secret"), body), body)
        case "hmac" if "signed" not in config:
            return Sample(url, plain | _hmac(config, body), body)
        case "none" | "allow-ips":
            return Sample(url, plain, body)
        case _:
            raise NoSample(f"sources.{name}: {way} is signed by its own sender; have it send a test event")


def _first(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name, config.get(f"{name}s"))
    return str(value[0] if isinstance(value, list | tuple) else value)


def _standard(secret: str, body: str, at: datetime) -> dict[str, str]:
    delivery = f"msg_test_{int(at.timestamp())}"
    signature = webhook_key(secret).sign(delivery, at, body)
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def _github(secret: str, body: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}", "x-github-event": "ping"}


def _hmac(config: Mapping[str, Any], body: str) -> dict[str, str]:
    digest = hmac.new(_first(config, "secret").encode(), body.encode(), HASHES[config.get("digest", "sha256")])
    text = base64.b64encode(digest.digest()).decode() if config.get("encoding") == "base64" else digest.hexdigest()
    return {str(config["header"]): f"{config.get('prefix', '')}{text}"}


def _filled(url: str, at: datetime) -> str:
    """The suggested postback with values where Integr8 would put them."""
    values = {"transaction_id": f"TEST{int(at.timestamp()):022d}", "offer_id": "1", "publisher_id": "1"}
    values |= {"status": "approved", "payout": "0.00", "revenue": "0.00", "currency": "USD"}
    for name, value in values.items():
        url = url.replace("{" + name + "}", value)
    return url
