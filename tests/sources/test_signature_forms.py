"""Signatures in the forms that senders use: svix names, key forms, times, places, compression, public keys."""

import base64
import gzip
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bridge.sources import Headers, SignatureError, build, problems
from bridge.sources.standard_webhooks import SharedKey
from tests.sources.signed_requests import NOW, OTHER, SECRET, STANDARD, request, signed, source

BODY = b'{"type":"deal.signed","deal_id":"s1"}'
KEY = "a-long-enough-secret"
HMAC = {"verify": "hmac", "secret": KEY, "header": "X-Sig"}
STAMP = str(int(NOW.timestamp()))


def mac(text, key=None):
    content = text if isinstance(text, bytes) else text.encode()
    return hmac.digest(key or KEY.encode(), content, "sha256").hex()


def passes(config, asked, now=NOW, **more):
    build("them", config, **more).authenticate(asked, now)


def renamed(asked, prefix="svix-"):
    return replace(asked, headers=Headers([(n.replace("webhook-", prefix), v) for n, v in asked.headers.items()]))


def test_svix_s_header_names_mean_the_same_and_the_id_is_the_delivery_id():
    asked = renamed(signed(asked=request(BODY), delivery="msg_1"))
    crm = source()
    assert crm.accept(asked, crm.authenticate(asked, NOW))[0].parsed.delivery_id == "msg_1"


def test_a_mixture_of_both_sets_is_refused():
    ours = signed(asked=request(BODY), delivery="msg_1")
    both = replace(ours, headers=Headers([*ours.headers.items(), *renamed(ours).headers.items()]))
    passes(STANDARD, both)  # the same values twice are not a mixture
    for name in ("svix-id", "svix-timestamp", "svix-signature"):
        mixed = Headers([*ours.headers.items(), (name, "msg_2")])
        with pytest.raises(SignatureError, match="mixes"):
            passes(STANDARD, replace(ours, headers=mixed))


def keys():
    curve = ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate(), curve, rsa.generate_private_key(65537, 2048)


def public(key, encoding=serialization.Encoding.PEM):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    found = key.public_key().public_bytes(encoding, form)
    return found.decode() if encoding is serialization.Encoding.PEM else base64.b64encode(found).decode()


def sign(key, content):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(hashes.SHA256()))
    return key.sign(content, padding.PKCS1v15(), hashes.SHA256())


def test_v1a_signatures_are_checked_with_the_public_key():
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    config = {"verify": "standard-webhooks", "public_key": f"whpk_{base64.b64encode(raw).decode()}"}
    signature = base64.b64encode(key.sign(f"msg_1.{STAMP}.".encode() + BODY)).decode()
    headers = [("webhook-id", "msg_1"), ("webhook-timestamp", STAMP), ("webhook-signature", f"v1,AAAA v1a,{signature}")]
    passes(config, request(BODY, headers=headers))
    with pytest.raises(SignatureError):
        passes(config, request(BODY + b" ", headers=headers))


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_public_keys_of_every_kind_rotate_without_a_gap(encoding):
    made = keys()
    config = {"verify": "public-key", "public_keys": [public(key, encoding) for key in made], "header": "X-Sig"}
    for key in made:
        good = request(BODY, headers=[("X-Sig", base64.b64encode(sign(key, BODY)).decode())])
        passes(config, good)
        with pytest.raises(SignatureError):
            passes(config, replace(good, body=b"{}"))


@pytest.mark.parametrize("key", ["x", "whpk_AAAA", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "MFkw"])
def test_a_public_key_that_cannot_be_read_is_a_fault_of_the_settings(key):
    [(path, words)] = problems("them", {"verify": "public-key", "header": "X-Sig", "public_key": key})
    assert (path, "is not a public key" in words) == ("sources.them.public_key", True)


@pytest.mark.parametrize("stamp", [STAMP, f"{STAMP}123", "2026-03-02T12:00:00Z", "2026-03-02T13:00:00+01:00"])
def test_a_time_stamp_is_read_in_seconds_milliseconds_and_as_a_date(stamp):
    config = {**HMAC, "timestamp_header": "X-Time", "signed": "{timestamp}{body}"}
    asked = request(BODY, headers=[("X-Time", stamp), ("X-Sig", mac(stamp + BODY.decode()))])
    passes(config, asked)
    for skew in (timedelta(minutes=6), -timedelta(minutes=6)):
        with pytest.raises(SignatureError):
            passes(config, asked, NOW + skew)


@pytest.mark.parametrize(("form", "secret"), [("hex", "0aff" * 8), ("base64", "Cv8K/w=="), ("text", "0aff" * 8)])
def test_a_key_is_used_in_the_form_that_the_sender_means(form, secret):
    raw = {"hex": bytes.fromhex, "base64": base64.b64decode, "text": str.encode}[form](secret)
    config = {**HMAC, "secret": secret, "secret_form": form}
    passes(config, request(BODY, headers=[("X-Sig", mac(BODY, raw))]))


def test_a_key_in_another_form_is_a_fault_that_does_not_show_the_key():
    [(_, words)] = problems("them", {**HMAC, "secret": "no-hex-at-all", "secret_form": "hex"})
    assert "no-hex-at-all" not in words


def test_parts_may_be_divided_by_semicolons():
    config = {**HMAC, "signature_part": "h1", "timestamp_part": "ts", "separator": ";", "signed": "{timestamp}:{body}"}
    passes(config, request(BODY, headers=[("X-Sig", f"ts={STAMP};h1={mac(f'{STAMP}:{BODY.decode()}')}")]))


def test_a_text_that_is_signed_and_then_compressed_fits_as_does_one_signed_compressed():
    packed = gzip.compress(BODY)
    for content in (BODY, packed):
        asked = request(packed, headers=[("X-Sig", mac(content)), ("Content-Encoding", "gzip")])
        them = build("them", HMAC)
        assert them.accept(asked, them.authenticate(asked, NOW))[0].parsed.event_type is None


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"signature": 1}', b'{"signature": {"signature": ""}}', b"\xff"])
def test_a_signature_inside_a_body_that_cannot_be_read_is_missing(body):
    with pytest.raises(SignatureError):
        passes({"verify": "mailgun", "secret": KEY}, request(body))


def test_mailgun_signs_inside_the_body():
    text = {"timestamp": STAMP, "token": "t" * 50}
    text["signature"] = mac(text["timestamp"] + text["token"])
    body = {"signature": text, "event-data": {"event": "opened", "id": "e1", "timestamp": 1772452800.5}}
    asked = request(json.dumps(body).encode())
    them = build("them", {"verify": "mailgun", "secret": KEY})
    parsed = them.accept(asked, them.authenticate(asked, NOW))[0].parsed
    assert (parsed.event_type, parsed.delivery_id) == ("opened", "e1")
    with pytest.raises(SignatureError):
        passes({"verify": "mailgun", "secret": KEY}, asked, NOW + timedelta(hours=1))


def test_an_address_that_is_signed_needs_public_url_and_check_says_so():
    config = {"verify": "square", "secret": KEY}
    assert any("public_url" in words for words in build("them", config).warnings)
    with pytest.raises(SignatureError, match="public_url"):
        passes(config, request(BODY, headers=[("x-square-hmacsha256-signature", "x")]))


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_http_message_signatures_with_a_shared_secret(secret):
    config = {"verify": "http-signature", "secrets": [SECRET, OTHER]}
    asked = build("them", {**config, "secrets": [secret]}).authenticator.sign(request(BODY), NOW, "n1")
    passes(config, asked)
    for changed in (replace(asked, body=BODY + b" "), replace(asked, method="PUT")):
        with pytest.raises(SignatureError):
            passes(config, changed)
    with pytest.raises(SignatureError):
        passes(config, asked, NOW + timedelta(minutes=6))


RFC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
"""
RFC_COVERED = (
    '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-rsa-pss"'
)
RFC_SIGNATURE = (
    "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fU"
    "xN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA"
    "1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKE"
    "gM4cUA=="
)
RFC_HEADERS = [
    ("host", "example.com"),
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("content-type", "application/json"),
    (
        "content-digest",
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    ),
    ("content-length", "18"),
    ("signature-input", f"sig-b23={RFC_COVERED}"),
    ("signature", f"sig-b23=:{RFC_SIGNATURE}:"),
]
RFC_SIGNED = datetime(2021, 4, 20, 2, 7, 53, tzinfo=UTC)


def rfc_request(**changed):
    """The request of RFC 9421, B.2.3, with its signature by an RSA key (PSS)."""
    asked = request(b'{"hello": "world"}', headers=RFC_HEADERS, target="/foo?param=Value&Pet=dog")
    return replace(asked, **changed)


@pytest.mark.parametrize("other_key_first", [False, True])
def test_the_request_that_rfc_9421_publishes_is_proven_by_its_public_key(other_key_first):
    others = [public(ed25519.Ed25519PrivateKey.generate())] if other_key_first else []
    config = {"verify": "http-signature", "public_keys": [*others, RFC_KEY]}
    at = RFC_SIGNED + timedelta(minutes=1)
    passes(config, rfc_request(), at, public_url="https://example.com")
    for changed in (
        {"body": b'{"hello": "World"}'},
        {"method": "PUT"},
        {"target": "/foo?param=value&Pet=dog"},
        {"headers": Headers([*rfc_request().headers.without({"date"}).items(), ("date", "now")])},
    ):
        with pytest.raises(SignatureError):
            passes(config, rfc_request(**changed), at, public_url="https://example.com")
    with pytest.raises(SignatureError):
        passes(config, rfc_request(), at, public_url="https://example.org")
    with pytest.raises(SignatureError):
        passes(config, rfc_request(), RFC_SIGNED + timedelta(minutes=6), public_url="https://example.com")


NPM = json.loads((Path(__file__).parent.parent / "samples" / "senders" / "http-signatures-of-npm.json").read_text())


@pytest.mark.parametrize(
    "row", NPM["rows"], ids=lambda row: f"{row['algorithm']}, {row['headers']['signature-input'][:60]}"
)
def test_what_another_library_signs_is_proven_or_refused_with_its_reason(row):
    key = {"public_key": row["public_key"]} if row["public_key"] else {"secret": NPM["secret"]}
    config = {"verify": "http-signature", **key}
    at = datetime.fromtimestamp(NPM["at"], UTC)
    asked = request(NPM["body"].encode(), headers=row["headers"].items(), target=NPM["target"])
    if row["refused"]:
        with pytest.raises(SignatureError, match=r"Content-Digest|Required component|Structured Field"):
            passes(config, asked, at, public_url=NPM["public_url"])
        return
    passes(config, asked, at, public_url=NPM["public_url"])
    with pytest.raises(SignatureError, match="Content-Digest does not match"):
        passes(config, replace(asked, body=b"{}"), at, public_url=NPM["public_url"])
    with pytest.raises(SignatureError):
        passes(config, asked, at + timedelta(minutes=6), public_url=NPM["public_url"])


def test_the_shared_secret_that_rfc_9421_publishes_is_written_in_base64():
    """RFC 9421, B.2.5. Its signature leaves out the body, so that it proves only a request without one."""
    secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    config = {"verify": "http-signature", "secret": secret, "secret_form": "base64", "covered": ["date", "@authority"]}
    covered = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    headers = [
        *(pair for pair in RFC_HEADERS if pair[0] in {"host", "date", "content-type"}),
        ("signature-input", f"sig-b25={covered}"),
        ("signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"),
    ]
    asked = request(b"", headers=headers, target="/foo?param=Value&Pet=dog")
    passes(config, asked, RFC_SIGNED, public_url="https://example.com")
    for changed in (replace(asked, body=b"{}"), replace(asked, headers=Headers([*headers[1:], ("date", "now")]))):
        with pytest.raises(SignatureError):
            passes(config, changed, RFC_SIGNED, public_url="https://example.com")


def test_another_public_key_proves_nothing():
    config = {"verify": "http-signature", "public_key": public(rsa.generate_private_key(65537, 2048))}
    with pytest.raises(SignatureError):
        passes(config, rfc_request(), RFC_SIGNED, public_url="https://example.com")


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest"])
@pytest.mark.parametrize("value", ["", "x", "sig1=()", 'sig1=("@method");created=1', "\x00", "ü", "sig1=:AAAA:"])
def test_no_header_of_any_shape_breaks_http_message_signatures(name, value):
    config = {"verify": "http-signature", "secret": SECRET}
    asked = build("them", config).authenticator.sign(request(BODY), NOW, "n1")
    with pytest.raises(SignatureError):
        passes(config, replace(asked, headers=Headers([*asked.headers.without({name}).items(), (name, value)])))


def test_an_unsigned_query_beside_a_signature_is_nobody_s_also_for_new_methods():
    config = {"verify": "http-signature", "secret": SECRET}
    them = build("them", config)
    asked = them.authenticator.sign(request(BODY, query=(("x", "1"),)), NOW, "n1")
    assert them.accept(asked, them.authenticate(asked, NOW))[0].stored_request.query == ()


def test_a_signature_made_in_local_time_is_the_same_moment():
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    passes(STANDARD, signed(asked=request(BODY), now=berlin))


def test_cloudevents_stand_in_headers_or_in_the_body():
    them = build("them", {"verify": "cloudevents", "token": "a-long-enough-token"})
    headers = [("ce-type", "deal%20signed"), ("ce-source", "/a"), ("ce-id", "7"), ("ce-time", "2026-03-02T12:00:00Z")]
    binary = them.accept(request(b'{"a": 1}', headers=headers))[0]
    structured = them.accept(request(b'{"type": "deal signed", "source": "/a", "id": "7", "data": {"a": 1}}'))[0]
    for one in (binary, structured):
        assert (one.parsed.event_type, one.parsed.dedupe_key) == ("deal signed", "id:/a|7")
    assert them.read(binary.stored_request).event_type == "deal signed"


def test_a_key_of_standard_webhooks_may_be_the_text_itself():
    text = "polar_whs_no-base64"
    config = {"verify": "standard-webhooks", "secret": text, "secret_form": "text"}
    signature = base64.b64encode(hmac.digest(text.encode(), f"msg_1.{STAMP}.".encode() + BODY, "sha256")).decode()
    headers = [("webhook-id", "msg_1"), ("webhook-timestamp", STAMP), ("webhook-signature", f"v1,{signature}")]
    passes(config, request(BODY, headers=headers))
    [(path, _)] = problems("them", {**config, "secret_form": "base64"})
    assert path == "sources.them.secret"


@given(st.binary(min_size=1, max_size=100), st.text(max_size=40), st.integers(0, 4_000_000_000), st.text(max_size=200))
def test_a_signature_of_standard_webhooks_is_the_one_that_its_library_makes(secret, delivery, stamp, text):
    delivery, text = (one.encode("utf-8", "replace").decode() for one in (delivery, text))
    wanted = Webhook(secret).sign(delivery, datetime.fromtimestamp(stamp, UTC), text).encode()
    key = SharedKey(secret)
    assert [key.signature(delivery, stamp, text.encode()) for _ in range(2)] == [wanted] * 2


def test_a_stamp_with_leading_zeros_is_the_number_that_it_writes():
    body = b'{"type": "x"}'
    headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", f"0{STAMP}"),
        ("webhook-signature", SharedKey(b"k" * 24).signature("msg_1", int(STAMP), body).decode()),
    ]
    config = {"verify": "standard-webhooks", "secret": base64.b64encode(b"k" * 24).decode()}
    passes(config, request(body, headers=headers))


def test_fields_of_one_name_in_an_asgi_request_are_joined_whatever_their_case():
    sent = [(b"X-A", b"1"), (b"accept", b"\xe9"), (b"x-a", b"2")]
    assert Headers.of_asgi(sent).as_dict() == {"x-a": "1,2", "accept": "\xe9"}
    assert Headers.of_asgi(sent[:2]).as_dict() == {"x-a": "1", "accept": "\xe9"}


def test_a_time_inside_a_signed_body_needs_no_warning_and_grows_old():
    pusher = {"verify": "hmac", "secret": KEY, "header": "X-Sig", "timestamp": "time_ms"}
    assert build("them", pusher).warnings == ()
    body = json.dumps({"time_ms": int(NOW.timestamp()) * 1000}).encode()
    asked = request(body, headers=[("X-Sig", mac(body))])
    passes(pusher, asked)
    with pytest.raises(SignatureError):
        passes(pusher, asked, NOW + timedelta(minutes=6))


LIST = {**HMAC, "signed": "{timestamp}.{body}", "signature_part": "rest", "timestamp_part": "first"}


def test_parts_without_names_are_the_time_and_then_signatures():
    good = mac(f"{STAMP}.{BODY.decode()}")
    for value in (f"{STAMP},{good}", f"{STAMP},{'0' * 64},{good}"):
        passes(LIST, request(BODY, headers=[("X-Sig", value)]))
    for value in (STAMP, good, f"{good},{STAMP}", f"{STAMP},{'0' * 64}", f"{STAMP},", f"{STAMP}," + f"{good}," * 20):
        with pytest.raises(SignatureError):
            passes(LIST, request(BODY, headers=[("X-Sig", value)]))
    them = build("them", LIST)
    them.authenticate(them.authenticator.sign(request(BODY), NOW, "evt_1"), NOW)


@pytest.mark.parametrize(
    ("stamp", "right"),
    [
        ("Mon, 02 Mar 2026 12:00:00 GMT", True),
        ("Mon, 02 Mar 2026 11:00:00 GMT", False),
        ("Mon, 32 Mar 2026 12:00:00 GMT", False),
        ("Mon, 02 Mar 2026 12:00:00 GMT,Mon, 02 Mar 2026 12:00:00 GMT", False),
        ("Mon, 02 Mar 2026 12:00:00 +0000", False),
    ],
)
def test_a_time_stamp_may_be_a_date_of_http(stamp, right):
    config = {**HMAC, "timestamp_header": "X-Time", "signed": "{body}{timestamp}"}
    asked = request(BODY, headers=[("X-Time", stamp), ("X-Sig", mac(BODY.decode() + stamp))])
    if right:
        passes(config, asked)
        return
    with pytest.raises(SignatureError):
        passes(config, asked)


SIGNED_HEADERS = {
    **HMAC, "signed": "{method} {path} {headers:X-Signed} {body}", "timestamp_header": "X-Time",
}  # fmt: skip


def with_signed_headers(names, stamp=STAMP, path="/hooks/them", target="/hooks/them", topic="a"):
    fields = {"x-signed": names, "x-time": STAMP, "x-topic": "a"}
    text = (
        f"POST {path} " + ";".join(f"{name}:{fields.get(name, '')}" for name in names.split(",")) + f" {BODY.decode()}"
    )
    sent = [("X-Signed", names), ("X-Time", stamp), ("X-Topic", topic), ("X-Sig", mac(text))]
    return request(BODY, headers=sent, target=target)


def test_headers_that_are_listed_are_signed_with_time_and_list_among_them():
    passes(SIGNED_HEADERS, with_signed_headers("x-signed,x-time,x-topic"))
    passes(SIGNED_HEADERS, with_signed_headers("x-signed,x-time"))
    assert build("them", SIGNED_HEADERS).warnings == ()
    for bad in (
        with_signed_headers("x-signed,x-topic"),
        with_signed_headers("x-time,x-topic"),
        with_signed_headers(""),
        with_signed_headers("x-signed,x-time,x-topic", topic="b"),
        with_signed_headers("x-signed,x-time", stamp=str(int(STAMP) + 1)),
        with_signed_headers("x-signed,x-time", target="/hooks/them?a=1"),
        with_signed_headers("x-signed,x-time", path="/hooks/us"),
    ):
        with pytest.raises(SignatureError):
            passes(SIGNED_HEADERS, bad)
    them = build("them", SIGNED_HEADERS)
    them.authenticate(them.authenticator.sign(request(BODY, target="/hooks/them"), NOW, "evt_1"), NOW)


def test_a_signed_path_lies_below_that_of_public_url():
    asked = with_signed_headers("x-signed,x-time", path="/bridge/hooks/them")
    passes(SIGNED_HEADERS, asked, public_url="https://example.com/bridge/")
    with pytest.raises(SignatureError):
        passes(SIGNED_HEADERS, asked)


def test_a_checksum_in_place_of_the_body_is_taken_with_a_warning():
    config = {**HMAC, "signed": "{webhook_id}|{crc32}", "webhook_id": "WH-1"}
    passes(config, request(b"123456789", headers=[("X-Sig", mac("WH-1|3421780262"))]))  # the check value of CRC-32
    assert any("checksum" in words for words in build("them", config).warnings)
    [(path, _)] = problems("them", {key: value for key, value in config.items() if key != "webhook_id"})
    assert path == "sources.them.webhook_id"


@pytest.mark.parametrize("signed", ["hmacsha256={}", "{}"])
@pytest.mark.parametrize("prefix", ["hmacsha256=", ""])
def test_linkedin_is_taken_in_each_way_in_which_its_page_is_read(signed, prefix):
    config = {"verify": "linkedin", "secret": KEY}
    passes(config, request(BODY, headers=[("X-LI-Signature", prefix + mac(signed.format(BODY.decode())))]))
    with pytest.raises(SignatureError):
        passes(config, request(BODY, headers=[("X-LI-Signature", prefix + mac(signed.format("x")))]))


def test_of_several_forms_the_error_is_that_of_the_one_that_came():
    them = {"verify": "box", "secret": KEY}
    headers = [("box-signature-secondary", "AAAA"), ("box-delivery-timestamp", "2026-03-02T12:00:00Z")]
    with pytest.raises(SignatureError, match="box-signature-secondary"):
        passes(them, request(BODY, headers=headers))
    with pytest.raises(SignatureError, match="no signature in header:box-signature-primary"):
        passes(them, request(BODY))
    cleaned = build("them", them).authenticator.clean(request(BODY, headers=headers))
    assert "box-signature-secondary" not in cleaned.headers


def test_an_entry_that_says_how_its_sender_signs_has_that_form_alone():
    config = {"verify": "linkedin", "secret": KEY, "signed": "{body}", "prefix": ""}
    passes(config, request(BODY, headers=[("X-LI-Signature", mac(BODY))]))
    with pytest.raises(SignatureError):
        passes(config, request(BODY, headers=[("X-LI-Signature", mac(b"hmacsha256=" + BODY))]))
