"""A shadow rule is measured against what people did by hand."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.reports.shadow_report import ShadowReport, shadow_report
from bridge.store.entities import Entity, EntityChange
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Run

HOUR = timedelta(hours=1)


@pytest.fixture
def would_pause(store):
    def add(at: datetime, target: str = "42", **more: Any) -> None:
        with store.write() as session:
            run = Run(
                rule_id="r",
                revision="h",
                mode="shadow",
                cause="slot",
                cause_key=f"{at}{target}",
                due_at=at,
                started_at=at,
            )
            run.outcome = "shadow"
            session.add(run)
            session.flush()
            plan = StoredPlan(run_id=run.id, rule_id="r", state=PlanState.SHADOW, created_at=at)
            values = {
                "rule_id": "r", "step": "1", "verb": "pause", "kind": "offer", "target_id": target, "account": "main",
                "integration": "default", "subject": f"offer={target}", "wanted": {"active": False},
                "state": EffectState.PLANNED,
            }  # fmt: skip
            plan.effects.append(Effect(**(values | more)))
            session.add(plan)

    return add


@pytest.fixture
def by_hand(store, now):
    def change(at: datetime, ref: str = "abc", *, active: bool = False, number: str = "42") -> None:
        with store.write() as session:
            if not session.query(Entity).filter_by(ref=ref).count():
                session.add(
                    Entity(
                        account="main", integration="default", kind="offer", ref=ref, number=number, active=True,
                        fields={}, first_seen=now, last_seen=now, changed_at=now,
                    )
                )  # fmt: skip
            session.add(
                EntityChange(
                    account="main", integration="default", kind="offer", ref=ref, field="active", before=not active,
                    after=active, after_at=at - HOUR, seen_at=at, cause="person",
                )
            )  # fmt: skip

    return change


@pytest.fixture
def report(store, now):
    def look() -> ShadowReport:
        with store.read() as session:
            return shadow_report(session, "main", now - timedelta(days=1), now + timedelta(days=7))

    return look


def test_a_person_who_did_the_same_later_agrees(would_pause, by_hand, report, now):
    would_pause(now)
    by_hand(now + 3 * HOUR)
    (one,) = report().would_have
    assert (one.people, one.lead) == ("same", 3 * HOUR)


def test_a_person_who_switched_it_on_disagrees(would_pause, by_hand, report, now):
    would_pause(now)
    by_hand(now + HOUR, active=True)
    assert report().count("opposite") == 1


def test_where_nobody_did_anything_it_says_so(would_pause, report, now):
    would_pause(now)
    assert [one.people for one in report().would_have] == ["nobody"]


def test_the_same_wish_at_every_look_is_told_once_a_day(would_pause, report, now):
    for minutes in range(0, 36 * 60, 15 * 24):
        would_pause(now + timedelta(minutes=minutes))
    assert len(report().would_have) == 2


def test_a_pause_by_hand_that_no_rule_asked_for_is_listed(would_pause, by_hand, report, now):
    would_pause(now)
    by_hand(now + HOUR, ref="other", number="7")
    assert [one.target for one in report().missed] == ["other"]
