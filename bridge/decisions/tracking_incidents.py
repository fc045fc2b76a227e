"""Keep one open incident for each advertiser, or whole integration, whose conversions are missing.

A schedule finds what should be told whatever the rules are. A rule that is held back tells as well, so nothing is
spared for long without an incident.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bridge.store import failing_items
from bridge.store.failing_items import TRACKING
from rules.model.facts import Break, Untracked

CONVERSIONS = "conversions"  # the step of the incident
INCIDENT_STAYS = timedelta(hours=2)  # without a find; shorter gaps between two finds are one incident
Found = Break | Untracked


def raise_incidents(session: Session, integration: str, found: Mapping[str, Found], now: datetime) -> list[Found]:
    """Keep one open incident per find of one `account/integration`, by advertiser. Returns the new ones.

    The evidence of a break wavers where it is just enough. So an incident ends only when it was not found for a while.
    """
    known = {one.name: one.seen_at for one in failing_items.failing(session) if one.kind == TRACKING}
    names = {_name(integration, one): one for one in found.values()}
    for name, seen_at in known.items():
        ours = name == integration or name.startswith(f"{integration}/")
        if ours and name not in names and now - seen_at >= INCIDENT_STAYS:
            failing_items.clear(session, (TRACKING, name, CONVERSIONS))
    note_held_back(session, integration, names.values(), now)
    return [one for name, one in names.items() if name not in known]


def note_held_back(session: Session, integration: str, found: Iterable[Found], now: datetime) -> None:
    """Keep an incident for each find, such as one that has turned a yes of a rule into a no."""
    for name, one in {_name(integration, one): one for one in found}.items():
        failing_items.note(session, (TRACKING, name, CONVERSIONS), str(one), now)


def _name(integration: str, found: Found) -> str:
    return f"{integration}/{found.advertiser}".rstrip("/")
