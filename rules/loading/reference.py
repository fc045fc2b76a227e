"""The reference page of the rule language: `reference.md` with the tables of loader and evaluator filled in."""

import re
from collections.abc import Iterable
from importlib.resources import files

from rules.language import functions, parser, patterns, schema
from rules.language.keys import KEYS, REQUIRED
from rules.language.names import CLOCK, ENTITY_FIELDS, EVENT_FIELDS
from rules.loading.load import SECTIONS
from rules.model import metrics
from rules.model.revision import ALWAYS_KEPT, DECLARABLE
from rules.model.spelling import listed
from rules.model.topics import FOR_RULES
from rules.model.verbs import VERBS

_OPERATORS: tuple[tuple[str, str, str], ...] = (
    (
        "`<` `<=` `>` `>=` `=` `!=`",
        "`cr < 0.4%`",
        'compare numbers, durations, and `date` with a date (`date >= "2026-12-24"`); `=`, `!=` also texts, booleans',
    ),
    (
        "`@NN%`",
        "`cr < 0.4% @95%`",
        (
            "true only if the one-sided Wilson bound of a ratio of counts is beyond the threshold. The confidence "
            "holds for a single check; a rule that checks repeatedly needs `a month`"
        ),
    ),
    (
        "`@NN% a month`",
        "`cr < 0.4% @95% a month`",
        (
            "uses evidence of up to 30 days (an e-detector): at most 5% of the subjects whose true ratio is not "
            "beyond the threshold get a yes in 30 days, however often the rule checks. It may also follow `up|down "
            "N% vs`; it then includes the uncertainty of the other side"
        ),
    ),
    (
        "`@NN% of pauses`",
        "`cr < 0.4% @95% of pauses`",
        "uses the same evidence over all subjects of the scope: at most 5% of the subjects with a yes are wrong (e-BH)",
    ),
    (
        "`up N% vs WINDOW`, `down N% vs WINDOW`",
        "`cr down 50% vs 7d`",
        (
            "compares with the time range of that length that ends where the window begins; amounts are first "
            "scaled to the same length, ratios are calculated from the sums"
        ),
    ),
    (
        "`same hours`",
        "`clicks up 200% vs 7d same hours`",
        "compares with the same hours of each day before, by local time; an hour that the clocks skip is left out",
    ),
    (
        "`vs peers`",
        "`cr down 50% vs peers`",
        (
            "compares with the other subjects in scope: a ratio with their common ratio, an amount with their "
            "mean. With several dimensions the peers are the subjects that share the first one"
        ),
    ),
    (
        "`forecast ... within`",
        "`forecast payout >= 1000 within 20m`",
        "extrapolates the amount with the slope of the last hour, or of the horizon if that is longer",
    ),
    (
        "`unusual [up\\|down] @NN% vs DAYS same hours`",
        "`clicks unusual @99% vs 28d same hours`",
        (
            "true if the value is far from the usual value at these hours of the week: from the median of the same "
            "hours of the same weekday in the weeks before, in relation to the spread of all days. Counts and "
            "ratios of counts use their own distributions. At 99%, at most 10 of 1,000 checks of normal data say "
            "yes. It needs four weeks of data"
        ),
    ),
    (
        "`worst N by VALUE [per GROUP]`, `best`, `top`, `bottom`; `N%`",
        "`worst 5 by cr per advertiser`",
        (
            "true if the subject is one of the N in the scope, or in its group. `top` takes the largest values, "
            "`bottom` the smallest. `worst` and `best` know that a high rejection rate is bad and a high "
            "conversion rate is good. Only subjects with `need` and a value are ranked. A tie that does not fit "
            "completely is left out, and a share is rounded down. If all subjects would be taken, there is no "
            "decision"
        ),
    ),
    (
        "`count(KIND where CONDITION) per advertiser`, `per network`",
        "`count(offers where active) < 3 per advertiser`",
        (
            "the number of offers, publishers or advertisers in Integr8 whose own attributes meet the condition: "
            "here `active` means `offer.active`. If the condition is undefined for one of them, there is no "
            "decision. A rule per advertiser may leave out `per advertiser`. A backtest counts what Integr8 lists "
            "today"
        ),
    ),
    ("`over WINDOW`", "`conversions = 0 over 1h`", "another window"),
    ("`ago DURATION`", "`clicks over 1h ago 7d`", "the window moved back; whole days follow local time"),
    ("`in`, `not in`", '`publisher.country in ["DE", "AT"]`', "one of a list"),
    (
        "`in table NAME`, `in table NAME.COLUMN`",
        "`offer.id in table vips`",
        "the value is in a column of the table (without a name: in the first column)",
    ),
    ("`matches`", '`body.email matches "^[^@]+@[^@]+$"`', "the text contains a match of the pattern"),
    ("`and` `or` `not`", "`clicks > 5 and not offer.active`", "`not` of no decision is no decision"),
    ("`+` `-` `*` `/`", "`payout >= 80% * budgets.daily`", "division by zero gives no decision"),
)


def markdown() -> str:
    """Return the whole page, as `docs/reference/rules.md` holds it."""
    page = files("rules.loading").joinpath("reference.md").read_text(encoding="utf-8")
    parts = {
        "operators": _table(("written", "example", "meaning"), _OPERATORS),
        "functions": _functions(),
        "metrics": _metrics(),
        "dimensions": listed(ALWAYS_KEPT),
        "declarable": listed(DECLARABLE),
        "names": _names(),
        "steps": _steps(),
        "topics": listed(FOR_RULES),
        "keys": _keys(),
        "max_text": str(parser.MAX_TEXT),
        "max_nodes": str(parser.MAX_NODES),
        "max_depth": str(parser.MAX_DEPTH),
        "max_pattern": str(patterns.MAX_PATTERN),
        "max_subject": f"{patterns.MAX_SUBJECT:,}",
    }
    return re.sub(r"<!-- (\w+) -->", lambda found: parts[found[1]], page)


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_in_a_cell, row))} |" for row in rows)])


def _in_a_cell(text: str) -> str:
    """Escape strokes, which would begin the next cell even inside code."""
    return _STROKE.sub(r"\\|", text)


def _functions() -> str:
    rows = (
        (f"`{name}({', '.join(found.takes)}{', ...' if found.more else ''})`", found.meaning)
        for name, found in functions.FUNCTIONS.items()
    )
    return _table(("function", "gives"), rows)


def _metrics() -> str:
    base = [(f"`{name}`", metrics.unit(name), "from the reports") for name in metrics.BASE]
    base.append((f"`{metrics.EVENTS}NAME`", "count", "post-conversion events of that name"))
    derived = [(f"`{name}`", found.unit, _formula(found)) for name, found in metrics.DERIVED.items()]
    return _table(("metric", "unit", "meaning"), [*base, *derived])


def _formula(found: metrics.Derived) -> str:
    above = " + ".join(found.plus) + "".join(f" - {name}" for name in found.minus)
    if not found.over:
        return f"{found.title}: {above}"
    return f"{found.title}: {f'({above})' if found.minus else above} / {' + '.join(found.over)}"


_STROKE = re.compile(r"(?<!\\)\|")
EVENT_TIME = (
    "time is the sender's time of the event, or the time of arrival if the sender names none; an invalid time "
    "counts as missing"
)


def _names() -> str:
    rows = [(f"`{kind}.NAME`", ", ".join(sorted(known))) for kind, known in ENTITY_FIELDS.items()]
    rows += [
        ('`body.a.b`, `body.items[0].id`, `body["first-name"]`', "the webhook's body"),
        ("`event.NAME`", f"{', '.join(EVENT_FIELDS)}; {EVENT_TIME}"),
        *((f"`{name}`", f"{meaning}, in the zone of `data.tz`") for name, meaning in CLOCK.items()),
        ("`TABLE.COLUMN`", "a table that `scope.join` names"),
        (
            "`STEP.id`",
            "in templates: the id of what an earlier step of `then` made; the template may contain nothing else",
        ),
        ("`offer.id`, `country`, ...", "the subject's own ids"),
    ]
    return _table(("name", "what there is"), rows)


def _steps() -> str:
    outside = {"operation": "an operation of the catalogue", "request": "a mapping with `url`", "channel": "a channel"}
    rows = (
        (
            f"`{verb}`",
            listed(spec.targets) if spec.targets else outside[spec.object],
            ", ".join(f"`{name}`" for name in sorted(spec.takes | {"id"})),
            spec.meaning,
            f"`{spec.example}`",
            spec.one_way or f"`{spec.inverse}`",
        )
        for verb, spec in VERBS.items()
    )
    return _table(("step", "of what", "takes", "meaning", "example", "undone by"), rows)


def _keys() -> str:
    """Return one table for each section with its own keys; the single values at the top come first."""
    named = {path: KEYS[path] for path, _ in schema.properties(schema.json_schema()) if path in KEYS}
    headings = sorted({path.partition(".")[0] for path in named}, key=SECTIONS.index)
    single = [name for name in headings if not any(path.startswith(f"{name}.") for path in named)]
    below = {name: [path for path in named if path.partition(".")[0] == name] for name in headings}
    sections = (f"### `{name}`\n\n{_key_table(below[name])}" for name in headings if name not in single)
    return "\n\n".join([_key_table(single), *sections])


def _key_table(paths: Iterable[str]) -> str:
    rows = (
        (f"`{path}`", KEYS[path].meaning, f"`{KEYS[path].example}`", _default(KEYS[path].default)) for path in paths
    )
    return _table(("key", "meaning", "example", "without it"), rows)


def _default(text: str) -> str:
    return f"**{text}**" if text == REQUIRED else text
