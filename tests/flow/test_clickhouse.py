"""The whole service with its observations in ClickHouse: rules fire from there, and decide nothing without it."""

from datetime import timedelta

import pytest
from network import Network
from rule_texts import pause_rule
from sqlalchemy import select

from bridge.operations import decide, health_checks, maintenance
from bridge.operations.backtest import BacktestRequest, replayed
from bridge.operations.doctor import examine
from bridge.operations.errors import OperationError
from bridge.operations.observation_moves import move_observations
from bridge.operations.observation_repair import lost_rows, repair
from bridge.operations.retention import apply_retention
from bridge.reports import chunk_cache, clickhouse_client, retention
from bridge.reports.fact_batch import join
from bridge.store import failing_items, feeds, observations
from bridge.store.journal import Event
from bridge.store.runs import Run


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """After a failure the next question may be asked at once, and merging does not wait for a day's chunks."""
    monkeypatch.setattr(clickhouse_client, "REST_SECONDS", 0.0)
    monkeypatch.setattr(retention, "MERGE_FROM", 1)


@pytest.fixture
def network(tmp_path, sqlite_url, now, monkeypatch, clickhouse):
    monkeypatch.setenv("OBSERVATIONS_URL", clickhouse.url)
    made = Network(tmp_path / "home", sqlite_url, now, monkeypatch)
    made.world.offer("Good", clicks=1000, conversions=50, active=True)
    yield made
    made.close()


def to_clickhouse(network):
    found = move_observations(network.services, "clickhouse", lambda _: None)
    assert found.facts == found.of > 0


def restarted(network):
    """As if the process began anew: nothing is in memory."""
    network.services._data.clear()


def check(network, name="observations"):
    return next(one for one in health_checks.checks(network.services, network.now) if one["name"] == name)


def test_a_rule_pauses_from_rows_in_clickhouse(network):
    bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.work()
    to_clickhouse(network)
    restarted(network)
    network.rule(pause_rule(fresh=""))
    network.work()
    assert network.paused == ["Bad"]
    with network.services.store.read() as session:
        assert [place.in_clickhouse for place in observations.places(session)] == [True]
    assert not network.active(bad)
    assert check(network)["status"] == "ok"


def test_without_clickhouse_nothing_is_decided_and_it_is_told_once(network, clickhouse):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.work()
    to_clickhouse(network)
    restarted(network)
    clickhouse.break_("fail")
    network.rule(pause_rule(fresh=""))
    network.work()
    assert network.paused == []
    [run] = network.all(Run)
    assert (run.yes, run.no, run.no_decision, run.error) == (0, 0, 2, None)
    with network.services.store.read() as session:
        told = [
            one.sentence for one in failing_items.failing(session) if one.key == ("service", "observations", "read")
        ]
    assert len(told) == 1
    assert clickhouse.url.partition("@")[0].rpartition(":")[2] not in told[0]
    found = check(network)
    assert (found["status"], "Memory limit" in found["detail"]) == ("warn", True)
    clickhouse.break_("")
    network.pass_time(minutes=15)
    network.work()
    assert network.paused == ["Bad"]
    with network.services.store.read() as session:
        assert not [one for one in failing_items.failing(session) if one.key[1] == "observations"]


def test_events_go_on_without_clickhouse_and_postbacks_wait_for_what_is_known_of_them(network, clickhouse):
    offer = network.world.offer("Offer", active=True)
    network.work()
    told = {"type": "conversion", "tx": "01HVMM5SAS879C0AQZ295VEV1A", "offer": str(offer.number), "payout": "8.00"}
    network.postback(**told, status="approved", conversion_time="2026-03-02 11:00:00")
    network.work()
    to_clickhouse(network)
    network.services.chunk_cache.__init__()
    clickhouse.break_("fail")
    network.pass_time(seconds=30)
    network.postback(**told, status="rejected", conversion_time="2026-03-02 11:00:00")
    network.crm({"id": "1", "type": "deal.won", "email": "ann@example.com"})
    network.work()
    states = {one.source: (str(one.state), one.attempts) for one in network.all(Event)[1:]}
    assert states == {"postback": ("received", 0), "crm": ("done", 1)}
    clickhouse.break_("")
    network.pass_time(minutes=2)
    network.work()
    assert {str(one.state) for one in network.all(Event)} == {"done"}
    with network.services.store.read() as session:
        feed = session.scalar(select(observations.Chunk.feed_id).order_by(observations.Chunk.id.desc()).limit(1))
        assert sum(info.count for info in observations.overlapping(session, [feed])) == 3  # told, taken back, told anew


def test_retention_moves_what_is_old_enough_and_the_journal_does_not_wait_for_it(network, clickhouse):
    offer = network.world.offer("Other", active=True)
    network.work()
    for number in range(3):
        network.postback(type="conversion", tx=f"01HVMM5SAS879C0AQZ295VEV{number}A", offer=str(offer.number))
        network.work()
    network.pass_time(hours=2)
    clickhouse.break_("hang up")
    apply_retention(network.services, network.now)
    with network.services.store.read() as session:
        [failing] = failing_items.failing(session)
        assert failing.key == ("service", "observations", "keep")
        assert [place.in_clickhouse for place in observations.places(session)] == [False]
    clickhouse.break_("")
    apply_retention(network.services, network.now)
    with network.services.store.read() as session:
        assert not failing_items.failing(session)
        assert True in [place.in_clickhouse for place in observations.places(session)]


@pytest.mark.slow
def test_a_backtest_says_the_same_from_clickhouse(network):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(pause_rule(mode="shadow", fresh=""))
    network.work()
    with network.services.store.read() as session:
        revision = network.services.library.current(session).revisions["low-cr"]
    begin, end = network.now - timedelta(hours=4), network.now
    for against in ("live", "imported"):
        question = BacktestRequest(start=begin, end=end, against=against)
        before = replayed(network.services, revision, question)
        to_clickhouse(network)
        assert replayed(network.services, revision, question) == before
        move_observations(network.services, "database", lambda _: None)
    assert before.evaluations > 0


def test_a_backtest_without_clickhouse_says_why_it_cannot(network, clickhouse):
    network.rule(pause_rule(mode="shadow", fresh=""))
    network.work()
    to_clickhouse(network)
    clickhouse.break_("fail")
    with network.services.store.read() as session:
        revision = network.services.library.current(session).revisions["low-cr"]
    question = BacktestRequest(start=network.now.replace(hour=0), end=network.now)
    with pytest.raises(OperationError, match="Memory limit"):
        replayed(network.services, revision, question)


def test_doctor_counts_the_rows_on_both_sides(network, clickhouse):
    network.work()
    to_clickhouse(network)
    found = {one["name"]: one for one in examine(network.services, network.now, health=health_checks.checks)}
    assert found["rows of reports"]["detail"].endswith("facts in ClickHouse, 0 in the database")
    clickhouse.ask("TRUNCATE TABLE bridge_observations")
    found = {one["name"]: one for one in examine(network.services, network.now, health=health_checks.checks)}
    assert found["rows of reports"]["status"] == "warn"
    assert "are missing in ClickHouse" in found["rows of reports"]["detail"]


def totals(network):
    """How many rows are known of each feed by now, by their status."""
    found = {}
    with network.services.store.read() as session:
        for feed in feeds.everything(session):
            infos = observations.overlapping(session, [feed.id])
            facts = join(list(chunk_cache.unpacked(session, infos).values()))
            found[str(feed.kind)] = sorted(
                (status, int(facts.weight[facts.status == status].sum()))
                for status in set(facts.status.tolist())
                if facts.weight[facts.status == status].sum()
            )
    return found


def lose(network, clickhouse, *, all_but=0, kind="clicks"):
    """Batches of a feed vanish, but for the newest so many."""
    with network.services.store.read() as session:
        [feed] = [one for one in feeds.everything(session) if one.kind == kind]
        batches = [one.batch for one in observations.overlapping(session, [feed.id]) if one.batch is not None]
    gone = batches[: len(batches) - all_but]
    assert gone
    clickhouse.ask(f"DELETE FROM bridge_observations WHERE batch IN ({', '.join(map(str, gone))})")
    restarted(network)


def in_two_batches(network):
    """Rows of each feed in two chunks of ClickHouse, the second one with corrections of the first."""
    network.work()
    to_clickhouse(network)
    for row in network.world.tracker.conversions.rows[:10]:
        network.world.tracker.judge(row, "Rejected", "fraud")
    network.pass_time(hours=2)
    network.world.offer(
        "Late", clicks=300, conversions=3, active=True, within=timedelta(hours=1), settled=timedelta(minutes=10)
    )
    for _ in range(3):
        network.pass_time(minutes=1)
        network.work()
    to_clickhouse(network)
    assert totals(network)["clicks"][0][1] == len(network.world.tracker.clicks)
    assert 10 in dict(totals(network)["conversions"]).values()


def test_rows_that_clickhouse_has_lost_are_read_again(network, clickhouse):
    bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    in_two_batches(network)
    before = totals(network)
    lose(network, clickhouse, all_but=1)
    lose(network, clickhouse, all_but=1, kind="conversions")
    network.rule(pause_rule(fresh=""))
    network.work()
    assert network.paused == []
    [check] = [
        one
        for one in examine(network.services, network.now, health=health_checks.checks)
        if one["name"] == "rows of reports"
    ]
    assert "reports repair" in check["remedy"]
    found = repair(network.services, who="ann", now=network.now)
    assert {one.feed for one in found} == {"main/default/clicks", "main/default/conversions"}
    assert all(one.rows > 0 and one.reading_from is not None for one in found)
    restarted(network)
    network.pass_time(minutes=15)
    maintenance.tick(network.services, network.now)
    assert decide.run_due_rules(network.services, network.now) == 1
    assert [(run.yes, run.no) for run in network.all(Run)] == [(0, 0), (0, 0)]  # nothing is counted with rows missing
    network.pass_time(minutes=15)
    network.work()
    assert network.paused == ["Bad"]
    assert not network.active(bad)
    assert totals(network) == before
    assert lost_rows(network.services) == []


def test_a_repair_that_breaks_off_is_begun_again(network, clickhouse):
    in_two_batches(network)
    before = totals(network)
    lose(network, clickhouse, all_but=1)
    clickhouse.break_("fail")
    with pytest.raises(OperationError):
        repair(network.services, who="ann", now=network.now)
    clickhouse.break_("")
    assert [one.feed for one in repair(network.services, who="ann", now=network.now)] == ["main/default/clicks"]
    restarted(network)
    for _ in range(3):
        network.pass_time(minutes=1)
        network.work()
    assert totals(network) == before
    assert repair(network.services, who="ann", now=network.now) == []


def test_a_feed_of_which_nothing_is_left_is_given_up_only_on_request(network, clickhouse):
    """The address may be the wrong one."""
    in_two_batches(network)
    before = totals(network)
    lose(network, clickhouse)
    with pytest.raises(OperationError, match="say --all"):
        repair(network.services, who="ann", now=network.now)
    assert len(repair(network.services, everything=True, who="ann", now=network.now)) == 1
    restarted(network)
    for _ in range(3):
        network.pass_time(minutes=1)
        network.work()
    assert totals(network) == before
