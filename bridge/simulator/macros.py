"""`{name}` in postback templates: Integr8's parameter names, in both of the spellings that its documents use."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from bridge.simulator.columns import Eye, show
from bridge.simulator.rows import Row

MACRO = re.compile(r"\{(\w+)\}")

# The two documents disagree about offer/offer_id and publisher/publisher_id: both are replaced, by the id.
MACRO_SPELLINGS: Mapping[str, str] = {
    "offer": "offer_id",
    "publisher_id": "publisher",
    "advertiser_id": "advertiser",
    "browser_language": "browser_languages",
    "date_time": "request_time",
    **{f"sub_id{number}": f"sub_id_{number}" for number in range(2, 7)},
}
_BACK = {"browser_languages": "browser_language"}


def values(row: Row, eye: Eye) -> dict[str, str]:
    """Return every macro that this row can fill. A name outside it stays in the text unchanged."""
    known = {name: str(value) for name, value in show(row, eye).items()}
    known["unix_time"] = str(row.at // 1000)
    known["status"] = row.status.lower()  # the tracker's own answers are in lower case, reports are not
    for spelling, name in {**MACRO_SPELLINGS, **_BACK}.items():
        if name in known:
            known[spelling] = known[name]
    return known


def fill(template: str, known: Mapping[str, str], *, escape: Callable[[str], str]) -> str:
    def value(match: re.Match[str]) -> str:
        return escape(known[match[1]]) if match[1] in known else match[0]

    return MACRO.sub(value, template)


def in_address(text: str) -> str:
    return quote(text, safe="")


def in_body(text: str) -> str:
    """Escape a value for the inside of a JSON string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
