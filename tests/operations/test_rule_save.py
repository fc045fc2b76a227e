"""A rule's text is written into its file, or given as a patch; never over what somebody else wrote meanwhile."""

import subprocess

import pytest
from rule_texts import pause_rule

from bridge.operations.errors import NotThere, Refused
from bridge.operations.rule_save import authors_of, save
from bridge.operations.rule_templates import ACTIONS, ITEMS, METRICS, blank, from_library, library
from bridge.store import revisions
from rules.loading.load import load
from rules.model.environment import Environment

RULE = pause_rule("shadow", fresh="", hold="", guards="").strip() + "\n"


def put(network, text, **more):
    return save(network.services, text, who="Anna", note="a reason", now=network.now, **more)


def live(network, rule="low-cr"):
    with network.services.store.read() as session:
        return network.services.library.current(session).revisions.get(rule)


def test_a_new_rule_is_a_file_and_is_loaded_with_its_author(network):
    done = put(network, RULE)
    assert (done.written, done.is_new, done.file) == (True, True, "rules/low-cr.yaml")
    assert (network.home / "rules/low-cr.yaml").read_text() == RULE
    found = authors_of(network.services.store, "low-cr")[live(network).hash]
    assert (found.who, found.note) == ("Anna", "a reason")


def test_another_text_replaces_it_and_the_old_one_stays_among_the_revisions(network):
    put(network, RULE)
    base = live(network).hash
    put(network, "# why\n" + RULE.replace("< 1%", "< 2%"), base=base)
    assert (network.home / "rules/low-cr.yaml").read_text().startswith("# why\n")
    with network.services.store.read() as session:
        assert len(revisions.history(session, "low-cr")) == 2


def test_its_neighbours_in_the_same_file_stay_to_the_letter(network):
    other = RULE.replace("low-cr", "other")
    network.rule(f"# first\n{other}---\n{RULE}---\n# last\n{other.replace('other', 'third')}", "several.yaml")
    put(network, RULE.replace("< 1%", "< 2%"), base=live(network).hash)
    found = (network.home / "rules/several.yaml").read_text()
    assert found == f"# first\n{other}---\n{RULE.replace('< 1%', '< 2%')}---\n# last\n{other.replace('other', 'third')}"


def test_who_looks_at_an_older_text_writes_nothing(network):
    put(network, RULE)
    seen = live(network).hash
    put(network, RULE.replace("< 1%", "< 2%"), base=seen)
    with pytest.raises(Refused, match="meanwhile"):
        put(network, RULE.replace("< 1%", "< 3%"), base=seen)
    assert "< 2%" in (network.home / "rules/low-cr.yaml").read_text()


def test_a_file_that_was_changed_by_hand_is_not_written_over(network):
    put(network, RULE)
    (network.home / "rules/low-cr.yaml").write_text(RULE.replace("< 1%", "< 5%"))
    with pytest.raises(Refused, match="reload"):
        put(network, RULE.replace("< 1%", "< 2%"))


@pytest.mark.parametrize("mode", ["approve", "live"])
def test_a_mode_that_does_more_is_a_step_of_its_own(network, mode):
    with pytest.raises(Refused, match="begins in shadow"):
        put(network, RULE.replace("shadow", mode))
    put(network, RULE)
    with pytest.raises(Refused, match="its own step"):
        put(network, RULE.replace("shadow", mode), base=live(network).hash)


def test_a_mode_that_does_less_may_come_with_the_text(network):
    put(network, RULE)
    put(network, RULE.replace("mode: shadow", "mode: disabled"))
    assert live(network).mode == "disabled"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (RULE.replace("cr <", "crx <"), "line"),
        (RULE + "tests:\n  - {given: {clicks: 1000, conversions: 500}, expect: yes}\n", "its test fails"),
        ("# nothing", "no rule"),
        (RULE + "---\n" + RULE.replace("low-cr", "b"), "2 rules"),
        (RULE.replace("id: low-cr", "id: new"), "cannot be the id"),
        (RULE.replace("id: low-cr", "id: ../../etc"), "line"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(network, text, why):
    with pytest.raises(Refused, match=why):
        put(network, text)
    assert list((network.home / "rules").iterdir()) == []


def test_rules_in_git_are_given_as_a_patch_that_git_takes(network):
    put(network, RULE)
    subprocess.run(["git", "init", "-q"], cwd=network.home, check=True)
    new = put(network, RULE.replace("low-cr", "second"))
    old = put(network, RULE.replace("< 1%", "< 2%"))
    assert (new.written, old.written) == (False, False)
    assert "git" in old.why_not
    for done in (new, old):
        subprocess.run(["git", "apply"], cwd=network.home, check=True, input=done.patch.encode())
    assert "< 2%" in (network.home / "rules/low-cr.yaml").read_text()
    assert (network.home / "rules/second.yaml").read_text() == RULE.replace("low-cr", "second")


def test_rules_in_git_are_written_where_that_is_asked_for(network):
    subprocess.run(["git", "init", "-q"], cwd=network.home, check=True)
    assert put(network, RULE, force=True).written


def test_the_same_text_again_is_no_revision(network):
    put(network, RULE)
    with pytest.raises(Refused, match="nothing is changed"):
        put(network, RULE)


@pytest.mark.parametrize("template", library(), ids=lambda one: one.name)
def test_each_rule_of_the_library_begins_in_shadow_with_a_free_id(template):
    found = load(from_library(template.name, {template.name}), name="x", environment=Environment())
    assert [(one.id, one.mode) for one in found.revisions] == [(f"{template.name}-2", "shadow")]


def test_a_rule_that_the_library_does_not_have(network):
    with pytest.raises(NotThere, match="low-cr"):
        from_library("nothing", ())


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_blank_rule_can_be_used(item, metric, action):
    for above in (False, True):
        text = blank((), item=item, metric=metric, action=action, above=above)
        found = load(text, name="x", environment=Environment())
        assert [str(one) for one in found.errors] == []
        assert len(found.revisions) == 1
