"""Sign in through an identity provider: OpenID Connect's authorization code flow, by Authlib.

Authlib makes and checks state, nonce and PKCE, and verifies the ID token. Here stands what we insist on beyond
its defaults: the issuer of the settings, our own audience, signatures by the provider's key pair only, and an end
to waiting.
"""

from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from flask import Flask, Response, current_app, request, url_for
from joserfc.errors import JoseError

from bridge.config.login import Oidc
from bridge.config.settings import Settings
from bridge.services.container import Services
from bridge.web.access.errors import LoginRefused
from bridge.web.access.identities import Identity

NAME = "oidc"
PROVIDER_TIMEOUT = 10  # seconds for each answer of the provider
LEEWAY = 60  # seconds by which its clock may differ from ours
#: No `none`, and no HS256: whoever can read a public key could use it as that secret.
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
WELL_KNOWN = "/.well-known/openid-configuration"
SILENT = "the identity provider does not answer as it should; try again, or sign in with a password"
UNPROVEN = "the identity provider's answer could not be verified; sign in again"


class _Session(FlaskOAuth2App.client_cls):  # type: ignore[misc]
    """A session that respects `ca_file`: requests prefers REQUESTS_CA_BUNDLE of the environment otherwise."""

    def merge_environment_settings(self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        chosen = self.verify if isinstance(self.verify, str) else verify
        return super().merge_environment_settings(url, proxies, stream, chosen, cert)


class _App(FlaskOAuth2App):  # type: ignore[misc]
    client_cls = _Session


def register(app: Flask, services: Services) -> None:
    """Create the client. The provider is not called before somebody signs in."""
    provider = services.login
    if provider is None:
        return
    OAuth(app).register(
        NAME,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        server_metadata_url=provider.issuer.rstrip("/") + WELL_KNOWN,
        client_kwargs={
            "scope": " ".join(provider.scopes),
            "code_challenge_method": "S256",
            "default_timeout": PROVIDER_TIMEOUT,
            **({"verify": provider.ca_file} if provider.ca_file else {}),
        },
        client_cls=_App,
    )


def start(provider: Oidc, settings: Settings) -> Response:
    """Redirect the browser to the provider. Raises LoginRefused while the provider does not answer."""
    path = url_for("console.finish_oidc")
    base = settings.public_url or request.url_root
    try:
        client = _client(provider)
        answer: Response = client.authorize_redirect(base.rstrip("/") + path)
    except (AuthlibBaseError, requests.RequestException, ValueError, KeyError, RuntimeError) as error:
        raise LoginRefused(SILENT, _why(error)) from error
    return answer


def finish(provider: Oidc) -> Identity:
    """Return the person who came back from the provider. Raises LoginRefused without a proof."""
    if request.args.get("iss", provider.issuer) != provider.issuer:
        raise LoginRefused(UNPROVEN, "another issuer")  # RFC 9207
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    try:
        token = _client(provider).authorize_access_token(claims_options=options, leeway=LEEWAY)
    except requests.RequestException as error:
        raise LoginRefused(SILENT, _why(error)) from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError) as error:
        raise LoginRefused(UNPROVEN, getattr(error, "error", "") or type(error).__name__) from error
    claims = token.get("userinfo")
    if not claims:
        raise LoginRefused(UNPROVEN, "no ID token")
    return _identity(provider, claims)


def _why(error: Exception) -> str:
    """Return the reason for log and audit. The texts of these errors hold addresses and no secret."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not trusted; a CA of your own belongs into login.oidc.ca_file ({_cause(error)})"
    return f"{type(error).__name__}: {_cause(error)}"


def _cause(error: BaseException) -> str:
    """Return the innermost of nested errors, in at most 200 characters."""
    inner = next((one for one in error.args if isinstance(one, BaseException)), None) or getattr(error, "reason", None)
    return _cause(inner) if isinstance(inner, BaseException) else str(error)[:200]


def _client(provider: Oidc) -> FlaskOAuth2App:
    """Return the client, with the provider's own description read and narrowed."""
    oauth: OAuth = current_app.extensions["authlib.integrations.flask_client"]
    client: FlaskOAuth2App = oauth.create_client(NAME)
    described = client.load_server_metadata()
    if described.get("issuer") != provider.issuer:
        client.server_metadata = {}  # ask again next time: it may be put right meanwhile
        raise LoginRefused(SILENT, "its metadata names another issuer")
    offered = described.get("id_token_signing_alg_values_supported") or ["RS256"]
    described["id_token_signing_alg_values_supported"] = [one for one in offered if one in SIGNATURES]
    return client


def _identity(provider: Oidc, claims: dict[str, Any]) -> Identity:
    subject = f"{provider.issuer} {claims['sub']}"
    email = claims.get("email") if isinstance(claims.get("email"), str) else None
    if not provider.admits(claims):
        raise LoginRefused("the domain of your e-mail address may not sign in here", "e-mail domain")
    verified = email if claims.get("email_verified") is True else None  # else anybody could call himself anything
    name = verified or claims.get("preferred_username") or claims["sub"]
    return Identity(subject, str(name)[:100], email, provider.roles.role(claims))
