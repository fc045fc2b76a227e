"""A rule that could take everything away at once says so, before it goes live."""

import pytest

from bridge.operations.check import check_home
from rules.language.render import to_yaml
from rules.loading.lint import unbounded
from rules.loading.load import load

RULE = """schema: 1
id: all
trigger: {trigger}
scope: {scope}
data: {{need: {{clicks: 500}}, fresh: 1h}}
when: [clicks > 5]
then: {then}
{more}
"""


def loaded(environment, scope, *, then="[{pause: offer}]", more="", trigger="{every: 1h}"):
    text = RULE.format(scope=scope, then=then, more=more, trigger=trigger)
    found = load(text, name="x.yaml", environment=environment)
    assert not found.errors, [str(problem) for problem in found.errors]
    return found.revisions[0]


@pytest.mark.parametrize("per", ["offer", "publisher", "country", "sub_id"])
def test_no_scope_is_an_error_with_each_thing_that_can_be_written_instead(environment, per):
    then = '[{pause: offer, which: "1"}]' if per not in {"offer", "publisher"} else f"[{{pause: {per}}}]"
    [problem] = unbounded(loaded(environment, f"{{per: [{per}]}}", then=then))
    assert problem.severity == "error"
    assert f"scope: {{per: [{per}], where: all}}" in problem.message
    assert not list(unbounded(loaded(environment, f"{{per: [{per}], where: all}}", then=then)))


@pytest.mark.parametrize(
    ("scope", "more"),
    [
        ("all", ""),
        ("{per: [offer], where: {offer.active: true}}", ""),
        ("{per: [offer], except: {offer.id: [7]}}", ""),
        ("{per: [offer]}", "guards: {at_most: {targets: 10}}"),
        ("{per: [offer]}", "guards: {per_day: 10}"),
        ("{per: [offer]}", "mode: disabled"),
    ],
)
def test_what_is_bounded_or_meant_is_fine(environment, scope, more):
    assert not list(unbounded(loaded(environment, scope, more=more)))


def test_what_takes_no_traffic_away_needs_no_bounds(environment):
    assert not list(unbounded(loaded(environment, "{per: [offer]}", then="[{notify: traffic}]")))


def test_all_is_all_of_what_the_first_step_names(environment):
    revision = loaded(environment, "all", then="[{notify: traffic}, {pause: publisher}]")
    assert revision.scope.per == ("publisher",)
    printed = to_yaml(revision)
    assert "where: all" in printed
    assert load(printed, name="x.yaml", environment=environment).revisions[0].hash == revision.hash


def test_all_of_nothing_is_refused(environment):
    text = RULE.format(scope="all", then="[{notify: traffic}]", more="", trigger="{every: 1h}")
    assert "all of what?" in str(load(text, name="x.yaml", environment=environment).errors[0])


def test_check_refuses_what_the_service_goes_on_with(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "bridge.yaml").write_text(
        "accounts: {main: {base_url: 'http://127.0.0.1:9', api_key: '${KEY}', integrations: {default: '1'}}}\n"
    )
    (tmp_path / ".env").write_text("KEY=k\n")
    text = RULE.format(scope="{per: [offer]}", then="[{pause: offer}]", more="", trigger="{every: 1h}")
    (tmp_path / "rules" / "all.yaml").write_text(text)
    found = check_home(tmp_path)
    assert found.rules == ("all",)
    assert any("could take away every offer at once" in line for line in found.errors), found
