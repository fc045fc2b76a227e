"""The columns of reports, exports and postbacks in one table: name -> where the value comes from.

Names are those of Integr8's own parameter list (facts, section 3.2); that report rows carry them under these
names is inferred. Times are local to the zone that was asked for, in the format of the query.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import Any, Final

from bridge.simulator.directory import Directory
from bridge.simulator.repositories import Entity, EntityRepository
from bridge.simulator.rows import Click, Conversion

TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Eye:
    """The view of a row: whose names, which time zone, which of the two ids."""

    directory: Directory
    zone: tzinfo = UTC
    ids: str = "incremental"

    def time(self, ms: int) -> str:
        return datetime.fromtimestamp(ms // 1000, self.zone).strftime(TIME_FORMAT)

    def id(self, repository: EntityRepository, number: int) -> str:
        entity = repository.numbered(number)
        return entity.key if entity and self.ids == "key" else str(number)

    def offer(self, number: int) -> str:
        return self.id(self.directory.offers, number)

    def publisher(self, number: int) -> str:
        return self.id(self.directory.publishers, number)

    def advertiser(self, number: int) -> str:
        return self.id(self.directory.advertisers, number)

    def offer_name(self, number: int) -> str:
        return _name(self.directory.offers.numbered(number))


class Plain:
    """A column that is an attribute of the row: it looks the same to every eye."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._read = attrgetter(path)

    def __call__(self, _eye: Eye, row: Any) -> Any:
        return self._read(row)


def _name(entity: Entity | None) -> str:
    return str(entity.fields.get("name", "")) if entity else ""


def _nothing(_eye: Eye, _row: Any) -> str:
    return ""


def _session(row: Conversion) -> str:
    """Return `0D, 00:06:46`, as a sibling product writes it."""
    minutes, seconds = divmod(max(0, row.at - row.clicked_at) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}D, {hours:02}:{minutes:02}:{seconds:02}"


_SHARED: Mapping[str, Callable[[Eye, Any], Any]] = {
    "real_tx_id": Plain("real_tx_id"),
    "transaction_id": Plain("transaction_id"),
    "external_transaction_id": Plain("external_id"),
    "integration_id": Plain("integration"),
    "offer_id": lambda eye, row: eye.offer(row.offer),
    "offer": lambda eye, row: eye.offer_name(row.offer),
    "publisher": lambda eye, row: eye.publisher(row.publisher),
    "advertiser": lambda eye, row: eye.advertiser(row.advertiser),
    "sub_id": Plain("sub_id"),
    **{f"sub_id_{number}": _nothing for number in range(2, 7)},
    "status": Plain("status"),
    "rejection_reason": Plain("reason"),
    "geo_country": Plain("visitor.country"),
    "geo_city": Plain("visitor.city"),
    "os": Plain("visitor.os"),
    "os_version": Plain("visitor.os_version"),
    "browser": Plain("visitor.browser"),
    "browser_version": Plain("visitor.browser_version"),
    "user_agent": Plain("visitor.user_agent"),
    "device_id": _nothing,
    "bundle_id": _nothing,
}

CLICKS: Mapping[str, Callable[[Eye, Click], Any]] = {
    **_SHARED,
    "request_time": lambda eye, row: eye.time(row.at),
    "unix_time": lambda _, row: row.at // 1000,
    "browser_language": Plain("visitor.language"),
    "ip": Plain("visitor.masked_ip"),
    "lp": Plain("landing_page"),
    "keyword": _nothing,
    "referer": _nothing,
}

CONVERSIONS: Mapping[str, Callable[[Eye, Conversion], Any]] = {
    **_SHARED,
    "click_time": lambda eye, row: eye.time(row.clicked_at),
    "conversion_time": lambda eye, row: eye.time(row.at),
    "session_time": lambda _, row: _session(row),
    "payout": Plain("payout"),
    "revenue": Plain("revenue"),
    "currency": Plain("currency"),
    "purchase_value": Plain("purchase"),
    "event_id": Plain("event_id"),
    "event_name": Plain("event_name"),
    "browser_languages": Plain("visitor.language"),
    "conversion_ip": Plain("visitor.masked_ip"),
    "third_party_rejected_reason": Plain("third_party_reason"),
    "adv_sub_id": Plain("adv_sub_id"),
    **{f"adv_sub_id_{number}": _nothing for number in range(2, 5)},
    "user_email": _nothing,
    "invalid_sub_id": _nothing,
}

# Spellings of the query's extra columns and of macros that mean the same (facts, sections 3.2 and 6.1).
COLUMN_SPELLINGS: Mapping[str, str] = {
    **{f"sub_id{number}": f"sub_id_{number}" for number in range(2, 7)},
    "publisher_id": "publisher",
    "advertiser_id": "advertiser",
    "country": "geo_country",
    "city": "geo_city",
}


def _together(columns: Mapping[str, Callable[[Eye, Any], Any]]) -> Callable[[Eye, Any], dict[str, Any]]:
    """Return what reads all columns of a row. Most are attributes, which are read at once: pages have many rows."""
    empty = dict.fromkeys(columns, "")
    plain = {name: column.path for name, column in columns.items() if isinstance(column, Plain)}
    others = {name: read for name, read in columns.items() if name not in plain and read is not _nothing}
    attributes = attrgetter(*plain.values())

    def read(eye: Eye, row: Any) -> dict[str, Any]:
        shown = empty | dict(zip(plain, attributes(row), strict=True))
        for name, column in others.items():
            shown[name] = column(eye, row)
        return shown

    return read


_show_click = _together(CLICKS)
_show_conversion = _together(CONVERSIONS)


def show(row: Click | Conversion, eye: Eye) -> dict[str, Any]:
    """Return all columns of a row by name, as reports have them."""
    return (_show_conversion if isinstance(row, Conversion) else _show_click)(eye, row)
