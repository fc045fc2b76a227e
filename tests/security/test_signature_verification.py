"""Everything that somebody without the secret tries, against every way of proof."""

import base64
import pickle
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources import Headers, Incoming, SignatureError, build, problems
from tests.sources.signed_requests import NOW, OTHER, SECRET, SIGNED, STANDARD, TIMED, WAYS, request, signed, source

every_way = pytest.mark.parametrize("way", WAYS)


def refused(config, asked, now=NOW):
    with pytest.raises(SignatureError) as caught:
        source(config).authenticate(asked, now)
    return caught.value


def header(asked, name, value):
    kept = [(key, text) for key, text in asked.headers.items() if key != name]
    return replace(asked, headers=Headers([*kept, (name, value)]))


@every_way
def test_the_rightful_sender_is_let_in(way):
    source(WAYS[way]).authenticate(signed(WAYS[way]), NOW)


@every_way
def test_a_request_without_any_proof_is_refused(way):
    refused(WAYS[way], request())


@every_way
def test_a_proof_with_another_secret_is_refused(way):
    other = {key: OTHER if key in {"secret", "token", "password"} else value for key, value in WAYS[way].items()}
    refused(WAYS[way], signed(other))


@pytest.mark.parametrize("way", SIGNED)
@pytest.mark.parametrize("body", [b"", b'{"type": "deal.signed"} ', b'{"type": "deal.signeD"}', b"\xff\xfe", b"\x00"])
def test_a_body_that_was_changed_is_refused(way, body):
    refused(WAYS[way], replace(signed(WAYS[way]), body=body))


@pytest.mark.parametrize("way", TIMED)
@pytest.mark.parametrize("skew", [timedelta(minutes=6), -timedelta(minutes=6), timedelta(days=365)])
def test_a_signature_from_another_time_is_refused(way, skew):
    refused(WAYS[way], signed(WAYS[way]), NOW + skew)


@pytest.mark.parametrize("way", TIMED)
@pytest.mark.parametrize("skew", [timedelta(minutes=4), -timedelta(minutes=4)])
def test_clocks_may_differ_by_minutes(way, skew):
    source(WAYS[way]).authenticate(signed(WAYS[way]), NOW + skew)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize(
    "value", ["", " ", "x", "evt_2", "1e9", "-1", "9" * 400, "v1", "v1,", "v1,%%%", "v2,abc", "ü", "v1,ü", "a,b"]
)
def test_a_header_that_was_changed_is_refused_and_never_a_crash(name, value):
    refused(STANDARD, header(signed(), name, value))


def test_a_time_stamp_moved_to_now_does_not_revive_an_old_signature():
    later = NOW + timedelta(hours=1)
    refused(STANDARD, header(signed(), "webhook-timestamp", str(int(later.timestamp()))), later)


def test_a_second_smuggled_header_makes_it_fail_instead_of_choosing():
    asked = signed()
    for name, extra in (("webhook-id", "evt_2"), ("webhook-timestamp", "1"), ("Webhook-Signature", "v1,AAAA")):
        doubled = replace(asked, headers=Headers([*asked.headers.items(), (name, extra)]))
        refused(STANDARD, doubled)


def test_thousands_of_signatures_in_one_header_are_not_tried():
    assert refused(STANDARD, header(signed(), "webhook-signature", "v1,AAAA " * 5_000)).code == "malformed"


def test_old_and_new_secret_are_both_good_while_they_rotate():
    rotating = {"verify": "standard-webhooks", "secrets": [OTHER, SECRET]}
    source(rotating).authenticate(signed(), NOW)
    source(rotating).authenticate(signed({**STANDARD, "secret": OTHER}), NOW)


def test_a_replay_is_the_same_event_whatever_unsigned_header_it_carries():
    github = source(WAYS["github"])
    first = signed(WAYS["github"], request(headers=[("X-GitHub-Delivery", "1")]))
    again = header(first, "x-github-delivery", "2")
    keys = {github.read(one, github.authenticate(one, NOW)).dedupe_key for one in (first, again)}
    assert len(keys) == 1


def test_a_query_next_to_a_signed_body_is_nobody_s():
    crm = source()
    asked = replace(signed(), query=(("type", "evil"), ("x", "1")))
    reading = crm.read(asked, crm.authenticate(asked, NOW))
    assert reading.body == {"type": "deal.signed"}
    assert reading.dedupe_key == "id:evt_1"
    assert crm.stored_request(asked).query == ()


def test_an_empty_signed_request_with_a_query_says_nothing():
    crm = source(format="query")
    asked = replace(signed(asked=request(b"")), query=(("type", "evil"),))
    assert crm.read(asked, crm.authenticate(asked, NOW)).body == {}


@pytest.mark.parametrize(
    "token", ["", "a-long-enough-toke", "a-long-enough-tokenn", "A-LONG-ENOUGH-TOKEN", "ü", "../a", "\x00"]
)
def test_a_token_that_is_nearly_right_is_wrong(token):
    refused(WAYS["token"], replace(request(), path_token=token))


SLASHED = {"verify": "token", "token": "a/long+token==/for//tests"}


@pytest.mark.parametrize(
    "given",
    [
        *("a/long+token==/for//tests", "a%2Flong%2Btoken%3D%3D%2Ffor%2F%2Ftests"),
        *("a/long+token==/for//tests/", "/a/long+token==/for//tests"),
    ],
)
def test_a_token_with_slashes_fits_however_it_is_encoded(given):
    source(SLASHED).authenticate(replace(request(), path_token=given), NOW)


def test_a_plus_that_a_query_made_a_space_is_meant_as_a_plus():
    source(SLASHED).authenticate(request(query=(("token", "a/long token==/for//tests"),)), NOW)


def test_two_different_tokens_in_one_request_are_refused():
    asked = replace(signed(WAYS["token"]), query=(("token", "guess"),))
    assert refused(WAYS["token"], asked).code == "ambiguous"


def test_a_token_in_a_place_that_was_not_agreed_is_refused():
    refused(WAYS["token in the query"], signed(WAYS["token"]))


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Basic a-long-enough-token", "a-long-enough-token", "Bearer a-long-enough-token,x"]
)
def test_a_bearer_header_in_another_shape_is_refused(value):
    refused(WAYS["bearer"], header(request(), "authorization", value))


@pytest.mark.parametrize("pair", ["crm:", ":a-long-enough-password", "crm", "crm:a-long-enough-password:x", "\xff"])
def test_half_of_basic_credentials_is_nothing(pair):
    encoded = base64.b64encode(pair.encode("latin-1")).decode()
    refused(WAYS["basic"], header(request(), "authorization", f"Basic {encoded}"))


# --- addresses ---------------------------------------------------------------------------------------

LISTED = {**WAYS["token"], "allow_ips": ["203.0.113.0/24", "2001:db8::/32"], "trusted_proxies": ["10.0.0.0/8"]}


def from_address(remote, forwarded=None):
    headers = [("X-Forwarded-For", forwarded)] if forwarded else []
    return signed(WAYS["token"], request(headers=headers, remote=remote))


@pytest.mark.parametrize(
    ("remote", "forwarded"),
    [
        ("203.0.113.9", None),
        ("::ffff:203.0.113.9", None),
        ("2001:db8::7", None),
        ("10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2"),  # what stands left of the first stranger is hearsay
        ("10.0.0.1", "203.0.113.9:4711"),
        ("10.0.0.1", "[2001:db8::7]:4711"),
    ],
)
def test_a_listed_address_is_let_in(remote, forwarded):
    source(LISTED).authenticate(from_address(remote, forwarded), NOW)


@pytest.mark.parametrize(
    ("remote", "forwarded"),
    [
        ("198.51.100.1", None),
        ("198.51.100.1", "203.0.113.9"),  # not from a proxy of ours, so its header is a claim
        ("10.0.0.1", "203.0.113.9, 198.51.100.1"),  # the caller wrote the left one
        ("10.0.0.1", None),
        ("10.0.0.1", "unknown"),
        ("10.0.0.1", "203.0.113.9, garbage"),
        ("10.0.0.1", ", ".join(["10.0.0.2"] * 30)),
        ("", None),
        ("not an address", None),
    ],
)
def test_any_other_address_is_refused_in_spite_of_a_good_token(remote, forwarded):
    assert refused(LISTED, from_address(remote, forwarded)).code == "address"


def test_integr8_s_own_addresses_are_a_word():
    config = {**WAYS["token"], "allow_ips": "integr8"}
    source(config).authenticate(from_address("159.69.101.220"), NOW)
    refused(config, from_address("159.69.101.221"))


# --- settings ----------------------------------------------------------------------------------------


def test_no_proof_at_all_must_be_written_out_and_is_warned_about():
    assert "is missing" in str(problems("crm", {}))
    assert "lets anybody" in build("crm", {"verify": "none"}).warnings[0]


def test_a_signature_that_leaves_the_time_stamp_out_is_warned_about():
    config = {"verify": "hmac", "secret": "s" * 20, "header": "X-Sig", "timestamp_header": "X-Time"}
    assert "anybody can change it" in build("crm", config).warnings[0]


def test_a_signature_over_something_else_than_the_body_is_refused():
    config = {"verify": "hmac", "secret": "s" * 20, "header": "X-Sig", "signed": "{timestamp}"}
    assert "must contain {body}" in str(problems("crm", config))


def test_nothing_that_is_printed_holds_a_secret():
    for way, config in WAYS.items():
        made = source(config)
        shown = repr(made) + repr(made.authenticator) + repr(signed(config)) + str(made.warnings)
        for value in (SECRET, SECRET.removeprefix("whsec_"), "a-long-enough"):
            assert value not in shown, way


@every_way
def test_what_is_kept_holds_no_credentials(way):
    kept = source(WAYS[way]).stored_request(signed(WAYS[way]))
    text = str(dict(kept.headers)) + str(kept.query) + str(kept.path_token)
    assert "a-long-enough" not in text
    assert "v1," not in text
    assert "authorization" not in kept.headers


def test_an_error_survives_pickling_and_tells_no_secret():
    error = pickle.loads(pickle.dumps(refused(WAYS["token"], replace(request(), path_token="guess"))))
    assert error.code == "wrong"
    assert "guess" not in str(error)


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()), st.binary()
)
def test_whatever_comes_is_a_signature_error_and_nothing_else(headers, body):
    with pytest.raises(SignatureError):
        source().authenticate(Incoming(headers=Headers(headers), body=body), NOW)


@given(st.sampled_from(sorted(WAYS)), st.text(), st.binary(max_size=50))
def test_no_header_of_any_shape_breaks_a_proof(way, value, body):
    made = source(WAYS[way])
    names = [*signed(WAYS[way]).headers, "authorization", "x-sig"]
    asked = Incoming(headers=Headers([(name, value) for name in names]), body=body, path_token=value or None)
    with pytest.raises(SignatureError):
        made.authenticate(asked, NOW)
