"""The sentence of a rule says everything that changes whom or what the rule acts on."""

import pytest

from bridge.operations.rule_templates import library
from bridge.web.console.rule_sentence import sentence
from rules.language.edit import ABOUT_THE_RULE, Number
from rules.language.keys import KEYS
from rules.language.schema import json_schema, properties
from rules.language.strict_yaml import Branch, Leaf, documents
from rules.model.verbs import VERBS

BASE = """\
schema: 1
id: base
trigger: {every: 15m}
scope: {per: [offer]}
"""
PATHS = sorted({path for path, _ in properties(json_schema()) if path.partition(".")[0] not in ABOUT_THE_RULE})


def said(text):
    return "\n".join(
        f"{row.name}: {' '.join(_words(phrase) for phrase in row.phrases)}".strip() for row in sentence(text)
    )


def _words(phrase):
    parts = "".join(part.text if isinstance(part, Number) else part for part in phrase.parts)
    return " ".join(f"{phrase.before} {parts} {phrase.behind}".split())


def leaves(node, path=()):
    if isinstance(node, Leaf):
        yield path, node
    elif isinstance(node, Branch):
        for index, item in enumerate(node.items):
            yield from leaves(item, (*path, index))
    else:
        for key, item in node.entries.items():
            yield from leaves(item, (*path, key))


def decisive(text):
    """Every value of the first rule of a text that is not about the rule itself."""
    root = next(documents(text, "")).root
    return [(path, leaf) for path, leaf in leaves(root) if path[0] not in ABOUT_THE_RULE]


def with_another(text, leaf):
    lines = text.split("\n")
    row, start = leaf.place.line - 1, leaf.place.column - 1
    assert lines[row].startswith(leaf.raw, start)
    lines[row] = f"{lines[row][:start]}other{lines[row][start + len(leaf.raw) :]}"
    return "\n".join(lines)


def rule_with(example):
    section = example.partition(":")[0]
    return "\n".join([*(line for line in BASE.splitlines() if not line.startswith(f"{section}:")), example])


def example_of(path):
    section, _, name = path.partition(".")
    return f"then: [{VERBS[name].example}]" if section == "then" and name in VERBS else KEYS[path].example


@pytest.mark.parametrize("path", PATHS)
def test_each_key_of_the_schema_is_said(path):
    text = rule_with(example_of(path))
    without = rule_with(f"{path.partition('.')[0]}: {{}}")
    assert said(text) != said(without)
    for _, leaf in decisive(text):
        assert said(with_another(text, leaf)) != said(text)


@pytest.mark.parametrize("template", library(), ids=lambda one: one.name)
def test_no_value_of_a_rule_of_the_library_is_left_out(template):
    for path, leaf in decisive(template.text):
        assert said(with_another(template.text, leaf)) != said(template.text), path


def test_those_that_are_left_out_are_named():
    text = said(BASE.replace("per: [offer]", "per: [offer], where: {offer.active: true}, except: {offer.id: [7, 8]}"))
    assert "each offer that is active but none that has the id 7 or 8" in text


def test_a_group_of_conditions_is_said_with_what_joins_it():
    when = "when: {any: [clicks > 1, {none: [payout > 2, {all: [revenue > 3, profit > 4]}]}], for: 2 checks}"
    found = " ".join(said(BASE + when).split())
    assert "clicks > 1 or ( not payout > 2 and not ( revenue > 3 and profit > 4 )) for 2 checks" in found


def test_one_condition_that_must_not_hold_is_said_as_such():
    assert "If: not clicks > 1" in said(BASE + "when: {none: clicks > 1}")


def test_a_step_begins_with_what_it_does():
    assert "Then: pause offer until a person ends it" in said(BASE + "then: [{hold: manual, pause: offer}]")
    assert "Then: pause offer for 12h" in said(BASE + "then: [{hold: 12h, pause: offer}]")


def test_a_key_that_the_sentence_has_no_words_for_is_said_by_its_name():
    assert "Also: new key 5" in said(BASE + "new_key: 5")


def test_ids_in_a_sentence_are_no_fields():
    text = BASE.replace("per: [offer]", "per: [offer], except: {offer.id: [7]}, where: ['offer.default_payout > 5']")
    fields = [
        part.name for row in sentence(text) for one in row.phrases for part in one.parts if isinstance(part, Number)
    ]
    assert fields == ["trigger.every", "scope.where.0#0"]


def test_a_text_that_is_no_rule_has_no_sentence():
    assert sentence("a: [") == ()
    assert sentence("- a") == ()
