"""What the documents say is so: rules load, commands exist, links lead somewhere, reference pages are current."""

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
import yaml

from bridge.cli import cli
from bridge.sources.schema import SourceSchema
from bridge.version import VERSION
from rules.loading.load import load
from rules.model.environment import Environment

ROOT = Path(__file__).parents[2]
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page, language):
    """Fenced blocks, also those that stand indented in a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


def commands():
    for page in PAGES:
        if page.parent.name == "reference":
            continue
        text = page.read_text()
        for line in [
            *re.findall(r"^ *(?:\.venv/bin/)?(integr8-bridge .*)$", text, re.MULTILINE),
            *re.findall(r"`(integr8-bridge [^`\n]*)`", text),
        ]:
            yield pytest.param(line, id=f"{page.name}: {line[:60]}")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_whole_rule_in_the_docs_loads(page):
    for text in blocks(page, "yaml"):
        if "schema: 1" in text and "\nid:" in text:
            assert [str(problem) for problem in load(text, name=page.name, environment=Environment()).errors] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_source_in_the_docs_is_one_that_can_work(page):
    """A variable gets a value that every way of proof can take."""
    for text in blocks(page, "yaml"):
        entries = yaml.safe_load(re.sub(r"\$\{\w+\}", SECRET, text)) if text.startswith("sources:") else {}
        for entry in entries.get("sources", {}).values():
            assert SourceSchema().validate(entry) == {}


@pytest.mark.parametrize("line", list(commands()))
def test_every_command_in_the_docs_exists(line):
    words = shlex.split(re.split(r"#| && | \.\.\.| > ", line)[0])[1:]
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_row_of_a_table_has_the_cells_of_its_head(page):
    head = None
    for line in re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert None in (head, cells) or cells == head, line
        head = cells


def test_the_reference_pages_are_current():
    """In a process of its own: click's commands remember names of options from whichever test asked them first."""
    told = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_the_changelog_has_this_version():
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_page_is_in_the_site_s_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f": {page}\n" not in menu] == []
