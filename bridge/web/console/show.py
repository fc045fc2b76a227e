"""What every page shows: the halt, and how much waits for a person."""

from typing import Any

from flask import render_template

from bridge.operations.halt import waiting as waits_for_resume
from bridge.store import halts, ledger
from bridge.web.request_context import services


def show(template: str, **values: Any) -> str:
    with services().store.read() as session:
        halt = halts.halted(session)
        halt_waits = waits_for_resume(session) if halt is not None else None
        waiting = ledger.count_waiting(session)
    return render_template(
        template, halt=halt, halt_waits=halt_waits, waiting_count=waiting, now=services().clock(), **values
    )
