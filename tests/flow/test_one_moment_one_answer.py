"""At one moment there is one answer: live, in a process that has just started, previewed, explained and replayed.

Rows come late, postbacks come before reports, and some looks find nothing new. A process that has been running for
days adds up what came bit by bit; one that has just started reads it at once.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from simulator_transport import simulator_transport

from bridge.config import settings
from bridge.decisions import subjects
from bridge.decisions.live_facts import scope_facts
from bridge.operations.decide import live_inputs
from bridge.operations.explain import explain
from bridge.operations.rule_diff import diff_text
from bridge.operations.rule_preview import now_and_before
from bridge.reports import past_facts, postbacks
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.polling import Page
from bridge.services.container import Services
from bridge.sources.postback import PostbackFacts
from bridge.store.engine import Store, make_engine
from bridge.store.feeds import FeedKey, Kind
from rules.evaluation.evaluate import evaluate
from rules.model.verdicts import Answer

TEXT = """
schema: 1
id: NAME
mode: shadow
trigger: {every: 15m}
scope: {per: [PER], where: WHERE}
data: {window: WINDOW, need: {clicks: 36}, fresh: 2h}
when: WHEN
then: [{pause: TARGET, hold: 2h}]
"""
DAY, OFFERS = timedelta(days=1), 5
#: When, beside where, window and subject where they are not an offer's day.
ASKED = {
    "plain": ('["cr < 9%"]',),
    "proven": ('["cr < 12% @95%"]',),
    "month": ('["cr < 12% @95% a month"]',),
    "worse": ('["cr down 10% vs 12h"]',),
    "peers": ('["cr down 10% vs peers @95% a month"]',),
    "ranked": ('["worst 2 by cr"]',),
    "lasting": ('{all: ["cr < 9%"], for: 2 checks}',),
    "parent": ('["advertiser.conversions < 40 over 6h"]',),
    "forecast": ('["forecast clicks > 60 within 2h"]',),
    "joined": ('["payout > caps.daily"]', "all, join: {caps: offer.id}"),
    "dated": ('["clicks > 5"]', "{caps.kind: a}, join: {caps: offer.id}"),
    "today": ('["clicks > 30"]', "all", "today, tz: Asia/Kolkata"),
    "settled": ('["cr < 9%"]', "all", "12h, settle: auto"),
    "pairs": ('["cr < 9%"]', "all", "1d", "offer, publisher"),
    "dates": ('["clicks > 30", "date < caps.until"]', "all, join: {caps: offer.id}"),
    "seasonal": ('["cr < 9%"]', '["date >= \\"2026-03-29\\"", "age(offer.created_at) < 4d"]'),
    "lasting-rank": ('{all: ["worst 2 by cr per advertiser"], for: 2 checks}',),
    "few": ('["count(offers where active) per advertiser < 3", "clicks > 5"]',),
}


def rule_of(name, when, where="all", window="1d", per="offer"):
    parts = {"NAME": name, "WHERE": where, "WINDOW": window, "WHEN": when, "PER": per, "TARGET": "offer"}
    text = TEXT
    for word, part in parts.items():
        text = text.replace(word, part)
    return text


RULES = {name: rule_of(name, *asked) for name, asked in ASKED.items()}


class Tracker:
    """Clicks by chance of five offers, a tenth of which are listed late; conversions, a third of them late."""

    def __init__(self, seed, start, end):
        dice = random.Random(seed)
        rates = [dice.uniform(0.03, 0.2) for _ in range(OFFERS)]
        self.rows, self.now, at, number = {Kind.CLICKS: [], Kind.CONVERSIONS: []}, start, start, 0
        while at < end:
            at, number, offer = at + timedelta(seconds=dice.expovariate(1 / 240)), number + 1, dice.randrange(OFFERS)
            row = {
                "real_tx_id": f"{number:026d}", "request_time": _text(at), "offer_id": str(1001 + offer),
                "publisher_id": str(201 + dice.randrange(2)), "status": "Approved",
            }  # fmt: skip
            self.rows[Kind.CLICKS].append((at, at + _late(dice, 0.1), row))
            if dice.random() < rates[offer]:
                done = at + timedelta(minutes=dice.expovariate(1 / 60))
                more = {"conversion_time": _text(done), "payout": "1.10", "revenue": "2.50", "currency": "USD"}
                self.rows[Kind.CONVERSIONS].append((done, done + _late(dice, 0.3), row | more))

    def page(self, key, start, end, _after):
        told = [one for one in self.rows.get(key.kind, ()) if start <= one[0] < end and one[1] <= self.now]
        return Page([row for _, _, row in sorted(told, key=lambda one: one[0], reverse=True)], None)


def _text(at):
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _late(dice, share):
    return timedelta(minutes=dice.uniform(5, 400) if dice.random() < share else 0)


def _postback(at, row):
    clicked = datetime.strptime(row["request_time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return PostbackFacts(
        kind="conversion", transaction_id=row["real_tx_id"], status="approved", offer=row["offer_id"], sub_ids={},
        publisher=row["publisher_id"], click_time=clicked, conversion_time=at.replace(microsecond=0),
    )  # fmt: skip


def answers(facts, revision, now):
    found = evaluate(revision, facts, now)
    return {
        str(subject): (Answer(int(found.answers[row])).word, found.explain(row).reason)
        for row, subject in enumerate(found.subjects)
    }


@pytest.fixture
def started(network):
    """Another process of the same home, which has just started."""
    made = Services(
        settings.load(network.home), transport=simulator_transport(network.world, strict=True),
        clock=lambda: network.now, sleep=lambda _seconds: None, queue=network.wake_ups,
        store=Store(make_engine(network.variables["DATABASE_URL"])),
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def lived(network):
    """Three days of traffic as it came in, with the moments of the last hours yet to come."""
    network.now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    owners = [network.world.advertiser(f"Advertiser {number}") for number in range(2)]
    for number in range(OFFERS):
        network.world.offer(f"Offer {number}", active=True, advertiser=owners[number % 2])
    rows = [f"{1001 + one},{20 + one},{'ab'[one % 2]},2026-04-01,,2026-03-29" for one in range(OFFERS)]
    rows += [f"{1001 + one},{10 + one},{'ba'[one % 2]},2026-03-{29 + one % 3},2026-03-30," for one in range(OFFERS)]
    (network.home / "tables" / "caps.csv").write_text("\n".join(["offer_id,daily,kind,until,from,to", *rows, ""]))
    network.rule("---".join(RULES.values()))
    network.services.pages = Tracker(7, network.now, network.now + 4 * DAY)
    for _ in range(12):
        look(network, timedelta(hours=6))
    return network


def look(network, after, cache=ChunkCache()):  # noqa: B008 - one for all looks
    """Time passes, postbacks come in at once, and reports are read."""
    before, network.now = network.now, network.now + after
    tracker = network.services.pages
    tracker.now = network.now
    told = [_postback(at, row) for at, _, row in tracker.rows[Kind.CONVERSIONS] if before <= at < network.now]
    with network.services.store.write() as session:
        postbacks.record(session, cache, FeedKey(kind=Kind.POSTBACKS), told[::2], network.now)
    network.work()


@pytest.mark.slow
def test_everybody_who_is_asked_at_one_moment_says_the_same(lived, started):
    said = Counter()
    for _ in range(3):
        look(lived, timedelta(minutes=37))
        for name, text in RULES.items():
            with lived.services.store.read() as session:
                revision = lived.services.library.current(session).revisions[name]
                facts = scope_facts(live_inputs(lived.services), session, revision, lived.now)
                live = answers(facts, revision, lived.now)
            said.update(answer for answer, _ in live.values())
            _agrees(started, revision, text, live, lived.now)
    assert min(said[word] for word in ("yes", "no", "no_decision")) > 0


def _agrees(started, revision, text, live, now):
    with started.store.read() as session:
        started.library.current(session)
        fresh = answers(scope_facts(live_inputs(started), session, revision, now), revision, now)
        past = past_facts.load(session, revision, now, now, tables=started.library.tables)
        replayed = answers(past.undisturbed(now), revision, now)
        inside = past.in_scope(now)
    assert fresh == live, revision.id
    assert now_and_before(started, revision, now).changed == 0
    assert [one.changes for one in diff_text(started, text, now=now)] == [()]
    for subject in list(live)[:3]:
        verdict = explain(started, revision.id, subjects.load(subject), now=now).verdict
        assert (verdict.answer.word, verdict.reason) == live[subject]
    for row, (subject, found) in enumerate(replayed.items()):  # a backtest leaves out what has no traffic
        assert (subject in live) == (inside is None or bool(inside[row])), (revision.id, subject)
        assert live.get(subject, found) == found, revision.id
