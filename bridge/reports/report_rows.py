"""Convert report rows and postbacks to facts. Knows how Integr8 spells its columns; performs no I/O.

That a row carries these names is inferred from Integr8's parameter list; where two spellings exist, both are
read. A row without a transaction id or a time, or with an amount that is not a number, is refused by name:
counting it wrongly would be worse than saying that it was left out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from bridge.reports import row_identity
from bridge.reports.fact_batch import UNKNOWN_DELAY, Batch, Labels, Status, nothing
from bridge.store.feeds import Kind
from rules.model.input_values import EARLIEST, LATEST, parse_moment, parse_number, plausible

MICRO = 1_000_000
MAX_AMOUNT = Decimal(10**12)  # an amount beyond this is a mistake, and would not fit into 64 bits of micro-units

COLUMN_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "offer": ("offer_id", "offer"),
    "publisher": ("publisher_id", "publisher"),
    "advertiser": ("advertiser_id", "advertiser"),
    "sub_id": ("sub_id",),
    "country": ("geo_country", "country", "country_code"),
    "event": ("event_name", "event_id"),
    "currency": ("currency",),
    "reason": ("rejection_reason", "third_party_rejected_reason"),
    **{f"sub_id_{number}": (f"sub_id_{number}", f"sub_id{number}") for number in range(2, 7)},
    "external_id": ("external_transaction_id",),
}
#: Kept where bridge.yaml says so, under `dimensions`.
MORE_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    **{f"sub_id_{number}": (f"sub_id_{number}", f"sub_id{number}") for number in range(7, 11)},
    "device": ("device", "device_type", "device_model"),
    "os": ("os", "device_os"),
    "browser": ("browser",),
    "landing_page": ("lp", "landing_page", "landing_page_id"),
    "referrer_domain": ("referrer_domain", "referer", "referrer"),
    "city": ("geo_city", "city"),
}
IDS = ("real_tx_id", "transaction_id")
BY_CLICK = "click"
TIMES: Mapping[Kind, tuple[str, ...]] = {
    Kind.CLICKS: ("request_time", "click_time", "date_time", "unix_time"),
    Kind.IMPRESSIONS: ("request_time", "date_time", "unix_time"),
    Kind.CONVERSIONS: ("conversion_time", "date_time"),
    Kind.POSTBACKS: ("conversion_time", "event_time"),
}
STATUSES: Mapping[str, Status] = {
    "approved": Status.APPROVED,
    "rejected": Status.REJECTED,
    "pending": Status.PENDING,
    "processing": Status.PENDING,
}
NOT_A_TIME = np.iinfo(np.int64).min
# Senders write "no click time" as the zero of their language: year 1 in Go, 1970 elsewhere.
NO_CLICK_BEFORE = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())

_EARLIEST, _LATEST = int(EARLIEST.timestamp()), int(LATEST.timestamp())

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class ReportRows:
    """The content of one page, or of one time range of a file."""

    batch: Batch
    refused: tuple[str, ...] = ()  # one sentence per row that was left out


def read(
    kind: Kind,
    rows: Rows,
    seen: datetime | Sequence[int],
    *,
    lines: Sequence[int] = (),
    more: Collection[str] = (),
) -> ReportRows:
    """Return facts for rows that were listed together. Equal ones among them are different rows.

    `seen`: when they were seen, all at once or each; no row is seen before it happens. `lines`: the place of each row
    in its file, for the sentences about omitted rows. `more`: which of MORE_SPELLINGS are kept.
    """
    if not rows:
        return ReportRows(nothing())
    given = set[str]().union(*rows)
    ids = _texts(rows, IDS, given)
    events = _moments(_values(rows, TIMES[kind], given))
    payout, strange_payout = _micros(_values(rows, ("payout",), given))
    revenue, strange_revenue = _micros(_values(rows, ("revenue",), given))
    bad = (events == NOT_A_TIME) | np.array([not text for text in ids]) | strange_payout | strange_revenue
    status = _statuses(_texts(rows, ("status",), given))
    counted = status != Status.REJECTED  # what is rejected is neither owed nor earned
    high, low, texts = row_identity.pack(ids)
    labels = {
        name: _labels(rows, names, given) for name, names in COLUMN_SPELLINGS.items() if given.intersection(names)
    }
    labels |= {
        name: _more(name, rows, names, given)
        for name, names in MORE_SPELLINGS.items()
        if name in more and given.intersection(names)
    }
    batch = Batch(
        event=events,
        seen=_seen(seen, events),
        high=high,
        low=low,
        nth=np.zeros(len(rows), dtype=np.uint8),
        status=status,
        weight=np.ones(len(rows), dtype=np.int32),
        payout=payout * counted,
        revenue=revenue * counted,
        delay=_delays(kind, rows, given, events),
        labels=labels | {"tx": Labels.of(texts)} | _named_by(kind, rows, given),
    )
    refused = tuple(
        (f"line {lines[row]}: " if lines else "") + _complaint(kind, rows[row], ids[row], int(events[row]))
        for row in np.flatnonzero(bad).tolist()
    )
    if refused:
        batch = batch.take(np.flatnonzero(~bad))
    return ReportRows(replace(batch, nth=row_identity.count_equals(row_identity.keys(batch))), refused)


def event_times(kind: Kind, rows: Rows) -> NDArray[np.int64]:
    """Return when each row happened, in seconds since 1970; NOT_A_TIME where that cannot be read."""
    return _moments(_values(rows, TIMES[kind], set[str]().union(*rows)))


def _seen(seen: datetime | Sequence[int], events: NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(seen, datetime):
        return np.full(len(events), int(seen.timestamp()), dtype=np.int64)
    return np.maximum(np.array(seen, dtype=np.int64), events)


def _named_by(kind: Kind, rows: Rows, given: set[str]) -> dict[str, Labels]:
    """Return which conversions are named by the transaction of their click, because the row's own id was not listed."""
    if kind is not Kind.CONVERSIONS or "transaction_id" not in given:
        return {}
    own = _texts(rows, IDS[:1], given)
    return {} if all(own) else {"key": Labels.of(["" if text else BY_CLICK for text in own])}


def _complaint(kind: Kind, row: Mapping[str, Any], tx: str, event: int) -> str:
    if not tx:
        return f"{kind}: a row has no transaction id (its fields: {', '.join(sorted(str(name) for name in row)[:12])})"
    if event == NOT_A_TIME:
        given = next((f"{name} is {str(row[name])[:40]!r}" for name in TIMES[kind] if row.get(name)), "")
        words = f"{given}; write it like 2026-11-28 10:00:00" if given else f"looked for {' or '.join(TIMES[kind])}"
        return f"{kind}: row {tx} has no readable time; {words}"
    name = next(name for name in ("payout", "revenue") if _micros([row.get(name)])[1].any())
    shown = str(row[name])[:40]
    what = "no number" if parse_number(row[name]) is None else f"no amount: the largest is {MAX_AMOUNT:,}"
    return f"{kind}: row {tx}: {name} is {shown!r}, {what}"


def _values(rows: Rows, spellings: Iterable[str], given: set[str]) -> list[Any]:
    """Return the first spelling that a row fills."""
    known = [name for name in spellings if name in given]
    if not known:
        return [None] * len(rows)
    values = [row.get(known[0]) for row in rows]
    for name in known[1:]:
        if None not in values and "" not in values:
            break
        values = [
            row.get(name) if value is None or value == "" else value for row, value in zip(rows, values, strict=True)
        ]
    return values


def _text(value: Any) -> str:
    """Return an id as text. Ids come as numbers, as texts, or as small objects that hold one."""
    if isinstance(value, str):
        unfilled = value.startswith("{") and value.endswith("}")  # a macro that was not replaced
        return "" if unfilled else value.replace("\0", "")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping):
        return _text(value.get("id", value.get("name")))
    return "" if value is None else str(value)


def _texts(rows: Rows, spellings: Iterable[str], given: set[str]) -> list[str]:
    return [_text(value) for value in _values(rows, spellings, given)]


def _labels(rows: Rows, spellings: Iterable[str], given: set[str]) -> Labels:
    values = _values(rows, spellings, given)
    try:
        coded = dict.fromkeys(values)  # most columns repeat themselves: look at each value once
    except TypeError:
        return Labels.of([_text(value) for value in values])
    known: dict[str, int] = {"": 0}
    table = {value: known.setdefault(_text(value), len(known)) for value in coded}
    return Labels(np.array([table[value] for value in values], dtype=np.int32), tuple(known))


def _more(name: str, rows: Rows, spellings: Iterable[str], given: set[str]) -> Labels:
    found = _labels(rows, spellings, given)
    if name != "referrer_domain":
        return found
    known: dict[str, int] = {"": 0}
    table = np.array([known.setdefault(_domain(one), len(known)) for one in found.names], dtype=np.int32)
    return Labels(table[found.codes], tuple(known))


def _domain(address: str) -> str:
    """Return the host of an address in lowercase; the rest of the address is not kept."""
    try:
        return (urlsplit(address if "//" in address else f"//{address}").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _statuses(texts: list[str]) -> NDArray[np.uint8]:
    table = {text: STATUSES.get(text.strip().lower(), Status.OTHER) for text in set(texts)}
    return np.array([table[text] for text in texts], dtype=np.uint8)


def _micros(values: list[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return whole micro-units, and where the value was not an amount."""
    try:
        different = set(values)
    except TypeError:
        different = set()
        values = [value if isinstance(value, str | int | float | Decimal) else "?" for value in values]
        different.update(values)
    table = {value: _micro(value) for value in different}
    micros = np.array([table[value] or 0 for value in values], dtype=np.int64)
    return micros, np.array([table[value] is None for value in values])


def _micro(value: Any) -> int | None:
    if value is None or value == "" or (isinstance(value, str) and not _text(value)):
        return 0
    amount = parse_number(value)
    return None if amount is None or abs(amount) >= MAX_AMOUNT else int((amount * MICRO).to_integral_value())


def _moments(values: list[Any]) -> NDArray[np.int64]:
    """Return seconds since 1970. The usual form is parsed as one block; anything else one by one."""
    if all(type(value) is str and len(value) == 19 for value in values):
        try:
            seconds = np.array(values, dtype="datetime64[s]").astype(np.int64)
            return np.where((seconds >= _EARLIEST) & (seconds < _LATEST), seconds, NOT_A_TIME)
        except ValueError:
            pass
    return np.array([_moment(value) for value in values], dtype=np.int64)


def _moment(value: Any) -> int:
    """Return a time, UTC unless the text itself says otherwise, because we ask for UTC."""
    if isinstance(value, datetime):
        moment: datetime | None = value if value.tzinfo else value.replace(tzinfo=UTC)
        moment = moment if moment is not None and plausible(moment) else None
    else:
        moment = None if value is None or isinstance(value, bool) else parse_moment(value)
    return NOT_A_TIME if moment is None else int(moment.timestamp())


def _delays(kind: Kind, rows: Rows, given: set[str], events: NDArray[np.int64]) -> NDArray[np.int32]:
    if kind not in {Kind.CONVERSIONS, Kind.POSTBACKS} or "click_time" not in given:
        return np.full(len(rows), UNKNOWN_DELAY, dtype=np.int32)
    clicks = _moments([row.get("click_time") for row in rows])
    known = (clicks >= NO_CLICK_BEFORE) & (events != NOT_A_TIME) & (clicks <= events)
    delays = np.where(known, events - np.where(known, clicks, 0), UNKNOWN_DELAY)
    return np.clip(delays, UNKNOWN_DELAY, np.iinfo(np.int32).max).astype(np.int32)
