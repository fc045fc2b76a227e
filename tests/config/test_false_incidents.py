"""How many false incidents of broken tracking an account bears reaches the test for them, live and in backtests."""

from dataclasses import replace

import pytest
from marshmallow import ValidationError

from bridge.config.schema import AccountSchema
from bridge.config.settings import Account
from bridge.services.container import Services

ACCOUNT = {"base_url": "https://api.example.com", "api_key": "k", "integrations": {"default": "1"}}


def test_one_a_month_unless_the_account_says_otherwise():
    assert AccountSchema().load(ACCOUNT)["false_incidents"] == 1.0
    assert AccountSchema().load({**ACCOUNT, "false_incidents": 5})["false_incidents"] == 5.0


@pytest.mark.parametrize("wrong", [0, -1, "many", True, 5000])
def test_what_is_no_number_of_incidents_is_refused(wrong):
    with pytest.raises(ValidationError):
        AccountSchema().load({**ACCOUNT, "false_incidents": wrong})


def test_it_reaches_the_data_of_its_account_and_follows_the_settings(network):
    services: Services = network.services
    main = services.settings.accounts["main"]
    assert services.data("main").tracking.false_incidents == 1.0
    changed = replace(services.settings, accounts={"main": replace(main, false_incidents=4.0)})
    services.settings = changed
    assert services.data("main").tracking.false_incidents == services.false_incidents("main") == 4.0
    assert services.false_incidents("elsewhere") == 1.0
    assert isinstance(main, Account)
