"""The alert rules and the dashboard, read by Prometheus's own grammar: they ask only for what exists."""

import json
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml

from bridge.observability import metrics
from bridge.web import gauges

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
PANELS = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())["panels"]
ASKED = {f"alert {rule['alert']}": rule["expr"] for rule in RULES} | {
    f"panel {panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]
}
PARTS = ("expr", "lhs", "rhs", "param", "vector_selector")
GIVEN_BY_PROMETHEUS = {"job", "instance"}


def exposed():
    """Every name under which the table's metrics appear in a scrape, with its labels."""
    suffixes = {"counter": [("_total", [])], "histogram": [("_bucket", ["le"]), ("_sum", []), ("_count", [])]}
    found = {"up": set()}
    for one in metrics.COUNTED:
        [family] = one.describe()
        for suffix, more in suffixes[family.type]:
            found[family.name + suffix] = {*one._labelnames, *more}
    return found | {gauge.name: set(gauge.labels) for gauge in gauges.READ}


def walk(node):
    """A parsed expression and everything in it."""
    yield node
    inner = [getattr(node, name, None) for name in PARTS] + list(getattr(node, "args", None) or [])
    for each in inner:
        if each is not None:
            yield from walk(each)


def parsed(text):
    return list(walk(promql_parser.parse(text.replace("$__rate_interval", "5m"))))


def selectors(text):
    return [node for node in parsed(text) if isinstance(node, promql_parser.VectorSelector)]


@pytest.mark.parametrize("text", ASKED.values(), ids=ASKED)
def test_only_metrics_that_exist_are_asked_for(text):
    assert {one.name for one in selectors(text)} <= set(exposed())


@pytest.mark.parametrize("text", ASKED.values(), ids=ASKED)
def test_only_labels_that_exist_are_told_apart_by(text):
    known = exposed()
    for one in selectors(text):
        assert {each.name for each in one.matchers.matchers} <= known[one.name] | GIVEN_BY_PROMETHEUS
    there = set.union(*(known[one.name] for one in selectors(text)))
    for node in parsed(text):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= there


@pytest.mark.parametrize("text", ASKED.values(), ids=ASKED)
def test_counters_are_summed_over_all_targets(text):
    """Each target counts for itself; a rate of one of them alone says little."""
    counted = {name for name in exposed() if name.endswith(("_total", "_bucket", "_sum", "_count"))}
    if {one.name for one in selectors(text)} & counted:
        assert any(isinstance(node, promql_parser.AggregateExpr) and str(node.op) == "sum" for node in parsed(text))


def test_every_metric_has_its_place_on_the_dashboard_or_in_an_alert():
    shown = {one.name for text in ASKED.values() for one in selectors(text)}
    families = {one.describe()[0].name for one in metrics.COUNTED} | {gauge.name for gauge in gauges.READ}
    assert {name for name in families if not any(one.startswith(name) for one in shown)} == set()


def test_no_panel_lies_upon_another():
    taken = [
        (panel["gridPos"]["x"] + right, panel["gridPos"]["y"] + down)
        for panel in PANELS
        for right in range(panel["gridPos"]["w"])
        for down in range(panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))


def test_every_alert_says_what_it_means_and_how_urgent_it_is():
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "description"} <= set(rule["annotations"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed here")
def test_prometheus_itself_raises_each_alert_where_it_should():
    command = ["promtool", "test", "rules", "alerts_test.yml"]
    told = subprocess.run(command, cwd=ROOT / "deploy" / "prometheus", capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_has_a_case_in_which_it_is_raised():
    cases = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts_test.yml").read_text())["tests"]
    raised = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one.get("exp_alerts")}
    assert raised == {rule["alert"] for rule in RULES}


def test_every_alert_is_explained_in_the_docs():
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    assert [rule["alert"] for rule in RULES if rule["alert"] not in page] == []
