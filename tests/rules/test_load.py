from pathlib import Path

import pytest

from rules.loading.load import Environment, load
from rules.model.revision import Calendar, For, HoldFor, Mode, Rolling

DESIGN = Path(__file__).parent / "design.yaml"


@pytest.fixture
def design(environment):
    return load(DESIGN.read_text(), name="design.yaml", environment=environment)


def test_the_examples_of_the_design_load(design):
    assert [revision.id for revision in design.revisions] == ["offer-cr-collapse", "publisher-from-crm"]
    assert not design.errors


def test_a_bracket_inside_quotes_inside_a_list_is_read_as_it_looks_and_warned_about(design):
    rule = design.revisions[1]
    assert rule.when.items[1].text == 'body.contact.email matches "^[^@]+@[^@]+$"'
    assert [problem.severity for problem in design.problems] == ["warning"]


def test_every_setting_of_the_first_example_arrives(design):
    rule = design.revisions[0]
    assert rule.mode is Mode.SHADOW
    assert rule.lasting == For(checks=2)
    assert rule.then[0].hold == HoldFor("duration", duration=rule.trigger.interval * 48)
    assert rule.guards.keep_active[0].per == "advertiser"
    assert rule.scope.exclude == {"offer.id": (7, 8)}
    assert rule.release.probation == {"clicks": 500}


def test_a_rule_without_a_mode_only_watches(rule):
    assert rule("[clicks > 5]").mode is Mode.SHADOW


def test_windows_are_rolling_or_of_the_calendar(rule):
    assert rule("[clicks > 5]", data="{window: 3d}").data.window == Rolling(rule("[clicks > 5]").data.window.length * 3)
    assert rule("[clicks > 5]", data="{window: this_week}").data.window == Calendar("this_week")


def test_hours_without_a_zone_mean_the_zone_of_the_data(rule):
    found = rule(
        "[clicks > 5]", data="{tz: Europe/Berlin}", more='guards: {quiet: {from: 22:00, to: "06:30", days: [sat, sun]}}'
    )
    assert (found.guards.quiet[0].tz, found.guards.quiet[0].days) == ("Europe/Berlin", (5, 6))


def test_the_zone_of_the_account_is_used_where_the_rule_names_none():
    text = "schema: 1\nid: a\ntrigger: {every: 1h}\nscope: {per: [offer]}\nwhen: [clicks > 5]\nthen: [{notify: x}]\n"
    found = load(text, name="f", environment=Environment(timezones={"main": "Europe/Berlin"}))
    assert found.revisions[0].data.tz == "Europe/Berlin"


GOOD = """schema: 1
id: {id}
trigger: {{every: 1h}}
scope: {{per: [offer]}}
when: [clicks > 5]
then: [{{notify: traffic}}]
"""


@pytest.mark.parametrize(
    "broken",
    [
        "a: [1",
        "schema: 1\nid: x",
        "\tx: 1",
        "just a text",
        "- 1",
        "a: 1\na: 2",
        "x: !!python/object:os.system 1",
        'id: "never closed',
        "{" * 40,
        "a: *nobody",
    ],
)
def test_a_broken_document_leaves_its_neighbours_alone(environment, broken):
    text = f"{GOOD.format(id='first')}---\n{broken}\n---\n{GOOD.format(id='last')}"
    loaded = load(text, name="rules.yaml", environment=environment)
    assert [revision.id for revision in loaded.revisions] == ["first", "last"]
    assert loaded.errors


def test_places_are_those_of_the_file_and_not_of_the_document(environment):
    loaded = load(
        f"{GOOD.format(id='a')}---\n{GOOD.format(id='b')}whne: 1\n", name="rules.yaml", environment=environment
    )
    assert str(loaded.errors[0]) == "rules.yaml:14:1: unknown key 'whne'; did you mean 'when'?"


def test_all_mistakes_of_a_rule_are_told_at_once(environment):
    text = (
        "schema: 2\nid: a b\nmode: lve\ntrigger: {evry: 1h}\ndata: {need: {klicks: 1}}\nwhen: [clics > 5]\nthen: []\n"
    )
    assert len(load(text, name="f", environment=environment).errors) >= 5


def test_two_rules_of_one_file_cannot_share_an_id(environment):
    loaded = load(f"{GOOD.format(id='a')}---\n{GOOD.format(id='a')}", name="f", environment=environment)
    assert len(loaded.revisions) == 1
    assert "a second rule with the id 'a'; the first is at f:1:1" in str(loaded.errors[0])


def test_a_file_of_fifty_megabytes_is_refused_at_once(environment):
    loaded = load("a" * 50_000_000, name="f", environment=environment)
    assert "split it into several files" in str(loaded.errors[0])


def test_a_bomb_of_aliases_is_refused(environment):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert load("\n".join(lines), name="f", environment=environment).errors


def test_an_alias_saves_writing(environment):
    text = GOOD.format(id="a").replace("[clicks > 5]", "&c [clicks > 5]") + "unless: {all: *c}\n"
    assert load(text, name="f", environment=environment).revisions


def test_comments_spacing_and_spelling_do_not_make_another_revision(environment):
    one = load(GOOD.format(id="a"), name="f", environment=environment).revisions[0]
    text = GOOD.format(id="a").replace("clicks > 5", "clicks   >  5.0") + "# a comment\n"
    assert load(text, name="g", environment=environment).revisions[0].hash == one.hash


@pytest.mark.parametrize("change", [("clicks > 5", "clicks > 6"), ("1h", "2h"), ("id: a", "id: a\nmode: live")])
def test_another_meaning_makes_another_revision(environment, change):
    one = load(GOOD.format(id="a"), name="f", environment=environment).revisions[0]
    other = load(GOOD.format(id="a").replace(*change), name="f", environment=environment).revisions[0]
    assert one.hash != other.hash


@pytest.mark.parametrize("window", ["12h", "today"])
def test_a_rate_over_less_than_a_day_is_warned_about_where_traffic_is_taken_away(environment, window):
    text = (
        f"schema: 1\nid: a\ntrigger: {{every: 1h}}\nscope: {{per: [offer]}}\n"
        f"data: {{window: {window}, need: {{clicks: 5}}, fresh: 1h}}\n"
        "when: {all: [cr < 1%]}\nthen: [{pause: offer}]\n"
    )
    assert "swings with the hour of the day" in str(load(text, name="f", environment=environment).problems[0])
    patient = text.replace("[cr < 1%]}", "[cr < 1%], for: 2 checks}")
    assert not load(patient, name="f", environment=environment).problems


def test_a_rule_whose_own_test_fails_does_not_go_live(environment):
    text = GOOD.format(id="a") + "tests:\n  - {name: few, given: {clicks: 3}, expect: yes}\n"
    loaded = load(text, name="f", environment=environment)
    assert not loaded.revisions
    assert str(loaded.errors[0]) == "f:8:5: the test 'few' expects yes but gets no: clicks 3 are not above 5"


def test_tests_can_be_left_out_to_show_their_results(environment):
    text = GOOD.format(id="a") + "tests: [{given: {clicks: 3}, expect: yes}]\n"
    assert load(text, name="f", environment=environment, tests=False).revisions


SECRET = """schema: 1
id: onboarding
trigger: {{webhook: {{source: crm}}}}
then: [{{ensure: user, key: {{email: "{{{{ body.email }}}}"}}, with: {{password: generate}}, {keys}}}]
"""


def test_a_renamed_key_is_read_with_a_warning(environment):
    old = load(SECRET.format(keys="hand_over: traffic"), name="f", environment=environment)
    new = load(SECRET.format(keys="deliver_secret_to: traffic"), name="f", environment=environment)
    assert [one.hash for one in old.revisions] == [one.hash for one in new.revisions] != []
    assert new.problems == ()
    assert [str(problem) for problem in old.problems] == [
        "f:4:85: hand_over is now called deliver_secret_to; the old name works for one more version"
    ]


def test_both_names_of_a_key_are_refused(environment):
    found = load(
        SECRET.format(keys="hand_over: traffic, deliver_secret_to: traffic"), name="f", environment=environment
    )
    assert "unknown key 'hand_over'" in str(found.errors[0])
