"""Anything at all, at everything that strangers can reach: it is read, or refused in words, and never breaks.

`make fuzz` runs these with many more examples; in the ordinary run they are a smoke test.
"""

import gzip
import json
from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.sources import Headers, Incoming, SignatureError, Unreadable, observation, problems
from bridge.sources.exact_json import dumps, loads
from bridge.sources.postback import NAMES
from rules.model.input_values import parse_moment
from tests.sources.signed_requests import NOW, WAYS, signed, source

KINDS = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/csv",
    "",
    "application/vnd.x+json; charset=utf-8",
]
texts = st.text(max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=6) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
json_like = st.text(alphabet='[]{}",:\\u0123456789.eE+- \nabcdfnrtl', max_size=200).map(str.encode)
bodies = st.binary(max_size=200) | json_like | json_values.map(lambda value: json.dumps(value, default=str).encode())
sources = [
    source({"verify": "none", "format": name}) for name in ("auto", "json", "form", "query", "csv", "integr8-postback")
]


@given(
    made=st.sampled_from(sources),
    body=bodies | bodies.map(gzip.compress),
    kind=st.sampled_from(KINDS) | texts,
    coding=st.sampled_from(["", "gzip", "identity", "br"]),
    query=st.lists(st.tuples(st.sampled_from(sorted(NAMES)) | texts, texts), max_size=8),
)
@example(made=sources[3], body=b"", kind="", coding="", query=[("sub_id", "1"), ("sub_id", "\0")])
@example(made=sources[4], body=b"a,b\n1,\0\n", kind="text/csv", coding="", query=[])
@example(made=sources[4], body=b"a,\0\n1,2\n", kind="text/csv", coding="", query=[])
@example(made=sources[4], body=b"a,b\n1,2\n", kind="text/csv", coding="", query=[("adv", "\0")])
@example(made=sources[0], body=b"[{}]", kind="application/json", coding="", query=[("adv", "")])
@example(made=sources[5], body=b"", kind="", coding="", query=[("own", "1"), ("own", "\0"), ("own", "\udcff")])
def test_any_request_is_read_or_refused_in_words(made, body, kind, coding, query):
    headers = Headers({"content-encoding": coding} if coding else {})
    asked = Incoming(body=body, content_type=kind, headers=headers, query=tuple(query))
    try:
        taken = made.accept(asked)
    except Unreadable as error:
        assert error.status in {400, 413, 415, 422}  # noqa: PT017 - whether it raises is up to the input
        return
    for one in taken:
        assert json.loads(dumps(one.parsed.body)) is not None
        assert one.parsed.dedupe_key
        assert one.parsed.event_time is None or one.parsed.event_time.tzinfo is UTC
        assert made.read(one.stored_request).body == one.parsed.body
        if made.format == "integr8-postback":
            observation(one.parsed)


@given(json_values)
def test_exact_json_comes_back_as_it_went(value):
    written = dumps(value).encode()
    try:
        again = loads(written, depth=64)
    except Unreadable:
        return  # a NUL or half a surrogate pair inside
    assert dumps(again).encode() == written


@given(st.sampled_from(sorted(WAYS)), st.data())
def test_a_signed_request_with_one_byte_changed_is_refused(way, data):
    asked = signed(WAYS[way], Incoming(body=b'{"type": "deal.signed"}', content_type="application/json"))
    if source(WAYS[way]).authenticator.covers_query:
        return  # a token says nothing about the body
    position = data.draw(st.integers(0, len(asked.body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != asked.body[position]))
    body = asked.body[:position] + bytes([other]) + asked.body[position + 1 :]
    with pytest.raises(SignatureError):
        source(WAYS[way]).authenticate(replace(asked, body=body), NOW)


@given(
    st.dictionaries(
        st.sampled_from(["verify", "secret", "token", "format", "expects", "allow_ips", "map", "x"]), json_values
    )
)
def test_any_settings_of_a_source_are_good_or_have_located_problems(config):
    for path, words in problems("crm", config):
        assert path.startswith("sources.crm")
        assert words


@given(texts | st.integers() | st.floats() | st.datetimes())
def test_any_time_is_one_in_utc_or_none(value):
    moment = parse_moment(value)
    assert moment is None or moment.tzinfo is UTC
