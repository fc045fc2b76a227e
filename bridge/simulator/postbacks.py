"""Outgoing postbacks: which rows fire which template, when, and with which result. Nothing is sent twice.

Types, firing status, delay and the missing retry: facts, section 6.
"""

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from bridge.simulator.columns import Eye
from bridge.simulator.errors import bad
from bridge.simulator.macros import fill, in_address, in_body, values
from bridge.simulator.postback_log import PostbackLog
from bridge.simulator.rows import APPROVED, REJECTED, Conversion, Row

TYPES: Final = ("Click", "Conversion", "Event", "Impression")
FIRING: Final = {"Any": None, "Approved": APPROVED, "Rejected": REJECTED}
METHODS: Final = ("GET", "POST", "PUT")
SHAPES: Final[Mapping[str, Any]] = {"headers": dict, "reasons": list | tuple, "delay": int | float, "refire": bool}

Send = Callable[[str, str, Mapping[str, str], str], tuple[int, str]]  # method, url, headers, body -> status, text


@dataclass(frozen=True, slots=True)
class Template:
    """One configured postback. Empty `offer` and `publisher` mean Any/Any, the pattern for a CRM."""

    url: str
    type: str = "Conversion"
    name: str = "postback"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    firing_status: str = "Any"
    reasons: tuple[str, ...] = ()  # of rejected ones, which may fire; empty is all
    delay: float = 0.0  # seconds
    offer: str = ""
    publisher: str = ""
    refire: bool = True  # once more when the status changes later; the real rule is not known
    id: int = 0

    @classmethod
    def read(cls, requested: Mapping[str, Any], *, number: int, minimum_delay: float) -> "Template":
        known = {each.name for each in fields(cls)} - {"id"}
        for name, value in requested.items():
            if name not in known:
                raise bad(name, f"unknown; known are {', '.join(sorted(known))}")
            if not isinstance(value, SHAPES.get(name, str)) or (name == "delay" and isinstance(value, bool)):
                raise bad(name, "has the wrong type")
        if not isinstance(requested.get("url"), str) or not requested["url"].startswith(("http://", "https://")):
            raise bad("url", "is required, an http or https address")
        for name, allowed in (("type", TYPES), ("firing_status", tuple(FIRING)), ("method", METHODS)):
            if name in requested and requested[name] not in allowed:
                raise bad(name, f"must be one of {', '.join(allowed)}")
        if requested.get("delay", 0) and requested["delay"] < minimum_delay:
            raise bad("delay", f"must be zero, or at least {minimum_delay:g} seconds")
        return cls(**{**requested, "reasons": tuple(requested.get("reasons", ())), "id": number})

    def wants(self, kind: str, row: Row) -> bool:
        status = FIRING[self.firing_status]
        if self.type != kind or status not in {None, row.status}:
            return False
        return row.status != REJECTED or not self.reasons or row.reason in self.reasons


@dataclass(frozen=True, slots=True, order=True)
class Due:
    at: int
    number: int
    template: Template = field(compare=False)
    row: Row = field(compare=False)


class Postbacks:
    def __init__(
        self, log: PostbackLog, eye: Callable[[], Eye], now: Callable[[], int], copies: Callable[[], int]
    ) -> None:
        """Create it. `copies` says how often the next postback is sent: once, or lost, or twice."""
        self._copies = copies
        self._log = log
        self._eye = eye
        self._now = now
        self._numbers = itertools.count(1)
        self._due: list[Due] = []
        self._templates: dict[int, Template] = {}

    def add(self, requested: Mapping[str, Any], *, minimum_delay: float) -> Template:
        template = Template.read(requested, number=next(self._numbers), minimum_delay=minimum_delay)
        self._templates[template.id] = template
        return template

    def remove(self, number: int) -> bool:
        return self._templates.pop(number, None) is not None

    def all(self) -> list[dict[str, Any]]:
        return [asdict(template) for template in self._templates.values()]

    @property
    def waiting(self) -> int:
        return len(self._due)

    def hear(self, what: str, row: Row) -> None:
        """Schedule postbacks for a new row or a changed status, each after its delay."""
        again = what == "status"
        kind = _kind(row) if again else what.capitalize()
        for template in self._templates.values():
            if (template.refire or not again) and self._matches(template, kind, row):
                at = self._now() + int(template.delay * 1000)
                for _ in range(self._copies()):
                    heapq.heappush(self._due, Due(at, next(self._numbers), template, row))

    def take_due(self, *, everything: bool = False) -> list[tuple[Due, dict[str, str]]]:
        """Return what must be sent now, with its macros as of this moment. The delay exists for late checks."""
        taken = []
        while self._due and (everything or self._due[0].at <= self._now()):
            due = heapq.heappop(self._due)
            taken.append((due, values(due.row, self._eye())))
        return taken

    def note(self, due: Due, known: Mapping[str, str], url: str, code: int, text: str) -> dict[str, Any]:
        ok = 200 <= code < 400  # facts: a 4xx, a 5xx or 0 is logged as failed
        line = {
            "success_status": "Success" if ok else "Failed",
            "postback_name": due.template.name,
            "postback_type": due.template.type,
            "offer_id": known["offer_id"],
            "publisher": known["publisher"],
            "event_id": known.get("event_id", ""),
            "transaction_id": known["transaction_id"],
            "response_code": code,
            "url": url,
            "error": "" if ok else text[:200] or "unreachable",
            "server_response": text[:200] if code else "",
        }
        self._log.add(self._now(), line)
        return line

    def _matches(self, template: Template, kind: str, row: Row) -> bool:
        eye = self._eye()
        offer = eye.directory.offers.get(template.offer) if template.offer else None
        publisher = eye.directory.publishers.get(template.publisher) if template.publisher else None
        return (
            template.wants(kind, row)
            and (not template.offer or (offer is not None and offer.number == row.offer))
            and (not template.publisher or (publisher is not None and publisher.number == row.publisher))
        )


def deliver(due: Due, known: Mapping[str, str], send: Send) -> tuple[str, int, str]:
    """Send one postback; returns (address, status, text), status 0 without an answer.

    It waits on the network without a lock.
    """
    template = due.template
    url = fill(template.url, known, escape=in_address)
    code, text = send(template.method, url, template.headers, fill(template.body, known, escape=in_body))
    return url, code, text


def _kind(row: Row) -> str:
    if not isinstance(row, Conversion):
        return "Click"
    return "Event" if row.event_name else "Conversion"
