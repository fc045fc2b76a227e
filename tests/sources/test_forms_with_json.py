"""Senders that put JSON into a form field, or call it plain text."""

import json
from urllib.parse import urlencode

import pytest

from bridge.sources import Unreadable
from tests.sources.signed_requests import NOW, WAYS, request, signed, source

FORM = "application/x-www-form-urlencoded"
PUSH = {"ref": "refs/heads/main", "repository": {"full_name": "o/r"}}


def read(fields, **more):
    return source({"verify": "none"}, **more).read(request(urlencode(fields).encode(), FORM)).body


def test_github_s_default_form_reads_as_its_json():
    asked = signed(WAYS["github"], request(urlencode({"payload": json.dumps(PUSH)}).encode(), FORM))
    github = source(WAYS["github"])
    [accepted] = github.accept(asked, github.authenticate(asked, NOW))
    assert accepted.parsed.body == PUSH
    assert github.read(accepted.stored_request).body == PUSH


@pytest.mark.parametrize("fields", [{"payload": "no json"}, {"payload": ""}, {"a": "1"}])
def test_a_form_of_github_s_without_its_json_is_refused_by_name(fields):
    with pytest.raises(Unreadable, match=r"JSON|`json_in` names"):
        source(WAYS["github"]).read(request(urlencode(fields).encode(), FORM))


def test_github_s_json_is_read_beside_other_fields():
    fields = {"payload": json.dumps(PUSH), "x": "1"}
    assert source(WAYS["github"]).read(request(urlencode(fields).encode(), FORM)).body == PUSH


def test_a_field_beside_others_is_named_by_a_setting():
    fields = {"formID": "1", "rawRequest": '{"email": "a@b.example"}'}
    assert read(fields)["rawRequest"] == '{"email": "a@b.example"}'
    assert read(fields, json_in="rawRequest") == {"email": "a@b.example"}
    with pytest.raises(Unreadable, match="`json_in` names"):
        read({"x": "1"}, json_in="rawRequest")


def test_a_list_in_a_form_field_is_many_events():
    body = urlencode({"mandrill_events": json.dumps([{"_id": "a"}, {"_id": "b"}])}).encode()
    accepted = source({"verify": "none"}, delivery_id="_id").accept(request(body, FORM))
    assert [one.parsed.dedupe_key for one in accepted] == ["id:a", "id:b"]


@pytest.mark.parametrize("text", ["{macro}", "[x]", "{", "plain"])
def test_a_field_that_is_no_json_stays_a_text(text):
    assert read({"payload": text}) == {"payload": text}


def test_plain_text_that_is_json_is_json():
    assert source({"verify": "none"}).read(request(b'{"a": 1}', "text/plain; charset=UTF-8")).body == {"a": 1}
