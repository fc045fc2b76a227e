"""What every page shows: what is halted, how much waits for a person, and how often it renews itself."""

from typing import Any

from flask import render_template, request

from bridge.operations.halt import halted_parts
from bridge.store import ledger
from bridge.web.request_context import services

#: Template → seconds between two renewals of a page that somebody looks at. Pages with forms to fill in, or with what
#: is shown only once, are not among them.
RENEWED = {
    "inbox.html": 20, "approvals.html": 20, "run.html": 10, "event.html": 10, "notice.html": 10, "channel.html": 20,
    "activity.html": 20, "events.html": 20, "item.html": 30, "integr8.html": 30, "rule.html": 30, "rules.html": 30,
    "items.html": 60, "holds.html": 30, "mutes.html": 60, "changes.html": 60, "audit.html": 60,
}  # fmt: skip
#: Not renewed: older rows do not change, an item that is asked about is being typed, and `live` has a pace of its own.
STANDS_STILL = frozenset({"before", "undo", "item", "live", "all"})


def show(template: str, **values: Any) -> str:
    with services().store.read() as session:
        halted = halted_parts(services(), session)
        waiting = ledger.count_waiting(session)
    renews = None if request.method != "GET" or STANDS_STILL & request.args.keys() else RENEWED.get(template)
    return render_template(
        template, halted=halted, waiting_count=waiting, now=services().clock(), renews=renews, **values
    )
