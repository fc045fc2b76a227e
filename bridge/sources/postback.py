"""Postbacks of Integr8 and of other trackers: their parameters, in every spelling, as one vocabulary.

Source: the project's notes on Integr8 (docs/integr8.md): parameter list, postback manager, URL parser. Three
things shape this file. A postback carries no signature and no id of its own. A macro that Integr8 does not
know stays in the URL as a literal `{name}`. And a postback that was not taken is never sent again: so what
is wrong with a single value makes that value missing and is noted, and only a postback that nobody could
assign (no transaction id) is quarantined.
"""

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from bridge.sources.event_body import Fault, ParsedEvent
from bridge.sources.request import readable
from bridge.sources.trackers import Tracker
from rules.model.input_values import parse_moment, parse_number

TYPES = ("click", "impression", "conversion", "event")

# Fixed addresses that Integr8 publishes for its outgoing calls (developers/server-ip-white-list.md).
ADDRESSES = ("159.69.101.220/32", "159.69.101.219/32", "78.47.166.165/32", "88.99.120.240/32")

# Our name: every other spelling under which it may arrive: Integr8's two documentations, which disagree,
# and the short names of the address that we suggest.
PARAMETER_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "type": ("postback_type",),
    "transaction_id": ("tx", "clickid", "click_id", "real_tx_id"),
    "external_transaction_id": ("ext", "external_tx_id"),
    "offer": ("offer_id",),
    "publisher": ("publisher_id", "pub"),
    "advertiser": ("advertiser_id", "adv"),
    "sub_id": ("sub", "subid", "sub_id1", "sub_id_1"),
    **{f"sub_id_{n}": (f"sub_id{n}", f"sub{n}", f"subid{n}") for n in range(2, 7)},
    "adv_sub_id": ("adv_sub_id1", "adv_sub_id_1"),
    **{f"adv_sub_id_{n}": (f"adv_sub_id{n}",) for n in range(2, 5)},
    "status": (),
    "rejection_reason": ("reason", "rejected_reason"),
    "third_party_rejected_reason": (),
    "payout": (),
    "revenue": (),
    "purchase_value": (),
    "currency": ("ccy",),
    "conversion_time": ("ct",),
    "click_time": ("clk", "request_time"),
    "date_time": (),
    "unix_time": (),
    "session_time": (),
    "begin_install_time": (),
    "finish_install_time": (),
    "landing_page_time": (),
    "event_id": ("eid",),
    "event_name": ("event",),
    "device_id": (),
    "user_agent": ("ua",),
    "os": (),
    "os_version": (),
    "browser": (),
    "browser_version": (),
    "browser_language": ("browser_languages",),
    "geo_country": ("country",),
    "geo_city": ("city",),
    "conversion_ip": ("ip",),
    "bundle_id": (),
    "keyword": (),
    "referer": (),
    "lp": ("landing_page", "landing_page_id"),
    "invalid_sub_id": (),
    "random": (),
}
VISIT = ("device", "device_type", "os", "browser", "geo_city", "referer", "lp")
NAMES: Mapping[str, str] = {
    spelling: name for name, others in PARAMETER_SPELLINGS.items() for spelling in (name, *others)
}
MONEY = ("payout", "revenue", "purchase_value")
TIMES = (
    "conversion_time",
    "click_time",
    "date_time",
    "unix_time",
    "begin_install_time",
    "finish_install_time",
    "landing_page_time",
)
# Rules may say either; Integr8's own pages do, too.
SINGLE_VALUED = frozenset({*PARAMETER_SPELLINGS, *MONEY, *TIMES, "type", "status"})  # each has one value
TWINS: Mapping[str, str] = {"offer": "offer_id", "publisher": "publisher_id", "advertiser": "advertiser_id"}

IDS = frozenset({"transaction_id", "external_transaction_id", "offer", "publisher", "advertiser", "event_id"})
NO_ID = frozenset(
    {
        "null",
        "none",
        "nil",
        "nan",
        "undefined",
        "unknown",
        "(not set)",
        "n/a",
        "na",
        "0",
        "replace",
        "optional",
        "replace_me",
        "[object object]",
        "00000000-0000-0000-0000-000000000000",
    }
)
#: What the templates of Voluum and Keitaro hold until somebody fills them.
UNTOUCHED = frozenset({"REPLACE", "OPTIONAL"})
EMPTY = frozenset({"{}", "[]"})  # JSON without anything in it
MAX_AMOUNT = Decimal(10**12)
REPLACEMENT = "\ufffd"

# {x} {click id} {{x}} ${x} #{x} {a||b} {sub_{id}} {status:a=b}, [x] [[x]], (x) ((x)) %(x)s, <x>, #x# @x@ |x| ~x~ !x!
# ^x^ =x=, %x% %%x%%, %s, $x $x$ $$x$$ $(x), «x», *|X|*, :x :x: and __X__. Not +x+, /x/, -x-, _x_: ids in base64
# look like that.
_MACRO = re.compile(
    r"""[$#]?\{[^"'\n]{0,120}\} | \[[^"'\n]{0,120}\] | \$?\({1,3}[^"'\n()]{0,80}\){1,3} | <[^"'\n<>]{0,80}>
    | «[^»\n]{0,80}»
    | ([#@|~!^=&]{1,3}|::)[\w.\- ]{1,80}\1 | (%%?)[A-Za-z_][\w.\- ]{0,80}\2 | \*\|[^|\n]{1,80}\|\*
    | :[A-Za-z_]\w{0,80}:? | \${1,2}[A-Za-z_][\w.\-]{0,80}\${0,2} | __[A-Za-z][A-Za-z0-9_]{0,80}__
    | %\([\w.\- ]{1,80}\)[a-z] | %([1-9]\$)?[sdu]""",
    re.VERBOSE,
)
_BRACED_UUID = re.compile(r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", re.IGNORECASE)  # as Windows writes ids
_SIGN = re.compile(r"[{}\[\]()<>#%$@:*|~!^=&]|__|[^\x00-\x7f]")  # without one of them a text is not a macro
_INSIDE = re.compile(r"[{}\[\]<>]|^[@&!]\w+$")
_BETWEEN_WORDS = re.compile(r"[\s.\-]+")  # `click-id` and `Click ID` are the name of a parameter, too
_STATUSES = {"approved", "rejected", "pending", "processing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostbackFacts:
    """The content of a postback, for the reports. Money without a currency is in the account's."""

    kind: str
    transaction_id: str
    status: str | None = None
    payout: Decimal | None = None
    revenue: Decimal | None = None
    currency: str | None = None
    offer: str | None = None
    publisher: str | None = None
    advertiser: str | None = None
    country: str | None = None
    sub_ids: Mapping[str, str]
    more: Mapping[str, str] = field(default_factory=dict)  # of the visitor and the visit
    event_id: str | None = None
    event_name: str | None = None
    rejection_reason: str | None = None
    external_transaction_id: str | None = None
    conversion_time: datetime | None = None
    click_time: datetime | None = None


def read(values: Mapping[str, Any], *, zone: tzinfo, fallback: str, tracker: Tracker | None = None) -> ParsedEvent:
    """Convert parameters to an event. `zone` applies to naive times; `fallback` is a digest of the request.

    `tracker` is the sender; None for Integr8.
    """
    body, faults = _vocabulary(*_told_apart(values, tracker)) if tracker else _vocabulary(values, NAMES)
    if tracker is not None:
        _by_tracker(body, values, tracker)
    if tracker is not None and str(body.get("type", "")).lower() not in (*TYPES, "test", ""):
        body.setdefault("event_name", body["type"])  # a conversion type of the tracker's own
    body["type"] = _type(body, "click" if tracker is None else "conversion")
    late = _times(body, zone)
    faults += _money(body) + late
    if status := body.get("status"):
        word = status.lower()
        body["status"] = tracker.statuses.get(word, word) if tracker else word
        if body["status"] not in _STATUSES:
            faults.append(Fault("body.status", f"{status!r} is none of the known status words; kept as it is"))
    for name, twin in TWINS.items():
        if name in body:
            body[twin] = body[name]
    when = body.get("conversion_time") or body.get("click_time") or body.get("date_time") or body.get("unix_time")
    missing = "transaction_id" not in body
    key = None if missing else dedupe_key(body, own_id=tracker is not None)
    return ParsedEvent(
        body=body,
        event_type=body["type"],
        event_time=datetime.fromisoformat(when) if when else None,
        time_is_faulty=bool(late) and not when,
        dedupe_key=fallback if key is None or quote(REPLACEMENT) in key else key,  # two texts may be replaced alike
        faults=tuple(faults),
        quarantine=_no_transaction(tracker) if missing else None,
    )


def _no_transaction(tracker: Tracker | None) -> str:
    """Return why a postback is quarantined, with the parameter to add in its tracker's own words."""
    added = f"transaction_id={tracker.macros['transaction_id']}" if tracker else "tx={transaction_id}"
    return f"no transaction id: add {added} to the postback's URL"


def dedupe_key(body: Mapping[str, Any], *, own_id: bool = False) -> str:
    """Return the best available key, because Integr8 sends no id of a conversion.

    One conversion may be reported approved and later rejected, and an offer may allow several conversions or events of
    one click; so the transaction alone is not enough. `own_id`: the conversion's own id counts too.
    """
    event = body.get("event_id") or body.get("event_name") or ""
    parts = [body["type"], body["transaction_id"], event, body.get("status", ""), body.get("conversion_time", "")]
    if own_id:  # other trackers have one for the conversion
        parts.append(body.get("external_transaction_id", ""))
    return "postback:" + "|".join(quote(str(part), safe=":+") for part in parts)


def observation(reading: ParsedEvent) -> PostbackFacts | None:
    """Return the neutral facts of a postback; None if it names no transaction."""
    body = reading.body
    if "transaction_id" not in body:
        return None
    sub_ids = {name: body[name] for name in body if name.startswith("sub_id")}
    return PostbackFacts(
        kind=body["type"],
        transaction_id=body["transaction_id"],
        status=body.get("status"),
        payout=body.get("payout"),
        revenue=body.get("revenue"),
        currency=body.get("currency"),
        offer=body.get("offer"),
        publisher=body.get("publisher"),
        advertiser=body.get("advertiser"),
        country=body.get("geo_country"),
        sub_ids=sub_ids,
        more={name: str(body[name]) for name in VISIT if body.get(name) is not None},
        event_id=body.get("event_id"),
        event_name=body.get("event_name"),
        rejection_reason=body.get("rejection_reason"),
        external_transaction_id=body.get("external_transaction_id"),
        conversion_time=_moment(body.get("conversion_time")),
        click_time=_moment(body.get("click_time") or body.get("date_time")),
    )


def tracker_url(address: str, tracker: Tracker) -> str:
    """Return the address to paste into a tracker, with its macros.

    They are not encoded, because the tracker looks for them.
    """
    query = "&".join(f"{ours}={macro}" for ours, macro in tracker.macros.items())
    return f"{address}{'&' if '?' in address else '?'}type=conversion&{query}"


def suggested_url(base_url: str, source: str, token: str | None, kind: str = "conversion") -> str:
    """Return the address to paste into Integr8's postback manager, with its macros."""
    macros = {
        "tx": "transaction_id",
        "ext": "external_transaction_id",
        "offer": "offer_id",
        "pub": "publisher_id",
        "sub": "sub_id",
    }
    if kind in ("conversion", "event"):
        macros |= {
            "status": "status",
            "reason": "rejection_reason",
            "payout": "payout",
            "revenue": "revenue",
            "ccy": "currency",
            "ct": "conversion_time",
            "clk": "click_time",
        }
    else:
        macros |= {"status": "status", "reason": "rejection_reason", "country": "geo_country", "clk": "date_time"}
    if kind == "event":
        macros |= {"event_id": "event_id", "event_name": "event_name"}
    query = "&".join(f"{ours}={{{macro}}}" for ours, macro in macros.items())
    way = f"/{quote(token, safe='')}" if token else ""
    return f"{base_url.rstrip('/')}/hooks/{quote(source, safe='')}{way}?type={kind}&{query}"


def _told_apart(values: Mapping[str, Any], tracker: Tracker) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return the parameters of a tracker and their meanings, if two have one meaning, or one of them two.

    Several may hold the id of the click: the most reliable filled one is used, the others keep their own names. Beside
    it `transaction_id` is the id of the sale. A separate date and time are one moment.
    """
    names, lower = {**NAMES, **tracker.names}, {name.lower(): name for name in values}
    clicks = [name for name in tracker.click if name in lower and _filled(values[lower[name]])]
    for other in clicks[1:]:
        if values[lower[other]] != values[lower[clicks[0]]]:
            del names[other]
    if clicks:
        names["transaction_id"] = "external_transaction_id"
    elif tracker.instead in lower and not any(
        _filled(values[name]) for name in values if names.get(name.lower()) == "transaction_id"
    ):
        names[tracker.instead] = "transaction_id"
    return _one_moment(values, lower), names


def _one_moment(values: Mapping[str, Any], lower: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the parameters with a separate day and time joined. Affise's `date` has both."""
    day = next((lower[name] for name in ("date_only", "date") if name in lower and _filled(values[lower[name]])), None)
    if day is None or "time" not in lower or not _filled(values[lower["time"]]):
        return values
    whole = lower.get("date", day)
    moment = values[whole] if ":" in str(values[whole]) else f"{values[day]} {values[lower['time']]}"
    apart = {day, whole, lower["time"]}
    return {**{name: value for name, value in values.items() if name not in apart}, "conversion_time": moment}


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not unfilled(value.strip()) and not no_id(value.strip())


def _by_tracker(body: dict[str, Any], values: Mapping[str, Any], tracker: Tracker) -> None:
    """Apply what a tracker implies: that it has rejected a conversion, that it was a test, what happened."""
    given = {name.lower(): value for name, value in values.items() if isinstance(value, str) and not unfilled(value)}
    for name, start in tracker.rejects.items():
        if given.get(name, "") and given[name].startswith(start):
            body.setdefault("status", "rejected")
    for name in tracker.event_names:
        if given.get(name) and "event_id" not in body:
            body.setdefault("event_name", given[name])
    for name, kinds in tracker.kinds.items():
        if kind := kinds.get(given.get(name, "").lower()):
            body["type"] = kind
    if any(given.get(name) == value for name, value in tracker.tests.items()):
        body["type"] = "test"
    for name, ours in tracker.dollars.items():
        if ours not in body and given.get(name):
            body |= {ours: given[name], "currency": "USD"}


def _vocabulary(values: Mapping[str, Any], names: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """Rename a tracker's parameters to ours. Unknown ones keep their names: people add parameters."""
    body: dict[str, Any] = {}
    faults: list[Fault] = []
    for spelling, given in values.items():
        name = names.get(spelling) or names.get(spelling.lower(), spelling)
        value, fault = _single(name, given) if name in SINGLE_VALUED else (given, None)
        faults += [fault] if fault else []
        text, fault = _cleaned(name, value)
        faults += [fault] if fault else []
        if text is None:
            continue
        if name in body and body[name] != text:
            faults.append(Fault(f"body.{name}", f"came twice with different values; {spelling}={text!r} is left out"))
            continue
        body[name] = text
    return body, faults


def _single(name: str, value: Any) -> tuple[Any, Fault | None]:
    """Return one text for a parameter of Integr8: it may be there twice, and a JSON body may hold anything."""
    if not isinstance(value, dict | list):
        return value, None
    texts = [item for item in value if not isinstance(item, dict | list)] if isinstance(value, list) else []
    if not texts:
        return None, Fault(f"body.{name}", "is not a single value; treated as missing")
    if all(item == value[0] for item in value):
        return texts[0], None
    return texts[0], Fault(f"body.{name}", f"came {len(value)} times with different values; the first one is kept")


def _cleaned(name: str, value: Any) -> tuple[Any, Fault | None]:
    """Return a value for rules, or None and the reason. Lists and objects of a JSON body stay."""
    if value is None or isinstance(value, dict | list):
        # A list is of a JSON body, or of a name that came several times.
        if isinstance(value, list):
            value = [readable(one) if isinstance(one, str) else one for one in value]
        return value or None, None
    given = str(value).strip()
    text = given if given.isascii() and given.isprintable() else readable(given).strip()
    if not text or text in EMPTY or (name == "event_id" and text == "0"):  # 0 is the event of the conversion itself
        return None, None
    foreign = text != given or REPLACEMENT in text
    if foreign and name in IDS and (name == "transaction_id" or no_id(text)):
        return None, Fault(f"body.{name}", f"{text[:80]!r} has bytes that are not UTF-8; treated as missing")
    if text in UNTOUCHED or unfilled(text) or (name in IDS and no_id(text)):
        return None, Fault(f"body.{name}", f"{text[:80]!r} is a placeholder that nobody filled; treated as missing")
    if not foreign:
        return text, None
    return text, Fault(f"body.{name}", "had bytes that are not UTF-8 or NUL; kept with replacement characters")


def unfilled(text: str) -> bool:
    """Return whether a value is an unfilled macro of some tracker, also percent-encoded once too often."""
    return any(_MACRO.fullmatch(one) is not None for one in _spellings(text))


def no_id(text: str) -> bool:
    """Return whether a text is not a usable id: it would give many conversions the same id.

    A macro inside it, the name of a parameter (`tx=click_id`), a word for nothing, or no letter and no digit at all.
    """
    word = text.lower()
    if word.strip("{}") in NO_ID or _BETWEEN_WORDS.sub("_", word) in NAMES or not any(one.isalnum() for one in text):
        return True
    return any(_INSIDE.search(one) is not None for one in _spellings(text))


def _spellings(text: str) -> Sequence[str]:
    """Return a text that may hold a macro, as it is and with one or two encodings removed."""
    if _SIGN.search(text) is None or _BRACED_UUID.fullmatch(text) is not None:
        return ()
    once = unquote(text)
    return (text, once, unquote(once), html.unescape(text), unicodedata.normalize("NFKC", text))


def _type(body: Mapping[str, Any], otherwise: str) -> str:
    given = str(body.get("type", "")).lower()
    if given in TYPES or given == "test":
        return given
    if otherwise != "click":
        return otherwise
    if "event_id" in body or "event_name" in body:
        return "event"
    conversion = ("conversion_time", "payout", "revenue", "purchase_value", "third_party_rejected_reason")
    return "conversion" if any(name in body for name in conversion) else otherwise


def _money(body: dict[str, Any]) -> list[Fault]:
    faults = []
    for name in MONEY:
        if name in body:
            amount = _amount(str(body[name]))
            if amount is None:
                faults.append(Fault(f"body.{name}", f"{body.pop(name)!r} is not an amount; treated as missing"))
            else:
                body[name] = amount
    if currency := body.get("currency"):
        body["currency"] = str(currency).upper()
    return faults


def _amount(text: str) -> Decimal | None:
    amount = parse_number(text)
    return amount if amount is not None and abs(amount) <= MAX_AMOUNT else None


def _times(body: dict[str, Any], zone: tzinfo) -> list[Fault]:
    faults = []
    for name in TIMES:
        if name in body:
            moment = parse_moment(body[name], zone)
            if moment is None:
                faults.append(
                    Fault(f"body.{name}", f"{body.pop(name)!r} is not a time from 2000 to 2100; treated as missing")
                )
            else:
                body[name] = moment.isoformat()
    return faults


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
