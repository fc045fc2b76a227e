"""`verify: jwt`: a signed token beside the body says what the body is."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from bridge.sources import SignatureError, build, problems
from tests.sources.signed_requests import NOW, request

BODY = b'{"webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "i1"}'
SECRET = "a-long-enough-secret-of-a-webhook"
PLAIN = {"verify": "jwt", "header": "X-Token", "claim": "sha256"}
HMAC = {**PLAIN, "secret": SECRET}
DIGEST = hashlib.sha256(BODY).hexdigest()
IAT = int(NOW.timestamp())


def token(key, algorithm, **claims):
    return jwt.encode({"alg": algorithm}, {"sha256": DIGEST, **claims}, key, algorithms=[algorithm])


def shared(**claims):
    return token(OctKey.import_key(SECRET.encode()), "HS256", **claims)


def sent(given, body=BODY):
    return request(body, headers=[("X-Token", given)])


def taken(config, given, at=NOW, body=BODY):
    return build("them", config).authenticate(sent(given, body), at)


def private(kind):
    made = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}
    if kind in made:
        return ec.generate_private_key(made[kind]())
    return rsa.generate_private_key(65537, 2048)


def pem(key):
    raw = serialization.Encoding.PEM
    private_form = (raw, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(raw, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(*private_form), public.decode()


CLASSES = {"ES256": ECKey, "ES384": ECKey, "RS256": RSAKey}


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "RS256"])
def test_each_kind_of_key_is_taken_in_pem_and_as_a_jwk_and_rotates(algorithm, form):
    secret, public = pem(private(algorithm))
    key = CLASSES[algorithm].import_key(secret)
    shown = public if form == "pem" else json.dumps(key.as_dict(private=False))
    other = pem(private("ES256"))[1]
    config = {**PLAIN, "public_keys": [other, shown]}
    taken(config, token(key, algorithm, iat=IAT))
    with pytest.raises(SignatureError, match="does not fit the body"):
        taken(config, token(key, algorithm, iat=IAT), body=BODY + b" ")
    with pytest.raises(SignatureError, match="no key"):
        taken({**PLAIN, "public_key": other}, token(key, algorithm, iat=IAT))


def test_a_token_that_says_when_it_was_issued_grows_old():
    taken(HMAC, shared(iat=IAT))
    for skew in (timedelta(minutes=6), -timedelta(minutes=6)):
        with pytest.raises(SignatureError, match="signed more than"):
            taken(HMAC, shared(iat=IAT), NOW + skew)
    taken(HMAC, shared(), NOW + timedelta(days=9))


@pytest.mark.parametrize(("claims", "words"), [({"exp": IAT - 600}, "expired"), ({"nbf": IAT + 600}, "not valid yet")])
def test_a_token_holds_within_its_own_window(claims, words):
    with pytest.raises(SignatureError, match=words):
        taken(HMAC, shared(**claims))


@pytest.mark.parametrize("iat", ["yesterday", True, -1, 10**18, [], {}])
def test_a_time_that_is_none_is_refused(iat):
    with pytest.raises(SignatureError, match="not a time"):
        taken(HMAC, shared(iat=iat))


def by_hand(head, key=b""):
    """A token as somebody makes it whose library does not refuse to: without a signature, or with any key at all."""
    parts = [json.dumps(head).encode(), json.dumps({"sha256": DIGEST}).encode()]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")).rstrip(b"=") if key else b""
    return (text + b"." + signature).decode()


def test_the_key_chooses_the_algorithm_and_not_the_token():
    secret, public = pem(private("ES256"))
    config = {**PLAIN, "public_key": public}
    confused = by_hand({"alg": "HS256"}, public.encode())  # the public key, used as a shared secret
    cut = token(ECKey.import_key(secret), "ES256")[:-2]
    for given in (confused, by_hand({"alg": "none"}), by_hand({"alg": "ES256"}), cut):
        with pytest.raises(SignatureError, match="no key"):
            taken(config, given)


DEEP = base64.urlsafe_b64encode(b"[" * 5_000).decode()


@pytest.mark.parametrize(
    "given", ["", " ", "x", "..", "a.b", "a.b.c", "a.b.c.d.e", "ü.x.y", "\x00.\x00.\x00", f"{DEEP}.x.y", "x" * 10_000]
)
@pytest.mark.parametrize("more", [{"secret": SECRET}, {"public_key": pem(private("ES256"))[1]}])
def test_no_header_of_any_shape_is_more_than_refused(more, given):
    with pytest.raises(SignatureError):
        taken({**PLAIN, **more}, given)


def test_two_events_with_the_same_body_are_two_and_one_sent_twice_is_one():
    first, second = (taken(HMAC, shared(iat=IAT + seconds)).delivery_id for seconds in (0, 7))
    assert first is not None
    assert first != second
    assert taken(HMAC, shared(iat=IAT)).delivery_id == first
    assert taken(HMAC, shared(iat=IAT, jti="tok-1")).delivery_id == "tok-1"


def test_a_test_event_can_be_signed_with_a_shared_secret():
    them = build("them", {**HMAC, "prefix": "Bearer "})
    signed = them.authenticator.sign(request(BODY), NOW, "evt_1")
    assert signed.headers["x-token"].startswith("Bearer ")
    them.authenticate(signed, NOW)
    assert "x-token" not in them.authenticator.clean(signed).headers


def test_what_an_entry_lacks_is_named():
    [(_, words)] = problems("them", {"verify": "jwt", "secret": SECRET, "header": "X-Token"})
    assert "needs claim" in words
    assert problems("them", {"verify": "plaid", "public_key": '{"kty": "EC", "crv": "P-256"}'})
    assert problems("them", {"verify": "plaid", "public_key": '{"kty": "oct", "k": "AAAA"}'})
    [(path, words)] = problems("them", {"verify": "plaid", "public_key": pem(ed25519.Ed25519PrivateKey.generate())[1]})
    assert (path, "Ed25519" in words) == ("sources.them.public_key", True)
