"""Integr8 gives an offer a number and a text id. A rule or a table that names either means the same offer."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.decisions.live_facts import scope_facts
from bridge.operations.decide import live_inputs
from bridge.reports import past_facts
from rules.evaluation.evaluate import evaluate
from rules.model.verdicts import Answer

WHERE = "where: {offer.active: true}"
PLAIN = pause_rule("shadow", when="clicks > 10")


def changed(text, *pairs):
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return text


CASES = {
    "where lists it": changed(PLAIN, (WHERE, "where: {offer.id: [REF]}")),
    "where says it": changed(PLAIN, (WHERE, 'where: [offer.id = "REF"]')),
    "a condition lists it": changed(PLAIN, ('"clicks > 10"', """"clicks > 10", 'offer.id in ["REF"]'""")),
    "a condition says it": changed(PLAIN, ('"clicks > 10"', """"clicks > 10", 'offer.id = "REF"'""")),
    "a table lists it": changed(PLAIN, (WHERE, "where: [offer.id in table caps]")),
    "a table limits it": changed(
        PLAIN, (WHERE, "where: all, join: {caps: offer.id}"), ("clicks > 10", "clicks > caps.most")
    ),
}


@pytest.fixture
def two_offers(network):
    network.bad = network.world.offer("Bad", clicks=200, conversions=1, active=True)
    network.world.offer("Other", clicks=200, conversions=1, active=True)
    return network


def yes(evaluation):
    return [
        str(subject)
        for subject, answer in zip(evaluation.subjects, evaluation.answers.tolist(), strict=True)
        if answer == Answer.YES
    ]


@pytest.mark.parametrize("spelling", ["key", "number"])
@pytest.mark.parametrize("case", CASES)
def test_a_rule_means_the_offer_whichever_id_it_names_live_and_in_a_backtest(two_offers, case, spelling):
    network, named = two_offers, str(getattr(two_offers.bad, spelling))
    (network.home / "tables" / "caps.csv").write_text(f"offer_id,most\n{named},10\n")
    network.rule(CASES[case].replace("REF", named))
    network.work()
    with network.services.store.read() as session:
        revision = network.services.library.current(session).revisions["low-cr"]
        live = evaluate(
            revision, scope_facts(live_inputs(network.services), session, revision, network.now), network.now
        )
        tables = network.services.library.tables
        start = network.now - timedelta(minutes=1)
        past = past_facts.load(session, revision, start, network.now, tables=tables)
        replayed = evaluate(revision, past.undisturbed(network.now), network.now)
    assert yes(live) == yes(replayed) == [f"offer={two_offers.bad.number}"]


@pytest.mark.parametrize("spelling", ["key", "number"])
@pytest.mark.parametrize("how", ["except: {offer.id: [REF]}", "where: [not offer.id in table caps]"])
def test_what_is_left_out_by_either_id_is_left_out(two_offers, how, spelling):
    network, named = two_offers, str(getattr(two_offers.bad, spelling))
    (network.home / "tables" / "caps.csv").write_text(f"offer_id,most\n{named},10\n")
    scope = f"{WHERE}, {how}" if how.startswith("except") else how
    network.rule(changed(PLAIN, (WHERE, scope)).replace("REF", named))
    network.work()
    with network.services.store.read() as session:
        revision = network.services.library.current(session).revisions["low-cr"]
        facts = scope_facts(live_inputs(network.services), session, revision, network.now)
        assert [str(one) for one in facts.subjects] == ["offer=1002"]
