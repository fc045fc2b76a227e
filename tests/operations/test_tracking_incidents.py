"""One incident per break of tracking, from its beginning until the hole is filled in."""

from datetime import UTC, datetime, timedelta

from bridge.decisions.tracking_incidents import INCIDENT_STAYS, raise_incidents
from bridge.store import failing_items
from rules.model.facts import Break

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
GAP = Break("a7", NOW - timedelta(hours=1), NOW, 1, 20.4)


def incidents(store):
    with store.read() as session:
        return [one.sentence for one in failing_items.failing(session)]


def test_a_break_is_one_incident_however_often_it_is_seen_and_ends_by_itself(store):
    with store.write() as session:
        assert raise_incidents(session, "main/default", {"a7": GAP}, NOW) == [GAP]
    with store.write() as session:
        assert raise_incidents(session, "main/default", {"a7": GAP}, NOW) == []
        assert raise_incidents(session, "other/default", {}, NOW) == []
    [sentence] = incidents(store)
    assert "1 of 20 conversions that were due arrived" in sentence
    with store.write() as session:
        raise_incidents(session, "main/default", {}, NOW + INCIDENT_STAYS)
    assert incidents(store) == []


def test_evidence_that_wavers_is_still_one_incident(store):
    later = NOW + timedelta(minutes=30)
    with store.write() as session:
        raise_incidents(session, "main/default", {"a7": GAP}, NOW)
        assert raise_incidents(session, "main/default", {}, later) == []
        assert raise_incidents(session, "main/default", {"a7": GAP}, later + timedelta(minutes=30)) == []
        assert raise_incidents(session, "main/default", {}, later + INCIDENT_STAYS) == []
    assert len(incidents(store)) == 1


def test_the_sentence_names_no_step_that_failed(store):
    with store.write() as session:
        raise_incidents(session, "main/default", {"a7": GAP}, NOW)
    [sentence] = incidents(store)
    assert sentence.startswith("tracking main/default/a7: tracking of advertiser a7 looks broken")
