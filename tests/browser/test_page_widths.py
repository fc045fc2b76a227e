"""Every page at three widths, light and dark: nothing wider than the window, and pictures where somebody wants them.

`BRIDGE_PICTURES=DIR` keeps the pictures.
"""

import os
from pathlib import Path

import pytest
from chromium import skip_without_chromium

PAGES = {
    "inbox": "/", "approvals": "/approvals", "activity": "/activity", "run": "/runs/1", "undo": "/runs/1?undo=1",
    "holds": "/holds", "mutes": "/mutes", "audit": "/audit", "items": "/entities", "item": "/entities/offer/1007",
    "why": "/explain?subject=1007", "rules": "/rules", "rule": "/rules/low-cr", "new-rule": "/rules/new",
    "form": "/rules/low-cr/edit", "webhooks": "/events",
    "integr8": "/integr8", "settings": "/settings", "search": "/search?q=summer",
}  # fmt: skip
WIDTHS = (1440, 768, 390)
pytestmark = pytest.mark.browser

skip_without_chromium()


def test_every_page_fits_at_three_widths_light_and_dark(page):
    place = os.environ.get("BRIDGE_PICTURES")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for name, path in PAGES.items():
                page.goto(path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
                if place:
                    page.screenshot(path=Path(place) / f"{name}-{width}-{scheme}.png")


def test_the_slash_key_goes_to_the_search(page):
    page.goto("/rules")
    page.keyboard.press("/")
    page.keyboard.type("1007")
    page.keyboard.press("Enter")
    page.wait_for_url("**/items/offer/1007")


def test_boxes_are_ticked_together_and_counted(page):
    page.goto("/approvals")
    total = page.locator("[data-total]").first
    page.get_by_role("button", name="None").first.click()
    assert total.inner_text().startswith("0 of ")
    page.get_by_role("button", name="All", exact=True).first.click()
    assert total.inner_text().startswith("1 of 1 selected")
