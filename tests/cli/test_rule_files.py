"""Rules that are kept in git: formats of `check`, `rules fmt`, `rules new`, `rules diff --against`."""

import json
import os
import random
import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner

from bridge.cli import cli
from bridge.cli.check_formats import FORMATS
from bridge.operations.check import Findings
from rules.language.layout import ordered
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.errors import RuleError

ROOT = Path(__file__).parents[2]
LIBRARY = [path for path in sorted((ROOT / "rules" / "library").glob("*.yaml")) if "\n---" not in path.read_text()]
BROKEN = "schema: 1\nid: broken\ntrigger: {every: 1h}\nscope: all\nwhen: [clik > 5]\nthen: [{pause: offer}]\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A fresh home, from which the commands run."""
    run("init", str(tmp_path / "net"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "net"))
    return tmp_path / "net"


def run(*words, code=0):
    found = CliRunner().invoke(cli, list(words))
    assert found.exit_code == code, found.output
    return found.stdout


def test_github_gets_an_annotation_at_the_line_of_the_repository(home):
    (home / "rules" / "broken.yaml").write_text(BROKEN)
    lines = run("check", "net", "--format", "github", code=1).splitlines()
    assert any(
        line.startswith("::error file=net/rules/broken.yaml,line=5,col=8::'clik' is not known") for line in lines
    )


def test_code_scanning_gets_sarif(home):
    (home / "rules" / "broken.yaml").write_text(BROKEN)
    [made] = json.loads(run("check", "net", "--format", "sarif", code=1))["runs"]
    [found] = [one for one in made["results"] if one["level"] == "error"]
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "net/rules/broken.yaml"
    assert place["region"] == {"startLine": 5, "startColumn": 8}
    assert found["ruleId"] in {rule["id"] for rule in made["tool"]["driver"]["rules"]}


def test_ci_gets_junit_with_a_case_for_each_rule_and_each_error(home):
    (home / "rules" / "broken.yaml").write_text(BROKEN)
    root = ET.fromstring(run("check", "net", "--format", "junit", code=1))
    cases = root.findall("./testsuite/testcase")
    suite = root.find("testsuite")
    assert suite.get("failures") == "1"
    assert suite.get("tests") == str(len(cases)) == "4"
    # What JUnit.xsd (windyroad/JUnit-Schema) wants, the schema of Ant's reports.
    assert root.attrib == {}
    wanted = {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time", "skipped"}
    assert set(suite.attrib) == wanted
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
    order = [one.tag for one in suite]
    assert order == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
    assert [one.get("name") for one in cases if one.find("failure") is not None] == ["net/rules/broken.yaml:5:8"]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_what_stands_in_a_message_breaks_no_format(form, tmp_path):
    nasty = 'rules/a,b:c.yaml:3:2: 100% "quoted" <b>&amp; line\nnext ::error::x \x00\x1b[31m ]]>'
    text = FORMATS[form](Findings((nasty, "no place at all"), ("tables/x.csv:2: odd",), ("fine",)), tmp_path)
    if form == "github":
        assert len(text.splitlines()) == 3
        assert "100%25" in text
    elif form == "sarif":
        assert len(json.loads(text)["runs"][0]["results"]) == 3
    else:
        assert ET.fromstring(text).find("testsuite").get("failures") == "2"


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_any_order_of_the_sections_becomes_the_one_order_with_every_comment(path):
    text = path.read_text()
    blocks = re.split(r"^(?=[a-z_]+:)", text, flags=re.MULTILINE)[1:]
    blocks = [f"# about {block.split(':')[0]}\n{block}" for block in blocks]
    wanted = ordered("".join(blocks), "x.yaml")
    assert ordered(wanted, "x.yaml") == wanted
    for seed in range(5):
        random.Random(seed).shuffle(blocks)
        shuffled = ordered("# the file\n\n" + "".join(blocks), "x.yaml")
        assert shuffled == "# the file\n\n" + wanted
        assert same_rule(shuffled, text)
    names = [block.splitlines()[1].split(":")[0] for block in blocks]
    assert all(f"# about {name}\n{name}:" in wanted for name in names)


def same_rule(one, other):
    hashes = [load(text, name="x", environment=Environment(), tests=False).revisions[0].hash for text in (one, other)]
    return hashes[0] == hashes[1]


def test_keys_inside_a_section_are_ordered_too_and_blocks_of_text_stay():
    text = """then:
  - pause: offer   # behind
data:
  # how fresh
  fresh: 1h
  window: 24h
  need: {clicks: 5}
note: |
  # not a comment

    indented
when: [clicks > 5]
scope: all
trigger: {every: 1h}
id: a
schema: 1
# at the end
"""
    found = ordered(text, "x.yaml")
    assert found.startswith("schema: 1\nid: a\nnote: |\n  # not a comment\n\n    indented\ntrigger")
    assert "data:\n  window: 24h\n  need: {clicks: 5}\n  # how fresh\n  fresh: 1h\nwhen" in found
    assert found.endswith("  - pause: offer   # behind\n# at the end\n")
    assert same_rule(found, text)


def test_several_rules_of_one_file_each_keep_their_place():
    one = "id: {}\nschema: 1\ntrigger: {{every: 1h}}\nthen: [{{notify: x}}]\n"
    found = ordered(one.format("a") + "--- # second\n" + one.format("b"), "x.yaml")
    assert re.findall(r"id: (\w)", found) == ["a", "b"]
    assert "--- # second\nschema: 1\nid: b" in found


@pytest.mark.parametrize("text", ["- a\n", "id: [\n", "id: a\nid: b\n"])
def test_what_is_no_rule_is_left_alone_with_a_reason(text):
    with pytest.raises(RuleError):
        ordered(text, "x.yaml")


def test_fmt_writes_what_is_not_in_order_and_check_only_says_so(home):
    path = home / "rules" / "budget.yaml"
    text = path.read_text()
    path.write_text(text.replace("schema: 1\n", "", 1) + "schema: 1\n")
    assert "is not in order" in run("rules", "fmt", "--check", str(path), code=1)
    run("rules", "fmt", str(path))
    assert "schema: 1\nid: daily-budget\n" in path.read_text()
    assert path.read_text().startswith("# Pause an offer for the rest of the day")
    run("rules", "fmt", "--check")


def test_a_new_rule_comes_from_the_library_in_shadow(home):
    run("rules", "new", "weak-offers", "--from", "library/low-cr")
    text = (home / "rules" / "weak-offers.yaml").read_text()
    [made] = load(text, name="x", environment=Environment()).revisions
    assert (made.id, made.mode) == ("weak-offers", "shadow")
    run("rules", "new", "weak-offers", "--from", "library/low-cr", code=1)
    run("rules", "new", "another", "--from", "library/nothing", code=1)
    run("rules", "new", "no id", "--from", "low-cr", code=1)
    assert not (home / "rules" / "no id.yaml").exists()


def git(home, *words):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(home), *words], check=True, capture_output=True)


def test_a_pull_request_is_told_what_would_be_decided_differently(home):
    run("db", "upgrade")
    git(home.parent, "init", "-q")
    git(home.parent, "add", "-A")
    git(home.parent, "commit", "-qm", "first")
    path = home / "rules" / "budget.yaml"
    path.write_text(path.read_text().replace(">= budgets", "> budgets"))
    (home / "rules" / "low-conversion-rate.yaml").unlink()
    run("rules", "new", "weak-offers", "--from", "library/low-cr")
    page = run("rules", "diff", "--against", "HEAD")
    assert "#### daily-budget: changed" in page
    assert "#### low-conversion-rate: gone" in page
    assert "#### weak-offers: new" in page
    assert re.search(r"^-.*payout >= budgets.daily_budget", page, re.MULTILINE)
    assert re.search(r"^\+.*payout > budgets.daily_budget", page, re.MULTILINE)
    rows = json.loads(run("rules", "diff", "--against", "HEAD", "--json"))
    assert {row["rule"] for row in rows} == {"daily-budget", "low-conversion-rate", "weak-offers"}


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD", ""])
def test_a_revision_that_is_none_says_so(home, revision):
    run("db", "upgrade")
    found = CliRunner().invoke(cli, ["rules", "diff", "--against", revision])
    assert found.exit_code == 1
    assert not (home / "x").exists()


def test_the_page_and_the_hooks_hold_commands_that_work(home):
    """Each `run:` of the example, as CI would run it; and each hook's entry."""
    page = (ROOT / "docs" / "how-to" / "rules-in-git.md").read_text()
    [example] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(name: rules.*?)```", page, re.DOTALL)]
    steps = [step["run"] for step in example["jobs"]["rules"]["steps"] if "run" in step]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    commands = [line.partition(" > ")[0] for line in (*steps, *(hook["entry"] for hook in hooks))]
    asked = [shlex.split(line) for line in commands if line.startswith("integr8-bridge")]
    assert len(asked) == 5
    for words in asked:
        run(*words[1:])
    assert {hook["id"] for hook in hooks} == set(re.findall(r"- id: (integr8-bridge-\w+)", page))


ODD = ['ümläut "x".yaml', "a:b,%25.yaml", "two\nlines.yaml", "-dash.yaml", "it's.yml"]
RULE = (
    "schema: 1\nid: {}\ntrigger: {{every: 15m}}\nscope: {{per: [offer], where: all}}\n"
    "data: {{window: 24h, fresh: 45m, need: {{clicks: 500}}}}\nwhen: {{all: [cr < 0.4%]}}\n"
    "then: [{{pause: offer, hold: 12h}}]\n"
)


def test_a_rule_in_a_file_of_any_name_is_compared_with_itself(home):
    run("db", "upgrade")
    for number, name in enumerate(ODD):
        (home / "rules" / name).write_text(RULE.format(f"odd-{number}"))
    (home / "rules" / "link.yaml").symlink_to("../shared/linked.yaml")
    (home / "shared").mkdir()
    (home / "shared" / "linked.yaml").write_text(RULE.format("linked"))
    (home / "rules" / "away.yaml").symlink_to("/somewhere/else.yaml")
    git(home.parent, "init", "-q")
    git(home.parent, "add", "-A")
    git(home.parent, "commit", "-qm", "first")
    (home / "rules" / "away.yaml").unlink()
    assert "No rule has changed." in run("rules", "diff", "--against", "HEAD")
    for name in (*ODD, "link.yaml"):
        path = home / "rules" / name
        path.write_text(path.read_text().replace("500", "400"))
    page = run("rules", "diff", "--against", "HEAD")
    assert re.findall(r"#### (.*): changed", page) == ["linked", *(f"odd-{number}" for number in range(len(ODD)))]
    assert ": new" not in page


@pytest.mark.parametrize("broken", ["dangling", "latin", "pipe"])
def test_a_file_that_cannot_be_read_is_named_and_waited_for_by_nobody(home, broken):
    run("db", "upgrade")
    git(home.parent, "init", "-q")
    git(home.parent, "add", "-A")
    git(home.parent, "commit", "-qm", "first")
    path = home / "rules" / "odd.yaml"
    if broken == "dangling":
        path.symlink_to("nowhere")
    elif broken == "latin":
        path.write_bytes(b"\xe9")
    else:
        os.mkfifo(path)
    found = CliRunner().invoke(cli, ["rules", "diff", "--against", "HEAD"])
    assert (found.exit_code, "rules/odd.yaml:1:1: " in found.output) == (1, True)
    found = CliRunner().invoke(cli, ["rules", "fmt", "--check"])
    assert (found.exit_code, "in order" in found.output) == (1, False)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", FORMATS)
def test_a_finding_stands_beside_its_line_whatever_the_file_is_called(home, name, form):
    (home / "rules" / name).write_text(RULE.format("odd").replace("cr <", "crr <"))
    (home / "rules" / "NOT-READ.YAML").write_text("")
    said = run("check", "--format", form, code=1)
    if form == "github":
        escaped = name.replace("%", "%25").replace("\n", "%0A").replace(":", "%3A").replace(",", "%2C")
        assert f"::error file=net/rules/{escaped},line=6,col=14::'crr' is not known" in said
        assert "::warning file=net/rules/NOT-READ.YAML,line=1,col=1::nobody reads this file" in said
    elif form == "sarif":
        [first, second] = json.loads(said)["runs"][0]["results"]
        places = [one["locations"][0]["physicalLocation"] for one in (first, second)]
        assert unquote(places[0]["artifactLocation"]["uri"]) == f"net/rules/{name}"
        assert places[0]["region"] == {"startLine": 6, "startColumn": 14}
    else:
        [case] = [one for one in ET.fromstring(said).iter("testcase") if one.find("failure") is not None]
        assert case.get("name") == f"net/rules/{name}:6:14"


def test_a_link_to_a_rule_stays_a_link_when_it_is_put_in_order(home, tmp_path):
    real = tmp_path / "real.yaml"
    real.write_text(RULE.format("linked").replace("schema: 1\nid: linked\n", "id: linked\nschema: 1\n"))
    real.chmod(0o640)
    link = home / "rules" / "link.yaml"
    link.symlink_to(real)
    run("rules", "fmt")
    assert (link.is_symlink(), real.read_text().startswith("schema: 1\nid: linked\n")) == (True, True)
    assert real.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_written_says_so(home, tmp_path):
    (home / "rules" / "here.yaml").symlink_to(tmp_path / "no" / "such" / "place.yaml")
    found = CliRunner().invoke(cli, ["rules", "new", "here", "--from", "library/low-cr"])
    assert (found.exit_code, "cannot be written" in found.output) == (1, True)
