"""Looking at the console with a real Chromium."""

import os
import shutil

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def skip_without_chromium():
    """Leave a module out where there is no Chromium; in CI there must be one."""
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip(
            "no Chromium here, so the console is not looked at; install Debian's chromium", allow_module_level=True
        )


@pytest.fixture(scope="package")
def chromium():
    """One browser for all the tests of the console in one process: starting it takes longer than most of them."""
    assert CHROMIUM, "CI must have a Chromium: .ci/run installs Debian's"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def findings(page, **options):
    """What axe holds against this page; the options are those of `axe.run`."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # Only a rule that is off reads the style sheets a second time, which is what `preload` is for.
    asked = {"resultTypes": ["violations"], "preload": False, "iframes": False} | options
    answer = page.evaluate("asked => axe.run(asked).then(found => found.violations)", asked)
    return [(one["id"], one["nodes"][0]["html"][:120]) for one in answer]


def findings_in_both_schemes(page):
    """In the light everything, in the dark what can differ there: the colours."""
    light = findings(page)
    page.emulate_media(color_scheme="dark")
    dark = findings(page, runOnly=["color-contrast"])
    page.emulate_media(color_scheme="light")
    return [("light", one) for one in light] + [("dark", one) for one in dark]
