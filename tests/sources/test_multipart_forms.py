"""Forms that come in parts: as a library of another language writes them, cut off, and without sense."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources import build
from bridge.sources.errors import SourceError
from tests.sources.signed_requests import request

FORMS = {"verify": "token", "token": "a-long-enough-token", "event_type": "event.event_type"}


def sent(fields, config=FORMS, *, cut=0):
    files = [(name, value if isinstance(value, tuple) else (None, value.encode())) for name, value in fields]
    made = httpx.Request("POST", "http://bridge.test", files=files)
    body, kind = made.read(), made.headers["content-type"]
    asked = request(body[: len(body) - cut] if cut else body, content_type=kind)
    return build("them", config).accept(asked)[0].parsed.body


def test_fields_are_read_like_those_of_any_form():
    assert sent([("a", "1"), ("b", "ü €"), ("b", "2"), ("empty", "")]) == {"a": "1", "b": ["ü €", "2"], "empty": ""}


def test_json_that_one_field_carries_alone_is_the_body():
    assert sent([("json", '{"event": {"event_type": "signed"}, "amount": 1.50}')])["event"] == {"event_type": "signed"}


def test_beside_other_fields_the_setting_names_it():
    fields = [("formID", "7"), ("rawRequest", '{"q1": "yes"}')]
    assert sent(fields)["rawRequest"] == '{"q1": "yes"}'
    assert sent(fields, {**FORMS, "json_in": "rawRequest"}) == {"q1": "yes"}


def test_of_a_file_its_name_type_and_size_are_kept():
    assert sent([("bill", ("bill.pdf", b"%PDF\x00\xff", "application/pdf")), ("a", "1")]) == {
        "bill": "bill.pdf",
        "bill.type": "application/pdf",
        "bill.size": "6",
        "a": "1",
    }


@pytest.mark.parametrize("cut", [3, 10, 60])
def test_a_form_that_is_cut_off_is_refused(cut):
    with pytest.raises(SourceError, match=r"ends before|no form in parts"):
        sent([("a", "1"), ("b", "2" * 50)], cut=cut)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"--x\r\n", "multipart/form-data", "names no boundary"),
        (b"no part at all", "multipart/form-data; boundary=x", "ends before|no form in parts"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "not UTF-8",
        ),
    ],
)
def test_what_is_no_form_is_refused_with_the_reason(body, kind, words):
    with pytest.raises(SourceError, match=words):
        build("them", FORMS).accept(request(body, content_type=kind))


@given(
    fields=st.lists(
        st.tuples(
            st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8),
            st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20),
        ),
        min_size=2,
        max_size=5,
        unique_by=lambda pair: pair[0],
    )
)
def test_whatever_text_goes_in_comes_out(fields):
    assert sent(fields) == dict(fields)
