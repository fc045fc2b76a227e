"""An OpenID Connect provider with real keys, behind a real server, that can be told to misbehave.

It knows one person and asks for no consent. What it checks it checks in earnest: the client's secret, PKCE, the
redirect address, and that a code is used once.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "integr8-bridge", "a client secret for tests"


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})


@dataclass
class Provider:
    """What a test may change: the person, claims that are added or overridden, and how tokens are signed."""

    address: str = ""
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "248289761001",
            "email": "ann@example.com",
            "email_verified": True,
            "groups": ["network-ops"],
        }
    )
    override: dict[str, Any] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    description: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    key: RSAKey = field(default_factory=new_key)
    signing_key: RSAKey | None = None  # none: the published one
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    used: int = 0

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
        } | self.description

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= self.person | self.override
        claims = {name: value for name, value in claims.items() if name not in self.without}
        key = self.signing_key or self.key
        header = {"alg": self.algorithm, "kid": key.kid}
        if self.algorithm in {"none", "HS256"}:
            return self._forged(header, claims)
        return jwt.encode(header, claims, key)

    def _forged(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """What anybody could make: no signature, or one with the public key as if it were a secret.

        By hand, since the libraries refuse to.
        """
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        digest = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{'' if self.algorithm == 'none' else _base64(digest)}"


def application(provider: Provider) -> Flask:
    app = Flask("identity")

    @app.get("/.well-known/openid-configuration")
    def describe():
        return jsonify(provider.described())

    @app.get("/keys")
    def keys():
        return jsonify(KeySet([provider.key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize():
        asked = request.args.to_dict()
        provider.asked.append(asked)
        code = secrets.token_urlsafe(16)
        provider.codes[code] = asked
        return redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    @app.post("/token")
    def token():
        given = request.form
        asked = provider.codes.pop(given["code"], None)
        sent = request.authorization
        if sent is None or (sent.username, sent.password) != (CLIENT, SECRET):
            return jsonify(error="invalid_client"), 401
        if asked is None or given["redirect_uri"] != asked["redirect_uri"] or not _proven(given, asked):
            return jsonify(error="invalid_grant"), 400
        provider.used += 1
        answer = {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 60}
        if "id_token" not in provider.without:
            answer["id_token"] = provider.id_token(asked["nonce"])
        return jsonify(answer)

    return app


def _proven(given, asked):
    digest = hashlib.sha256(given["code_verifier"].encode()).digest()
    return _base64(digest) == asked["code_challenge"]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
