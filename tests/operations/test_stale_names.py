"""Accounts, sources, channels and rules that are renamed or removed while something still refers to them."""

from datetime import timedelta

import pytest
from rule_texts import pause_on_webhook, pause_rule

from bridge.config import rulebook, settings
from bridge.config.library import Library
from bridge.operations import NotThere, Refused, decide, feeds, maintenance
from bridge.operations.halt import halt, resume
from bridge.operations.holds import release_holds
from bridge.operations.item_mutes import mute_item
from bridge.operations.perform import perform_effects
from bridge.operations.renames import forget_account, rename
from bridge.operations.replay import replay
from bridge.operations.stale_names import configured_names, stale_names
from bridge.operations.undo import undo
from bridge.store import halts, holds
from bridge.store.halts import HaltKind, HaltScope
from bridge.store.holds import Hold
from bridge.store.journal import Event
from bridge.store.ledger import Effect
from bridge.store.notifications import ChannelMute, Notice
from bridge.store.runs import Run

RULE = pause_rule()


@pytest.fixture
def holding(network):
    """A rule holds an offer of account main."""
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    network.work()
    return network


def call_account(network, name):
    """The account of bridge.yaml gets another name; the processes start again."""
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text().replace("  main:", f"  {name}:"))
    network.services.settings = settings.load(network.home)
    network.services.library = Library(network.services.settings)
    network.rule(RULE.replace("mode: live", f"mode: live\naccount: {name}"))


def now_named(network, session):
    return configured_names(network.services.settings, network.services.library.current(session))


def stale(network):
    with network.services.store.read() as session:
        return stale_names(session, now_named(network, session), network.now)


def _mutes(network):
    with network.services.store.read() as session:
        return holds.muted(session, network.now)


def move(network, kind, old, new):
    with network.services.store.write() as session:
        return rename(session, kind, old, new, names=now_named(network, session), who="ann", now=network.now)


def test_a_renamed_account_is_listed_with_what_it_holds_and_the_command(holding):
    call_account(holding, "europe")
    [found] = stale(holding)
    assert str(found) == (
        "account 'main' is gone, and still used by 1 active hold: "
        "`integr8-bridge accounts rename main NEW` moves them, `accounts forget main` ends them"
    )


def test_after_the_move_the_offer_comes_back_in_time(holding):
    call_account(holding, "europe")
    moved = move(holding, "account", "main", "europe")
    assert (moved["holds"], stale(holding)) == (1, [])
    assert holding.paused == ["Bad"]
    for _ in range(2):
        holding.pass_time(hours=12, minutes=1)
        holding.work()
    assert holding.paused == []


def test_what_was_decided_and_not_sent_waits_for_the_move(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    feeds_and_rules(network)
    call_account(network, "europe")
    perform_effects(network.services, network.now)
    [effect] = network.all(Effect)
    assert (effect.state, network.paused) == ("planned", [])
    assert "accounts rename main NEW" in effect.error
    assert move(network, "account", "main", "europe")["effects"] == 1
    network.pass_time(minutes=2)
    network.work()
    assert (network.all(Effect)[0].state, network.paused) == ("applied", ["Bad"])


def test_what_waits_for_a_name_that_nobody_moves_expires(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    feeds_and_rules(network)
    call_account(network, "europe")
    network.pass_time(hours=25)
    perform_effects(network.services, network.now)
    [effect] = network.all(Effect)
    assert (effect.state, network.paused) == ("failed", [])
    assert "expired" in effect.error


def feeds_and_rules(network):
    """All but the last step of `work`: what is decided is not sent yet."""
    maintenance.tick(network.services, network.now)
    while feeds.read_due(network.services, network.now):
        pass
    while decide.run_due_rules(network.services, network.now):
        pass


def test_an_account_that_is_gone_can_be_forgotten(holding):
    call_account(holding, "europe")
    with holding.services.store.write() as session:
        done = forget_account(session, "main", names=now_named(holding, session), who="ann", now=holding.now)
    assert (done, stale(holding)) == ({"holds": 1, "effects": 0}, [])
    assert holding.paused == ["Bad"]


def test_what_people_decided_is_listed_where_its_name_is_gone_and_moves_along(network):
    """A rule would touch an item that somebody muted, and nobody would know why."""
    network.world.offer("Kept", active=True)
    network.rule(RULE)
    network.work()
    services, now = network.services, network.now
    offer = str(next(network.world.directory.offers.living()).view()["incremental_id"])
    for rule in ("*", "low-cr"):
        mute_item(services, f"offer={offer}", rule=rule, why="a contract", who="ann", now=now)
    with services.store.write() as session:
        session.add(ChannelMute(channel="team", rule_id="low-cr", until=now + timedelta(hours=1), by="ann", why="x"))
    call_account(network, "europe")
    network.rule(RULE.replace("low-cr", "lower-cr").replace("mode: live", "mode: live\naccount: europe"))
    assert [(one.kind, one.name, one.uses) for one in stale(network)] == [
        ("account", "main", "2 mutes"), ("channel", "team", "1 channel mute"),
        ("rule", "low-cr", "1 mute, 1 channel mute"),
    ]  # fmt: skip
    move(network, "account", "main", "europe")
    move(network, "rule", "low-cr", "lower-cr")
    network.pass_time(hours=1)
    assert stale(network) == []
    assert {(one.account, one.rule_id) for one in _mutes(network)} == {("europe", "*"), ("europe", "lower-cr")}


def test_to_forget_an_account_ends_its_mutes(network):
    network.world.offer("Kept", active=True)
    network.rule(RULE)
    network.work()
    offer = str(next(network.world.directory.offers.living()).view()["incremental_id"])
    mute_item(network.services, f"offer={offer}", why="a contract", who="ann", now=network.now)
    call_account(network, "europe")
    with network.services.store.write() as session:
        done = forget_account(session, "main", names=now_named(network, session), who="ann", now=network.now)
    assert (done["mutes"], stale(network)) == (1, [])


def test_nothing_is_moved_to_a_name_that_is_not_there_or_from_one_that_still_is(holding):
    with pytest.raises(NotThere, match="account europe: not found; configured: main"):
        move(holding, "account", "main", "europe")
    with pytest.raises(Refused, match="still configured"):
        move(holding, "account", "main", "main")


@pytest.mark.parametrize("ask", [
    lambda network: undo(network.services, 1, who="ann", now=network.now),
    lambda network: release_holds(network.services, [1], who="ann", now=network.now),
])  # fmt: skip
def test_what_one_asks_of_an_account_that_is_gone_is_refused_with_the_command(holding, ask):
    call_account(holding, "europe")
    (holding.home / "rules" / "rule.yaml").unlink()
    with pytest.raises(Refused, match="accounts rename main NEW"):
        ask(holding)


def rename_only_account(network):
    """As `call_account`, but nobody tells the rule, which says no account and so means `main`."""
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text().replace("  main:", "  europe:"))
    network.services.settings = settings.load(network.home)
    network.services.library = Library(network.services.settings)
    reading, _ = rulebook.publish(network.services.store, network.services.settings, now=network.now)
    return [str(problem) for problem in reading.errors]


def test_holds_of_a_rule_without_account_wait_for_the_move_and_end(holding):
    assert rename_only_account(holding) == ["rules/rule.yaml:2:1: there is no account 'main' (bridge.yaml has europe)"]
    assert [one.kind for one in stale(holding)] == ["account"]
    holding.pass_time(hours=12, minutes=1)
    holding.work()
    [_, back] = holding.all(Effect)
    assert (back.state, holding.paused) == ("planned", ["Bad"])
    assert move(holding, "account", "main", "europe")["effects"] == 2
    holding.pass_time(minutes=2)
    holding.work()
    assert (holding.paused, stale(holding)) == ([], [])


EVENT = pause_on_webhook()


def test_an_event_for_a_rule_that_no_longer_loads_is_shown_as_failed_and_can_be_replayed(network):
    network.rule(EVENT)
    offer = network.world.offer("Offer", active=True)
    rename_only_account(network)
    network.crm({"type": "x", "id": "1", "go": True, "offer": str(offer.number)})
    network.work()
    [run] = network.all(Run)
    assert (run.rule_id, run.outcome, network.paused) == ("on-demand", "error", [])
    assert "fix it, then replay" in run.error
    network.rule(EVENT.replace("mode: live", "mode: live\naccount: europe"))
    [event] = network.all(Event)
    replay(network.services, [event.id], revision="current", who="ann", now=network.now)
    network.work()
    assert network.paused == ["Offer"]


def test_a_renamed_rule_takes_its_holds_along(holding):
    holding.rule(RULE.replace("low-cr", "weak-offers"))
    [found] = stale(holding)
    assert (found.kind, found.name) == ("rule", "low-cr")
    assert "they end in time" in found.remedy
    move(holding, "rule", "low-cr", "weak-offers")
    assert [hold.rule_id for hold in holding.all(Hold)] == ["weak-offers"]
    assert stale(holding) == []


def test_holds_of_a_rule_that_is_gone_end_in_time(holding):
    (holding.home / "rules" / "rule.yaml").unlink()
    holding.pass_time(hours=12, minutes=1)
    holding.work()
    assert (holding.paused, [hold.state for hold in holding.all(Hold)]) == ([], ["released"])


def test_events_of_a_renamed_source_are_moved(network):
    network.crm({"id": "1"})
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text().replace("  crm:", "  sales:"))
    network.services.settings = settings.load(network.home)
    assert [(one.kind, one.name, one.uses) for one in stale(network)] == [("source", "crm", "1 event")]
    move(network, "source", "crm", "sales")
    assert [event.source for event in network.all(Event)] == ["sales"]


def test_notices_of_a_renamed_channel_are_delivered_by_the_new_one(network):
    row = {"channel": "old", "topic": "paused", "dedupe_key": "1", "text": "x", "created_at": network.now}
    with network.services.store.write() as session:
        session.add(Notice(**row, due_at=network.now, state="failed", error="old is no longer in bridge.yaml"))
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text() + 'channels:\n  new: {apprise: "${CRM_TOKEN}"}\n')
    network.services.settings = settings.load(network.home)
    [found] = stale(network)
    assert (found.kind, found.uses) == ("channel", "1 notice")
    move(network, "channel", "old", "new")
    assert [(one.channel, one.state) for one in network.all(Notice)] == [("new", "waiting")]


def test_what_is_halted_stays_halted_under_its_new_name(network):
    """With the webhooks that wait for its end, and what is muted about it."""
    on_demand = pause_on_webhook()
    network.world.offer("Bad", active=True)
    network.rule(on_demand)
    network.work()
    halt(network.services, HaltScope(HaltKind.RULE, "on-demand"), who="ann", why="odd", now=network.now)
    network.crm({"id": "1", "go": True, "offer": "1001"})
    network.work()
    with network.services.store.write() as session:
        session.add(ChannelMute(rule_id="on-demand", until=network.now, by="ann", why="known"))
    network.rule(on_demand.replace("on-demand", "when-asked"))
    assert [(one.kind, one.name, one.uses) for one in stale(network)] == [
        ("rule", "on-demand", "1 halt"),
        ("rule", "on-demand", "1 waiting event"),
    ]
    moved = move(network, "rule", "on-demand", "when-asked")
    assert (moved["halts"], moved["deferred events"], moved["channel mutes"]) == (1, 1, 1)
    network.work()
    assert (network.paused, stale(network)) == ([], [])
    resume(network.services, who="ann", now=network.now, of=HaltScope(HaltKind.RULE, "when-asked"))
    network.work()
    assert network.paused == ["Bad"]


def test_the_halts_of_a_renamed_account_are_those_of_its_new_name(holding):
    scopes = HaltScope(HaltKind.ACCOUNT, "main"), HaltScope(HaltKind.ADVERTISER, "a1", "main")
    with holding.services.store.write() as session:
        for scope in scopes:
            halts.halt(session, by="ann", why="odd", now=holding.now, of=scope)
    call_account(holding, "europe")
    assert [one.uses for one in stale(holding)] == ["1 active hold, 2 halts"]
    assert move(holding, "account", "main", "europe")["halts"] == 2
    with holding.services.store.read() as session:
        named = [(one.of.name, one.of.account) for one in halts.open_halts(session).listed]
    assert named == [("europe", None), ("a1", "europe")]
