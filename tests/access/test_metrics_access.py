"""/metrics is open to whoever reaches it, unless bridge.yaml asks for a token."""

from dataclasses import replace

import pytest
from console_users import new_app

from bridge.config import settings
from bridge.config.renamed import old_names
from bridge.config.settings import SettingsError
from bridge.observability import metrics
from bridge.services.container import Services

TOKEN = "a token for the scraper"


@pytest.fixture
def guarded(network):
    services = Services(replace(network.services.settings, metrics_token=TOKEN), store=network.services.store)
    return new_app(services).test_client()


def test_without_a_setting_everybody_may_ask(network):
    assert new_app(network.services).test_client().get("/metrics").status_code == 200


def test_with_the_token_one_gets_the_numbers(guarded):
    answer = guarded.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert "bridge_" in answer.get_data(as_text=True)


@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_without_the_token_one_gets_none(guarded, sent):
    answer = guarded.get("/metrics", headers={"Authorization": sent} if sent else {})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_in_clear_or_a_short_one_is_refused(network, monkeypatch):
    place = network.home / "bridge.yaml"
    written = place.read_text()
    monkeypatch.setenv("METRICS_TOKEN", "short")
    for text, words in {f"{TOKEN}": "written in clear", "${METRICS_TOKEN}": "metrics.token: fewer than"}.items():
        place.write_text(f'{written}metrics: {{token: "{text}"}}\n')
        with pytest.raises(SettingsError, match=words):
            settings.load(network.home)


def test_the_token_comes_from_the_environment(network, monkeypatch):
    place = network.home / "bridge.yaml"
    place.write_text(place.read_text() + 'metrics: {token: "${METRICS_TOKEN}"}\n')
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    assert settings.load(network.home).metrics_token == TOKEN


def test_a_renamed_metric_is_shown_under_its_old_name_too(network):
    metrics.EVENT_BATCH_SECONDS.observe(0.01)
    metrics.WEBHOOKS_REFUSED.labels("crm", "wrong").inc()
    metrics.NOTICES.labels("ops", "done").inc()
    page = new_app(network.services).test_client().get("/metrics").get_data(as_text=True).splitlines()
    for new, [old] in old_names("metric").items():
        shown = [line.replace(new, old) for line in page if line.startswith(new) and "_created" not in line]
        assert {*shown} <= {*page}
        assert f"# TYPE {old} " in "".join(line[: len(old) + 8] for line in page if line.startswith(f"# TYPE {old}"))
