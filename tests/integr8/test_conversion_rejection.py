"""Rejecting conversions through the tracker."""

import pytest

from bridge.integr8 import errors


def test_it_is_off_until_an_address_is_named(client, integr8):
    with pytest.raises(errors.InvalidCall, match="has no rejection_url"):
        client.reject_conversion("01HV", "duplicate")
    assert integr8.seen == []


def test_the_tracker_is_asked_without_the_key(make_client, integr8):
    make_client(rejection_url=f"{integr8.url}/?secure=t0ken").reject_conversion("01HV", "two words")
    (seen,) = integr8.seen
    assert seen.line == "GET /"
    assert seen.query == {"secure": ["t0ken"], "new_rejected_reason": ["two words"], "transaction_id": ["01HV"]}
    assert "api-key" not in seen.headers


def test_rejecting_again_changes_nothing_so_it_is_repeated(make_client, integr8, double):
    integr8.will(double.Answer(drop=True), double.says({}, 503))
    make_client(rejection_url=integr8.url).reject_conversion("01HV", "duplicate")
    assert len(integr8.seen) == 3


def test_the_token_of_the_address_stays_out_of_errors(make_client, integr8, double):
    integr8.will(double.says({"error": "bad token t0ken"}, 403))
    with pytest.raises(errors.Forbidden) as caught:
        make_client(rejection_url=f"{integr8.url}/?secure=t0ken").reject_conversion("01HV", "x")
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(("transaction", "reason"), [("", "x"), ("01HV", " ")])
def test_half_a_rejection_is_not_sent(make_client, integr8, transaction, reason):
    with pytest.raises(errors.InvalidCall):
        make_client(rejection_url=integr8.url).reject_conversion(transaction, reason)
    assert integr8.seen == []
