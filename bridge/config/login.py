"""Read `login:` of bridge.yaml: the identity provider, and which of its groups means which role."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bridge.sources.strict_schema import Problem, StrictSchema, flatten
from bridge.store.roles import Role

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ROLES = tuple(str(one) for one in Role)


@dataclass(frozen=True, slots=True)
class RoleMap:
    """The claim that names a person's groups, and the role of each group."""

    claim: str
    map: Mapping[str, Role]

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the highest role that the claims give; None if they give none, so the person is refused."""
        found = {self.map[name] for name in _texts(_at(claims, self.claim)) if name in self.map}
        return max(found, key=list(Role).index, default=None)


@dataclass(frozen=True, slots=True)
class Oidc:
    """One identity provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    roles: RoleMap
    label: str
    scopes: tuple[str, ...]
    domains: frozenset[str]  # of e-mail addresses; empty: any
    ca_file: str | None = None  # certificates that the provider's is signed with; None: those of this machine

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the e-mail address is in an allowed domain, and the provider has verified it."""
        if not self.domains:
            return True
        email = claims.get("email")
        domain = email.rpartition("@")[2].lower() if isinstance(email, str) else ""
        return claims.get("email_verified") is True and domain in self.domains


class LoginSettingsError(ValueError):
    """`login:` contradicts itself. `problems`: (path, words) of each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{path}: {words}" for path, words in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["LoginSettingsError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim at `groups`, or at `realm_access.roles` as Keycloak has it.

    A claim whose name has dots goes first.
    """
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> list[str]:
    """Return one group or a list of them; anything else is not a group."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _safe(issuer: str) -> None:
    """Refuse plain http, because anybody in between could claim to be somebody else."""
    try:
        parts = urlsplit(issuer)
    except ValueError:
        raise ValidationError("an issuer whose brackets hold no IPv6 address") from None
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValidationError("an issuer must be an https:// address")
    if parts.query or parts.fragment:
        raise ValidationError("an issuer address must not contain ? or #")


class RoleMapSchema(StrictSchema):
    claim = fields.String(required=True, validate=validate.Length(min=1))
    map = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(ROLES, error=f"a role is one of {', '.join(ROLES)}")),
        required=True,
        validate=validate.Length(min=1),
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> RoleMap:
        return RoleMap(data["claim"], {name: Role(role) for name, role in data["map"].items()})


class OidcSchema(StrictSchema):
    issuer = fields.Url(required=True, require_tld=False, schemes={"http", "https"}, validate=_safe)
    client_id = fields.String(required=True, validate=validate.Length(min=1))
    client_secret = fields.String(required=True, validate=validate.Length(min=1))
    roles = fields.Nested(RoleMapSchema, required=True)
    label = fields.String(load_default="the identity provider", validate=validate.Length(1, 60))
    scopes = fields.List(fields.String(), load_default=lambda: ["openid", "email", "profile"])
    domains = fields.List(fields.String(), load_default=list)
    ca_file = fields.String(load_default=None, allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Oidc:
        scopes = tuple(dict.fromkeys(["openid", *data.pop("scopes")]))
        domains = frozenset(one.lower().lstrip("@") for one in data.pop("domains"))
        return Oidc(**data, scopes=scopes, domains=domains)


class LoginSchema(StrictSchema):
    oidc = fields.Nested(OidcSchema, load_default=None)


def oidc(config: Mapping[str, Any], home: Path) -> Oidc | None:
    """Read `login:`; None if it names no identity provider. Raises LoginSettingsError with every problem.

    A relative `ca_file` is in `home`.
    """
    schema: Schema = LoginSchema()
    try:
        found: Oidc | None = schema.load(config)["oidc"]
    except ValidationError as error:
        raise LoginSettingsError(flatten("login", error.messages)) from None
    if found is None or found.ca_file is None:
        return found
    file = home / found.ca_file
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as error:  # an SSLError is one, and its text says little to people
        words = error.strerror if not isinstance(error, ssl.SSLError) else "holds no certificate; give a PEM file"
        raise LoginSettingsError((("login.oidc.ca_file", f"{file}: {words}"),)) from None
    return replace(found, ca_file=str(file))
