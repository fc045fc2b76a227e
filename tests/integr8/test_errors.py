"""Each way to fail has its own class, with the server's words and without our secrets."""

import pickle
from datetime import UTC, datetime

import pytest

from bridge.integr8 import Client, LocalBudget, errors

TABLE = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    402: errors.RequestFailed,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.Refused,
    302: errors.Refused,
    429: errors.RateLimited,
    500: errors.ServerError,
    503: errors.ServerError,
}


@pytest.mark.parametrize(("status", "kind"), TABLE.items())
def test_a_status_has_its_class(client, integr8, double, status, kind):
    integr8.script = lambda _: double.says({"error": "so it is"}, status, X_Request_Id="7f3a")
    with pytest.raises(kind) as caught:
        client.users.get("u1")
    error = caught.value
    assert (error.operation, error.status, error.words, error.request_id) == ("users.get", status, "so it is", "7f3a")


BODIES = {
    b'{"message": "no offer"}': "no offer",
    b'{"error": {"message": "no offer"}}': "no offer",
    b'{"title": "Bad", "detail": "no offer"}': "no offer: Bad",
    b'["no", "offer"]': "no; offer",
    b'{"code": 7}': '{"code": 7}',
    b"no\n  offer": "no offer",
    b"": "",
    b"\xff\xfe": "\ufffd\ufffd",
}


@pytest.mark.parametrize(("body", "words"), BODIES.items())
def test_the_servers_words_are_found_in_any_shape(client, integr8, double, body, words):
    integr8.will(double.Answer(400, body))
    with pytest.raises(errors.BadRequest) as caught:
        client.users.get("u1")
    assert caught.value.words == words


def test_several_messages_are_joined(client, integr8, double):
    integr8.will(double.sample("bad_request.json", 400))
    with pytest.raises(errors.BadRequest, match="advertiser_id is required; name is required"):
        client.users.get("u1")


def test_a_page_of_html_gives_its_title(client, integr8, double):
    integr8.script = lambda _: double.sample("bad_gateway.html", 502)
    with pytest.raises(errors.ServerError) as caught:
        client.users.get("u1")
    assert caught.value.words == "502 Bad Gateway"


def test_neither_key_nor_password_is_repeated_to_us(client, integr8, double):
    integr8.script = lambda seen: double.says(
        {"error": f"bad: {seen.body.decode()} key {seen.headers['api-key']}"}, 400
    )
    with pytest.raises(errors.BadRequest) as caught:
        client.users.create(email="a@b.example", role="admin", password="hunter2hunter2")
    shown = str(caught.value) + repr(caught.value) + repr(caught.value.__dict__) + repr(caught.value.__cause__)
    assert "hunter2" not in shown
    assert "nobody-may-see" not in shown
    assert "***" in shown


ALL = [
    errors.RateLimited("users.list", status=429, words="slow", request_id="r", retry_after=2.5),
    errors.InvalidCall("users.get", {"userID": "is missing"}),
    errors.PartlyDone("offers.set_status", done=("1",), failed={"2": errors.NotFound("offers.get", status=404)}),
    errors.NotUnique("users.list", key="email", ids=("1", "2")),
    errors.OutcomeUnknown("users.create"),
    errors.BudgetExhausted(1.5),
    errors.BudgetUnavailable("ConnectionError"),
    errors.DailyBudgetExhausted(10, datetime(2026, 3, 2, tzinfo=UTC)),
]


@pytest.mark.parametrize("error", ALL, ids=lambda one: type(one).__name__)
def test_an_error_survives_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert set(again.__dict__) == set(error.__dict__)


def test_an_error_reads_as_where_what_and_what_to_do():
    error = errors.Forbidden("offers.update", status=403, words="no Write on Offers", request_id="7f3a")
    assert str(error) == (
        "offers.update: the API key lacks the permission: no Write on Offers (HTTP 403, request 7f3a); "
        "grant it under Organization > User Management > API Keys"
    )


MALFORMED = {
    "no JSON": b"hello",
    "half of it": b'{"data": {"id"',
    "another shape": b'{"items": []}',
    "a list for an object": b'{"data": []}',
    "no UTF-8": b"\xff{}",
    "HTML": b"<html><title>Sign in</title></html>",
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_good_status_with_a_bad_body_is_malformed(client, integr8, double, case):
    integr8.script = lambda _: double.Answer(200, MALFORMED[case])
    with pytest.raises(errors.Malformed):
        client.users.get("u1")


def test_another_shape_is_not_asked_for_again(client, integr8, double):
    integr8.script = lambda _: double.says({"items": []})
    with pytest.raises(errors.Malformed):
        client.users.get("u1")
    assert len(integr8.seen) == 1


def test_a_started_export_needs_no_more_than_its_id(client, integr8, double, now):
    integr8.will(double.says({"data": {"id": "exp1", "results_meta": [], "notify_by_email": "no", "integration": 5}}))
    assert client.downloads.clicks(now, now, fields=["payout"])["id"] == "exp1"


@pytest.mark.parametrize("key", ["", " ", "s\u00e9cret", "s3cret\n"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(integr8, key):
    with pytest.raises(ValueError, match="no header can carry") as caught:
        Client(integr8.url, key, integration="i", budget=LocalBudget())
    assert not key.strip() or key.strip() not in str(caught.value)


def test_a_write_may_answer_nothing_at_all(client, integr8, double):
    integr8.will(double.Answer(204, b""))
    client.users.delete("u1")


def test_a_sign_in_page_is_no_success_of_a_write(client, integr8, double):
    integr8.script = lambda _: double.sample("bad_gateway.html", 200)
    with pytest.raises(errors.Malformed):
        client.users.delete("u1")


@pytest.mark.parametrize("none", [{"data": None}, {"data": {}}, {}])
def test_an_empty_list_may_be_null_or_nothing_where_it_says_that_it_is_empty(client, integr8, double, none):
    integr8.will(double.says({**none, "meta": {"total_count": 0, "total_page": 0}}))
    assert list(client.users.list()) == []


@pytest.mark.parametrize("none", [{"data": {}}, {}])
@pytest.mark.parametrize("meta", [{}, {"meta": None}, {"meta": {"total_count": 3}}])
def test_nothing_is_no_empty_list_by_itself(client, integr8, double, none, meta):
    integr8.script = lambda _seen: double.says({**none, **meta})
    with pytest.raises(errors.Malformed):
        list(client.users.list())


def test_a_list_without_meta_is_read_until_a_short_page(client, integr8, double):
    integr8.will(double.says({"data": [{"id": str(n)} for n in range(2)]}), double.says({"data": [{"id": "2"}]}))
    assert [row["id"] for row in client.users.list(size=2)] == ["0", "1", "2"]
