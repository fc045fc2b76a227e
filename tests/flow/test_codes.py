"""A code that begins with a zero is a text. A number, and a text without the zero, are something else: everywhere."""

import json

import pytest

from bridge.store.runs import Run
from rules.loading.self_tests import run_tests

CONDITIONS = {
    "equal": 'body.code = "007"',
    "listed": 'body.code in ["006", "007"]',
    "tabled": "body.code in table codes",
    "unequal": 'not (body.code != "007")',
}


def rule(name, condition, code, wanted):
    tests = f"tests: [{{given: {{body: {{code: {json.dumps(code)}}}}}, expect: {wanted}}}]"
    return f"""
schema: 1
id: {name}
mode: shadow
trigger: {{webhook: {{source: crm}}}}
when: ['{condition}']
then: [{{pause: offer, which: "1"}}]
{tests if name != "tabled" else ""}
"""


@pytest.mark.parametrize(("code", "wanted"), [("007", "yes"), (7, "no"), ("7", "no"), (7.0, "no"), ("07", "no")])
def test_live_and_in_the_tests_of_rules_a_code_is_only_itself(network, code, wanted):
    (network.home / "tables" / "codes.csv").write_text("code,name\n006,six\n007,seven\n")
    for name, condition in CONDITIONS.items():
        network.rule(rule(name, condition, code, wanted), f"{name}.yaml")
    network.crm({"id": "a", "code": code})
    network.work()
    assert [(run.yes, run.no) for run in network.all(Run)] == [(1, 0) if wanted == "yes" else (0, 1)] * 4
    with network.services.store.read() as session:
        revisions = network.services.library.current(session).revisions
    assert [result.passed for one in revisions.values() for result in run_tests(one)] == [True] * 3
