"""What a Prometheus would see."""

import time

import httpx
from prometheus_client.parser import text_string_to_metric_families


def scrape(address):
    """Sample name → the sum over all its labels."""
    text = httpx.get(f"{address}/metrics", timeout=10).raise_for_status().text
    sums = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def scrape_until(address, ready, seconds=240):
    """Scrape again and again until `ready` says so; the last readings."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = scrape(address)
        except httpx.HTTPError:
            found = {}
        if ready(found) or time.monotonic() > until:
            return found
        time.sleep(0.1)
