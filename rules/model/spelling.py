"""Suggest the known word that a person probably meant."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_HOW_CLOSE = 0.6  # difflib's own scale; below it suggestions amuse more than they help
#: What other trackers and rule engines call it: their word, and ours in the places where one of these is known.
_OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("affiliate", "affiliates", "partner", "partners", "media_buyer", "source"), ("publisher",)),
    **dict.fromkeys(("campaign", "campaigns"), ("offer",)),
    **dict.fromkeys(("client", "customer", "brand"), ("advertiser",)),
    **dict.fromkeys(("geo", "countries", "country_code"), ("country",)),
    **dict.fromkeys(("sub1", "aff_sub", "subid", "sub"), ("sub_id",)),
    **dict.fromkeys(("spend", "cost", "costs", "earnings", "commission"), ("payout",)),
    **dict.fromkeys(("income", "turnover"), ("revenue",)),
    **dict.fromkeys(("visits", "visitors", "hits"), ("clicks",)),
    **dict.fromkeys(("conv", "convs", "leads", "sales", "actions"), ("conversions", "then")),
    **dict.fromkeys(("cvr", "conversion_rate"), ("cr",)),
    **dict.fromkeys(("epv", "rpm"), ("rpc",)),
    **dict.fromkeys(("conditions", "condition", "if", "expr"), ("when",)),
    **dict.fromkeys(("action", "do", "steps"), ("then",)),
    **dict.fromkeys(("filter", "filters"), ("where", "scope")),
    **dict.fromkeys(("max", "limit", "maximum"), ("at_most", "targets")),
    **dict.fromkeys(("schedule", "on"), ("trigger", "cron")),
    **dict.fromkeys(("interval", "frequency"), ("every", "trigger")),
    **dict.fromkeys(("and", "every"), ("all",)),
    "or": ("any",),
    **dict.fromkeys(("stop", "disable", "deactivate", "block"), ("pause",)),
    **dict.fromkeys(("start", "enable", "resume", "unpause"), ("activate",)),
    **dict.fromkeys(("alert", "message", "email", "slack"), ("notify",)),
    **dict.fromkeys(("minimum", "sample", "min"), ("need",)),
    **dict.fromkeys(("lookback", "period", "timeframe"), ("window",)),
    **dict.fromkeys(("name", "description", "summary"), ("title",)),
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return our word for one of other tools, or the closest known word; None if none is close."""
    small = {name.lower(): name for name in sorted(set(known))}
    if word.lower() not in small:
        meant = next((one for one in _OTHER_WORDS.get(word.lower(), ()) if one in small), None)
        if meant:
            return small[meant]
    found = get_close_matches(word.lower(), small, n=1, cutoff=_HOW_CLOSE)
    return small[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'clicks'?` to append to a message, or nothing."""
    found = nearest(word, known)
    return f"; did you mean '{found}'?" if found and found != word else ""


def listed(words: Iterable[str], *, last: str = "or") -> str:
    """Return `a, b or c`."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else "nothing"


def a(noun: str) -> str:
    """Return a noun with its article: `an offer`, `a landing page`."""
    return f"{'an' if noun[:1] in 'aeio' or noun == 'hour' else 'a'} {noun.replace('_', ' ')}"
