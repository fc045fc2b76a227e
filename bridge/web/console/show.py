"""What every page shows: what is halted, and how much waits for a person."""

from typing import Any

from flask import render_template

from bridge.operations.halt import halted_parts
from bridge.store import ledger
from bridge.web.request_context import services


def show(template: str, **values: Any) -> str:
    with services().store.read() as session:
        halted = halted_parts(services(), session)
        waiting = ledger.count_waiting(session)
    return render_template(template, halted=halted, waiting_count=waiting, now=services().clock(), **values)
