"""Each construct of conditions in the running service: decided, done, explained, shown, and returned by a new process.

One network has all the rules. Each is about two offers of its own: it must pause the first and leave the second alone.
The rule's own tests say the same of the same numbers, and run when it is loaded.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from whole_way import Story, named, story

from bridge.reports.csv_import import import_rows
from bridge.store.feeds import FeedKey, Kind
from bridge.store.holds import Hold

pytestmark = pytest.mark.network
Traffic: TypeAlias = tuple[tuple[float, float, int, int], ...]  # hours ago from, to; clicks; conversions

POLLED = timedelta(days=6)  # before that, traffic comes from a file
NOW = datetime(2026, 3, 2, 12, 20, tzinfo=UTC)  # a Monday
BAD, GOOD = ((22, 2, 200, 0),), ((22, 2, 200, 20),)
MUCH_BAD, MUCH_GOOD = ((22, 2, 400, 0),), ((22, 2, 400, 60),)
OLD_BAD, OLD_GOOD = ((80, 2, 800, 0),), ((80, 2, 800, 80),)
BEFORE = (70, 26, 200, 20)


@dataclass(frozen=True)
class Case:
    """Conditions, the traffic of the two offers, and what the rule's own tests say of numbers like theirs."""

    when: Any
    yes: Traffic = BAD
    no: Traffic = GOOD
    told: tuple[str, str] | None = ("clicks: 200, conversions: 0", "clicks: 200, conversions: 20")
    data: str = "window: 24h, need: {clicks: 100}"
    scope: str = ""
    more: str = ""
    says: str = ""  # a part of the sentence of the yes


def calendar(window: str, *, yes: Traffic = BAD, no: Traffic = GOOD, need: int = 20, tz: str = "UTC") -> Case:
    now = 'now: "2026-03-02T12:20:00"'
    told = (f"clicks: 200, conversions: 0, {now}", f"clicks: 200, conversions: 20, {now}")
    return Case(["conversions = 0"], yes, no, told, data=f"window: {window}, need: {{clicks: {need}}}, tz: {tz}")


CASES = {
    "bound": Case(["cr < 2% @95%"], says="with 95% confidence"),
    "month": Case(["cr < 10% @95% a month"], MUCH_BAD, MUCH_GOOD, None, says="95% a month needs"),
    "of-pauses": Case(["cr < 10% @95% of pauses"], MUCH_BAD, MUCH_GOOD, None, says="95% of pauses needs"),
    "month-vs": Case(
        ["cr down 20% vs 2d @95% a month"], ((70, 26, 400, 100), *MUCH_BAD), ((70, 26, 400, 100), (22, 2, 400, 100)),
        None, says="whose own chance is counted in",
    ),
    "down": Case(
        ["cr down 50% vs 2d"], (BEFORE, (22, 2, 200, 2)), (BEFORE, *GOOD),
        ("clicks: 200, conversions: 2, cr_2d: 10%", "clicks: 200, conversions: 20, cr_2d: 10%"), says="is down 90%",
    ),
    "up": Case(
        ["clicks up 50% vs 2d"], (BEFORE, (22, 2, 300, 2)), (BEFORE, (22, 2, 100, 20)),
        ("clicks: 300, clicks_2d: 200", "clicks: 100, clicks_2d: 200"), says="is up 200%",
    ),
    "same-hours": Case(
        ["clicks over 3h up 50% vs 2d same hours"], (BEFORE, (3, 0, 300, 2)), ((70, 0, 600, 20),), None,
        data="window: 24h, need: {}", says="the same hours of the 2 days before",
    ),
    "unusual": Case(
        ["clicks unusual down @99% vs 28d same hours"], ((144, 24, 240, 0), (24, 0, 2, 0)), ((144, 0, 288, 0),), None,
        data="window: 24h, need: {}", says="usual",
    ),
    "peers": Case(
        ["cr down 50% vs peers"],
        told=("clicks: 200, conversions: 0, cr_peers: 10%", "clicks: 200, conversions: 20, cr_peers: 10%"),
        says="the others in scope",
    ),
    "worst": Case(["worst 1 by cr"], told=None, says="place 1 of 2"),
    "worst-share": Case(["worst 50% by cr per advertiser"], told=None, says="of the same advertiser"),
    "best": Case(["best 1 by cr"], ((22, 2, 200, 30),), told=None, says="place 1 of 2"),
    "top": Case(["top 1 by clicks"], ((22, 2, 300, 0),), told=None, says="place 1 of 2"),
    "bottom": Case(["bottom 1 by conversions"], told=None, says="place 1 of 2"),
    "forecast": Case(["forecast clicks >= 300 within 1h"], ((1, 0, 200, 0),), told=None, says="will reach 300"),
    "over": Case(
        ["conversions = 0 over 3h"], no=((3, 0, 200, 20),),
        told=("clicks: 200, conversions_3h: 0", "clicks: 200, conversions_3h: 20"),
    ),
    "ago": Case(
        ["clicks over 24h ago 1d > 100"], ((44, 26, 200, 2), *GOOD), told=None, says="ago 24h 200 are above 100"
    ),
    "arithmetic": Case(["revenue / clicks < 0.01 * (1 + 1)", "profit <= 0"], told=None, says="revenue / clicks 0"),
    "derived": Case(
        ["margin < 50%", "epc < 9", "rpc > 0.1", "cpa > 1", "approval_rate > 90%", "rejection_rate < 1%"],
        ((22, 2, 200, 30),), BAD, None,
    ),
    "events": Case(
        ["events.sale over 24h >= 2"], GOOD, told=("clicks: 200, events.sale: 2", "clicks: 200, events.sale: 0")
    ),
    "groups": Case({"all": ["clicks > 100", {"any": ["cr = 0", "clicks > 900"]}, {"none": ["conversions > 0"]}]}),
    "logic": Case(["(clicks > 900 or cr = 0) and not conversions > 0"]),
    "coarser": Case(
        ["advertiser.clicks > 100", "network.clicks > 100", "conversions = 0"],
        told=(
            "clicks: 200, conversions: 0, advertiser.clicks: 900, network.clicks: 900",
            "clicks: 200, conversions: 0, advertiser.clicks: 900, network.clicks: 9",
        ),
    ),
    "clock": Case(
        ["hour = 12", 'weekday in ["mon", "tue"]', 'date = "2026-03-02"', 'not holiday("DE", "BY")', "conversions = 0"],
        told=(
            'clicks: 200, conversions: 0, now: "2026-03-02T12:20:00"',
            'clicks: 200, conversions: 0, now: "2026-03-02T13:20:00"',
        ),
    ),
    "functions": Case(
        [
            'lower(trim(offer.name)) matches "yes$"', "has(offer.name)", 'default(offer.description, "") = ""',
            "age(offer.created_at) < 7d", 'starts_with(offer.name, "functions")', 'ends_with(offer.name, "yes")',
            'contains(upper(offer.name), "YES")', "length(offer.name) > 3", 'number("1.50") = 1.5',
            "max(clicks, 1) = 200", "abs(0 - clicks) >= min(clicks, 5)",
        ],
        told=None,
    ),
    "count": Case(
        ["count(offers where active) per network > 3", "conversions = 0"],
        told=(
            'clicks: 200, conversions: 0, "count(offers where active) per network": 9',
            'clicks: 200, conversions: 0, "count(offers where active) per network": 2',
        ),
        says="count(offers where offer.active) per network",
    ),
    "settle": Case(
        ["conversions = 0"], data="window: 12h, settle: 2h, need: {clicks: 50}"
    ),
    "settle-auto": Case(["conversions = 0"], data="window: 12h, settle: auto, need: {clicks: 50}"),
    "this-hour": calendar("this_hour", yes=((0.3, 0.1, 50, 0),), no=((0.3, 0.1, 50, 20),)),
    "today": calendar("today"),
    "yesterday": calendar("yesterday"),
    "this-week": calendar("this_week"),
    "last-week": calendar("last_week", yes=OLD_BAD, no=OLD_GOOD),
    "this-month": calendar("this_month"),
    "last-month": calendar("last_month", yes=OLD_BAD, no=OLD_GOOD),
    "to-date": calendar("month_to_date"),
    "tokyo": calendar("today", tz="Asia/Tokyo"),
    "to-date-vs": Case(
        ["clicks over month_to_date down 50% vs last_month"], ((744, 690, 400, 0), (22, 2, 10, 0)),
        ((744, 690, 40, 0), (22, 2, 200, 0)), None, data="window: 24h, need: {}", says="the same part of last month",
    ),
    "unless": Case(["conversions < 30"], more="unless: [conversions > 5]"),
    "in-table": Case(
        ["conversions < 30", "offer.id in table vips"], told=None, says="offer.id in table vips is true"
    ),
    "join": Case(
        ["clicks >= 80% * budgets.daily"], scope="join: {budgets: offer.id}",
        told=("clicks: 200, budgets: {daily: 100}", "clicks: 200, budgets: {daily: 900}"),
        says="are at least 80% * budgets.daily (80)",
    ),
    "join-two": Case(
        ["clicks >= caps.clicks"], scope="join: {caps: [offer.advertiser_id, offer.id]}",
        told=("clicks: 200, caps: {clicks: 100}", "clicks: 200, caps: {clicks: 900}"),
    ),
    "where-list": Case(
        ["clicks > 1"], scope='where: [offer.active, \'offer.name = "where-list yes"\']', told=None
    ),
    "except": Case(
        ["clicks > 1"], told=None,
        scope='where: {offer.name: ["except yes", "except no"]}, except: {offer.name: except no}',
    ),
    "where-table": Case(["clicks > 1"], scope="where: ['offer.id in table chosen']", told=None),
}  # fmt: skip


def rule(name: str, case: Case) -> str:
    scope = case.scope if "where" in case.scope else f'where: {{offer.name: ["{name} yes", "{name} no"]}}, {case.scope}'
    tests = ""
    if case.told is not None:
        expected = zip(case.told, ("yes", "no"), strict=True)
        tests = "tests:\n" + "".join(f"  - {{given: {{{given}}}, expect: {answer}}}\n" for given, answer in expected)
    return f"""
schema: 1
id: {name}
mode: live
trigger: {{every: 15m}}
scope: {{per: [offer], {scope.rstrip(", ")}}}
data: {{{case.data}}}
when: {json.dumps(case.when)}
{case.more}
then: [{{pause: offer, hold: 12h}}]
{tests}"""


def make_traffic(told: Story) -> dict[str, str]:
    """Two offers of each rule with their traffic; the subject of each by its name."""
    network, world = told.network, told.network.world
    home, owner = world.publisher("P"), world.advertiser("A")
    offers = {}
    for name, case in CASES.items():
        for word, traffic in (("yes", case.yes), ("no", case.no)):
            offer = offers[f"{name} {word}"] = world.offer(
                f"{name} {word}", active=True, advertiser=owner, default_payout={"payout": 3, "revenue": 4}
            )
            for begun, ended, clicks, conversions in traffic:
                start, end = network.now - timedelta(hours=begun), network.now - timedelta(hours=ended)
                if begun < 170:
                    world.traffic(offer, [home], clicks, conversions, start=start, end=end)
                else:
                    imported(told, str(offer.number), clicks, start, end)
    sale = world.directory.create("offer_events", {"name": "sale"}, offer=offers["events yes"].key)
    for row in [one for one in world.conversions.rows if one.offer == offers["events yes"].number][:3]:
        world.tracker.convert(world.tracker.clicks.get(row.transaction_id), event=sale, at=row.at + 1000, quiet=True)
    for word in ("yes", "no"):
        start, end = network.now - timedelta(days=35), network.now - POLLED
        imported(told, str(offers[f"unusual {word}"].number), 29 * 48, start, end)
    number = {name: offer.number for name, offer in offers.items()}
    for table, text in {
        "vips": f"offer\n{number['in-table yes']}\n",
        "chosen": f"offer\n{number['where-table yes']}\n",
        "budgets": f"offer,daily\n{number['join yes']},100\n*,900\n",
        "caps": f"advertiser,offer,clicks\n{owner.number},{number['join-two yes']},100\n*,*,900\n",
    }.items():
        (network.home / "tables" / f"{table}.csv").write_text(text)
    return {name: named("offer", one) for name, one in number.items()}


def imported(told: Story, offer: str, clicks: int, start: datetime, end: datetime) -> None:
    """Clicks of the past with a conversion, as files bring them."""
    step = (end - start) / clicks
    rows = [
        {
            "transaction_id": f"{offer}-{start:%d}-{number}", "offer_id": offer, "publisher": "201",
            "status": "Approved", "request_time": f"{start + step * number:%Y-%m-%d %H:%M:%S}",
        }
        for number in range(clicks)
    ]  # fmt: skip
    won = [rows[0] | {"conversion_time": rows[0]["request_time"], "payout": "3", "revenue": "4", "currency": "USD"}]
    for kind, some in ((Kind.CLICKS, rows), (Kind.CONVERSIONS, won)):
        now = told.network.now
        import_rows(told.network.services.store, FeedKey(kind=kind), some, now=now, start=start, end=now - POLLED)


@pytest.fixture(scope="module")
def lived(tmp_path_factory, new_database):
    with story(tmp_path_factory.mktemp("conditions"), new_database("sqlite"), NOW) as told:
        subjects = make_traffic(told)
        directory = told.network.home / "rules"
        for name, case in CASES.items():
            (directory / f"{name}.yaml").write_text(rule(name, case))
        told.network.rule(rule("bound", CASES["bound"]), "bound.yaml")
        told.work()
        yield told, subjects


@pytest.fixture(scope="module")
def told(lived):
    return lived[0]


@pytest.fixture(scope="module")
def subjects(lived):
    return lived[1]


@pytest.mark.parametrize("name", CASES)
def test_the_one_is_paused_and_the_other_is_not_and_both_can_be_explained(told, subjects, name):
    case, yes, no = CASES[name], subjects[f"{name} yes"], subjects[f"{name} no"]
    told.check_runs(name)
    assert {one.target_id: str(one.state) for one in told.effects(name)} == {yes.partition("=")[2]: "applied"}
    assert told.verdicts(name)[yes].answer == 1
    assert case.says in told.verdicts(name)[yes].reason
    assert f"{yes}: yes" in told.explained(name, yes)
    apart = told.explained(name, no)
    assert f"{no}: yes" not in apart or "not in the rule's scope" in apart
    told.check_pages(name, yes.replace("=", "/"))


def test_only_those_are_paused_and_nothing_is_wrong_in_the_log(told):
    assert told.network.paused == sorted(f"{name} yes" for name in CASES)
    assert told.errors == []


def test_a_new_process_brings_them_back_when_their_time_is_up(told):
    """The last test of this module: it moves the clock."""
    told.network.begin_anew()
    told.work(hours=12, minutes=20)
    told.work(minutes=1)
    assert {str(hold.state) for hold in told.network.all(Hold) if hold.since == NOW} == {"released"}
    assert told.errors == []
