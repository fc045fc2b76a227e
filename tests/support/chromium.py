"""Looking at the console with a real Chromium."""

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SERIOUS = {"serious", "critical"}


def skip_without_chromium():
    """Leave a module out where there is no Chromium; in CI there must be one."""
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip(
            "no Chromium here, so the console is not looked at; install Debian's chromium", allow_module_level=True
        )


@pytest.fixture(scope="module")
def chromium():
    assert CHROMIUM, "CI must have a Chromium: .ci/run installs Debian's"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def findings(page):
    """What axe holds against this page, as far as it matters."""
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
    return [(one["id"], one["nodes"][0]["html"][:120]) for one in found]
