"""Templates for a new rule: the rules of the library, or a blank rule built from a few choices."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bridge.operations.errors import NotThere, Refused
from rules.language.edit import header, with_header
from rules.language.rewrite import with_mode
from rules.language.strict_yaml import documents
from rules.model.revision import Mode

ITEMS = ("offer", "publisher", "advertiser")
METRICS = {
    "cr": ("conversion rate", "0.40%"), "rejection_rate": ("rejection rate", "40%"), "margin": ("margin", "0%"),
    "epc": ("revenue per click", "0.05"), "clicks": ("clicks", "1000"), "conversions": ("conversions", "10"),
    "payout": ("payout", "1000"), "profit": ("profit", "0"), "revenue": ("revenue", "100"),
}  # fmt: skip
OF_CONVERSIONS = frozenset({"rejection_rate"})
CHANCE = frozenset({"cr", "rejection_rate"})  # ratios of counts, which chance alone moves
ACTIONS = {"pause": "pause", "notify": "tell a channel about"}
RESERVED = frozenset({"new", "form"})  # addresses of the console
RULE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@dataclass(frozen=True, slots=True)
class Template:
    """A rule of the library."""

    name: str
    title: str
    note: str
    text: str


@cache
def library() -> tuple[Template, ...]:
    """Return the rules of the library by name."""
    found = []
    for path in sorted((files("rules") / "library").iterdir(), key=lambda one: one.name):
        if path.name.endswith(".yaml"):
            for one in documents(path.read_text(encoding="utf-8"), path.name):
                text = one.text.strip("\n") + "\n"
                told = header(text)
                found.append(Template(told["id"], told.get("title", ""), told.get("note", ""), text))
    return tuple(found)


def from_library(name: str, taken: Collection[str], rule_id: str | None = None) -> str:
    """Return the text of a rule of the library, in shadow, with an unused id. Raises NotThere, Refused."""
    found = next((one for one in library() if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in library())
        raise NotThere(f"there is no rule {name!r} in the library; it has {known}")
    chosen = rule_id or _free(name, taken)
    check_id(chosen)
    return with_mode(with_header(found.text, {"id": chosen}), chosen, Mode.SHADOW)


def blank(
    taken: Collection[str], *, item: str = "offer", metric: str = "cr", above: bool = False, action: str = "pause",
    channel: str | None = None,
) -> str:  # fmt: skip
    """Return the text of a rule from a few choices, with limits for a first rule. Raises Refused."""
    for name, given, known in (("item", item, ITEMS), ("metric", metric, METRICS), ("action", action, ACTIONS)):
        if given not in known:
            raise Refused(f"{name}: {given[:30]!r} is none of {', '.join(known)}")
    words, threshold = METRICS[metric]
    article = "an" if item[0] in "ao" else "a"
    verb = "Pause" if action == "pause" else "Tell about"
    title = f"{verb} {article} {item}: {words} {'above' if above else 'below'} the threshold"
    need = "conversions: 20" if metric in OF_CONVERSIONS else "clicks: 500"
    condition = f"{metric} {'>' if above else '<'} {threshold}{' @95% a month' if metric in CHANCE else ''}"
    limits = "  at_most: {targets: 5, share: 5%, revenue_24h: 10%}\n" if action == "pause" else ""
    then = f"  - pause: {item}\n    hold: 12h" if action == "pause" else f"  - notify: {channel or 'traffic'}"
    rule_id = _free(f"{item}-{metric}".replace("_", "-"), taken)
    return (
        f'schema: 1\nid: {rule_id}\ntitle: "{title}"\nmode: shadow\n'
        f"trigger: {{every: 15m}}\nscope: {{per: [{item}], where: {{{item}.active: true}}}}\n"
        f"data: {{window: 24h, settle: 1h, need: {{{need}}}, fresh: 45m}}\n"
        f"when:\n  all:\n    - {condition}\n  for: 2 checks\n"
        f"then:\n{then}\nguards:\n{limits}  cooldown: 12h\n"
    )


def check_id(rule_id: str) -> None:
    """Raise Refused for an invalid rule id."""
    if not RULE_ID.fullmatch(rule_id) or rule_id in RESERVED:
        raise Refused(f"{rule_id[:60]!r} cannot be the id of a rule; write lower-case letters, digits and -")


def _free(name: str, taken: Collection[str]) -> str:
    return next(one for one in (name, *(f"{name}-{count}" for count in range(2, 10_000))) if one not in taken)
