"""Any text as a rule file, any text as a condition: located problems or a rule, and never anything else."""

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from rules.loading.load import load
from rules.model.environment import Environment

KNOWN = Environment(sources=frozenset({"crm"}), channels=frozenset({"ops"}))
GOOD = """
schema: 1
id: fuzzed
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: 24h, need: {clicks: 100}, fresh: 30m}
when: {all: [CONDITION]}
then: [{pause: offer}]
"""
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
words = st.sampled_from(
    [
        *(
            "clicks",
            "cr",
            "payout",
            "revenue",
            "offer.id",
            "body.a",
            "over",
            "24h",
            "vs",
            "7d",
            "up",
            "down",
            "50%",
            "@95%",
        ),
        *(
            "and",
            "or",
            "not",
            "in",
            "matches",
            "<",
            ">=",
            "=",
            "!=",
            "(",
            ")",
            "+",
            "-",
            "*",
            "/",
            "1",
            "0.4%",
            '"x"',
            "[",
            "]",
            ",",
        ),
        *("forecast", "within", "ago", "peers", "same", "hours", "**", "__class__", "{{", "}}", "'", "\\", "\x00", "…"),
    ]
)
yaml_text = st.lists(
    st.sampled_from(
        [
            *(
                "schema: 1\n",
                "id: a\n",
                "when:\n",
                "  all:\n",
                "- ",
                "  ",
                "then: [{pause: offer}]\n",
                "---\n",
                "&a ",
                "*a",
                "!!python/object:os.system ",
            ),
            *(
                "{",
                "}",
                "[",
                "]",
                ": ",
                "? ",
                "| \n",
                "> \n",
                "<<: *a\n",
                "1:30",
                "yes",
                "0o17",
                "2026-01-01",
                "\t",
                "\x85",
                "💥",
                "'",
                '"',
            ),
        ]
    ),
    max_size=25,
).map("".join)


def located(text):
    for problem in load(text, name="rules/fuzz.yaml", environment=KNOWN).problems:
        assert str(problem).startswith("rules/fuzz.yaml:")


@given(st.text(max_size=300) | yaml_text)
@example(BOMB)
@example("[" * 5_000)
@example("a: " * 2_000)
@example("x: !!python/object/apply:os.system ['true']\n")
@example("a: &a {b: *a}\n")
def test_any_text_as_a_rule_file_is_a_rule_or_a_located_problem(text):
    located(text)


@given(st.lists(words, max_size=15).map(" ".join) | st.text(max_size=80))
@example("(" * 3_000)
@example("not " * 3_000 + "clicks > 1")
@example("1" * 10_000)
@example("clicks matches '(a+)+$'")
def test_any_text_as_a_condition_is_one_or_a_located_problem(condition):
    located(GOOD.replace("CONDITION", yaml.safe_dump(condition, default_style='"', width=1_000_000).strip()))
