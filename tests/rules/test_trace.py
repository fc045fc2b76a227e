import json
import re
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from rules.evaluation.evaluate import evaluate
from rules.evaluation.events import EventFacts
from rules.evaluation.explain import render
from rules.model.verdicts import Answer, Trace


def told(rule, facts, now, row=0):
    return evaluate(rule, facts, now).explain(row)


@pytest.mark.parametrize(
    ("when", "amounts", "said"),
    [
        (
            "cr < 0.40% @95%",
            {"clicks": 2400, "conversions": 2},
            "conversion rate 0.08% (2 of 2,400 clicks) is below 0.40% with 95% confidence",
        ),
        (
            "cr < 0.40% @95%",
            {"clicks": 500, "conversions": 0},
            "conversion rate 0.00% (0 of 500 clicks) is not below 0.40% with 95% confidence",
        ),
        (
            "cr down 50% vs 7d",
            {"clicks": [(1, 1000), (30, 10_000)], "conversions": [(1, 2), (30, 120)]},
            "conversion rate 0.20% is down 83% against 1.20% (the 7 d before)",
        ),
        ("clicks > 100", {"clicks": 40}, "clicks 40 are not above 100"),
        ("clicks = 0", {"clicks": 0}, "clicks are 0"),
        ("clicks = 0", {"clicks": 7}, "clicks are not 0 but 7"),
        ("profit < -100", {"revenue": 10, "payout": 200}, "profit -190.00 is below -100.00"),
        ("cpa > 5", {"payout": 30, "conversions": 0}, "payout per conversion is undefined from 0 conversions"),
        ("clicks over 1h > 5", {"clicks": [(0.5, 9)]}, "clicks over 1h 9 are above 5"),
        ("clicks > 5", {"clicks": None}, "clicks are missing"),
    ],
)
def test_the_reason_is_a_sentence_that_a_person_understands(rule, offers, now, when, amounts, said):
    assert told(rule(f"['{when}']"), offers().add(1, **amounts), now).reason == said


def test_too_small_a_sample_says_how_small(rule, offers, now):
    verdict = told(rule("[cr < 1%]", data="{need: {clicks: 500}}"), offers().add(1, clicks=90, conversions=0), now)
    assert verdict.reason == "only 90 clicks of the 500 that the rule needs"


def test_old_data_says_how_old(rule, offers, now):
    facts = offers().add(1, clicks=90)
    facts.read_at = now - timedelta(minutes=130)
    verdict = told(rule("[clicks > 1]", data="{fresh: 45m}"), facts, now)
    assert verdict.reason == "the data on clicks is 2 h 10 min old, the rule wants 45 min"


def test_an_exception_that_holds_is_the_reason(rule, offers, now):
    found = rule("[clicks > 5]", more="unless: [conversions = 0]")
    assert told(found, offers().add(1, clicks=9, conversions=0), now).reason == "held back: conversions are 0"


def test_the_reason_never_quotes_an_address_out_of_the_body(hook, now):
    found = hook("['body.email matches \"^x\"', 'lower(body.email) = \"a\"', 'body.email in [\"b\"]']")
    verdict = told(found, EventFacts({"email": "ann@private.example"}, {"id": "e"}), now)
    assert "ann@" not in verdict.reason
    assert verdict.answer is Answer.NO


@pytest.mark.parametrize(
    ("when", "data", "amounts", "flip"),
    [
        ("cr < 0.40% @95%", "{}", {"clicks": 500, "conversions": 0}, "174 more clicks at this rate, about 8 h 21 min"),
        ("cr < 1%", "{need: {clicks: 500}}", {"clicks": 90, "conversions": 0}, "410 more clicks at this rate"),
        ("clicks > 100", "{}", {"clicks": 40}, "61 more clicks at this rate, about 36 h 36 min"),
        ("clicks >= 100", "{}", {"clicks": 99}, "1 more click at this rate, about 15 min"),
        ("cr > 1%", "{}", {"clicks": 1000, "conversions": 8}, "3 more conversions on the same clicks"),
        ("cr < 1%", "{}", {"clicks": 1000, "conversions": 20}, "1,001 more clicks without any conversions"),
        (
            "cr down 50% vs 7d",
            "{}",
            {"clicks": [(1, 1000), (30, 10_000)], "conversions": [(1, 9), (30, 120)]},
            "conversion rate of 0.60% or less",
        ),
        ("payout >= 100", "{window: today}", {"payout": [(1, 90)]}, "10.00 more payout at this rate, about 80 min"),
    ],
)
def test_a_no_tells_what_would_change_it(rule, offers, now, when, data, amounts, flip):
    verdict = told(rule(f"['{when}']", data=data), offers().add(1, **amounts), now)
    assert verdict.trace.flip.startswith(flip.replace("80 min", "1 h 20 min"))


def test_what_would_change_it_is_true(rule, offers, now):
    found = rule("[cr < 0.40% @95%]")
    assert told(found, offers().add(1, clicks=500 + 173, conversions=0), now).answer is Answer.NO
    assert told(found, offers().add(1, clicks=500 + 174, conversions=0), now).answer is Answer.YES


def test_several_hindrances_are_all_told(rule, offers, now):
    verdict = told(rule("[clicks > 100, payout >= 50]"), offers().add(1, clicks=50, payout=20), now)
    assert verdict.trace.flip == (
        "51 more clicks at this rate, about 24 h 29 min; and 30.00 more payout at this rate, about 36 h"
    )


@pytest.mark.parametrize(
    ("when", "data", "more", "amounts"),
    [
        ("[clicks > 100, cr > 1%]", "{}", "", {"clicks": 50, "conversions": 0}),  # 1 of 101 is not above 1%
        ("[cr < 1%, clicks < 600]", "{}", "", {"clicks": 500, "conversions": 10}),
        ("[clicks > 100]", "{}", "unless: [payout > 30]", {"clicks": 50, "payout": 20}),
        ("[clicks > 100]", "{}", "unless: [payout > 3]", {"clicks": 50, "payout": 20}),
        ("[conversions = 0]", "{need: {clicks: 100, impressions: 50}}", "", {"clicks": 50, "impressions": 0}),
        ("[payout < 30]", "{need: {clicks: 100}}", "", {"clicks": 50, "payout": 20}),
        ("[payout > revenue]", "{}", "", {"payout": 5, "revenue": 9}),
        ("[advertiser.clicks > 100]", "{}", "", {"clicks": 50}),
        ("[clicks > 100 over 24h ago 1d]", "{}", "", {"clicks": 50}),
        ("[not clicks > 10]", "{}", "", {"clicks": 50}),
        ("{none: [clicks > 10]}", "{}", "", {"clicks": 50}),
        ("[profit > 10]", "{}", "", {"payout": 5, "revenue": 9}),
    ],
)
def test_what_would_not_be_a_yes_is_not_promised(rule, offers, now, when, data, more, amounts):
    facts = offers().add(1, **amounts)
    facts.coarse[("advertiser",)] = {"clicks": [(timedelta(hours=1), 60)]}
    assert told(rule(when, data=data, more=more), facts, now).trace.flip is None


def test_more_of_what_never_came_is_promised_without_a_rate(rule, offers, now):
    assert told(rule("[clicks >= 5]"), offers().add(1, clicks=0), now).trace.flip == "5 more clicks"


PIECES = (
    *(
        "clicks > 100",
        "clicks >= 250",
        "payout > 20",
        "payout >= 55.55",
        "cr > 2%",
        "cr >= 1.5%",
        "cr < 1%",
        "cr <= 0.8%",
    ),
    *("epc > 0.3", "epc < 0.05", "conversions > 3", "clicks < 900", "payout < 60", "not conversions > 9"),
    *("cr < 1% @95%", "cr > 1% @90%", "revenue > payout", "clicks > 100 or payout > 20", "rpc >= 0.5", "margin > 20%"),
)
MORE = re.compile(r"([\d,.]+) more ([a-z ]+?)( at this rate| on the same .*| without .*|)(, .*)?")


def _followed(words, amounts):
    """The amounts after what an explanation promises."""
    after = dict(amounts)
    for part in words.split("; and "):
        number, name, how, _ = MORE.fullmatch(part).groups()
        name = name if name in amounts else f"{name}s"
        grown = float(number.replace(",", ""))
        if how == " at this rate":
            share = 1 + grown / amounts[name]
            after = {each: max(amount * share, after[each]) for each, amount in amounts.items()}
        else:
            after[name] += grown
    return after


def test_whoever_follows_a_promise_gets_the_answer(rule, offers, now):
    random, followed = Random(7), 0
    found = [
        rule(
            f"{{{random.choice(['all', 'any'])}: {json.dumps(random.sample(PIECES, random.randint(1, 3)))}}}", data=data
        )
        for data in ("{}", "{need: {clicks: 120}}", "{need: {clicks: 120, conversions: 2}}")
        for _ in range(40)
    ]
    for one in found:
        for _ in range(6):
            amounts = {"clicks": random.choice([0, 40, 130, 700]), "conversions": random.choice([0, 1, 4, 12])}
            amounts |= {"payout": random.choice([0, 9.5, 48]), "revenue": random.choice([0, 30, 90.25])}
            among = offers().add(7, clicks=9, payout=1).add(1, **amounts).add(8, clicks=5000)
            words = told(one, among, now, row=1).trace.flip
            if words:
                followed += 1
                after = _followed(words, amounts)
                assert told(one, offers().add(1, **after), now).answer is Answer.YES, (one.text, amounts, words)
    assert followed > 100


def test_the_trace_has_value_threshold_sample_edges_and_age(rule, offers, now):
    facts = offers().add(1, clicks=2400, conversions=2)
    facts.read_at = now - timedelta(minutes=12)
    part = told(rule("[cr < 0.40% @95%]"), facts, now).trace.parts[0].parts[0]
    assert (part.threshold, part.sample) == (0.004, {"conversions": 2, "clicks": 2400})
    assert (part.start, part.end) == (now - timedelta(hours=24), now)
    assert part.age == timedelta(minutes=12)


def test_the_trace_shows_what_a_change_was_compared_with(rule, offers, now):
    facts = offers().add(1, clicks=[(1, 1000), (30, 10_000)], conversions=[(1, 2), (30, 120)])
    baseline = told(rule("[cr down 50% vs 7d]"), facts, now).trace.parts[0].parts[0].parts[-1]
    assert baseline.value == 0.012
    assert (baseline.start, baseline.end) == (now - timedelta(days=8), now - timedelta(days=1))


def test_every_answer_of_the_trace_is_the_one_that_was_decided(rule, offers, now):
    found = rule("{any: ['clicks > 5 and not (conversions > 2)', {none: [impressions > 1]}]}")
    facts = offers().add(1, clicks=9, conversions=None, impressions=5).add(2, clicks=1, conversions=1, impressions=0)
    evaluation = evaluate(found, facts, now)
    traces = [evaluation.explain(row).trace for row in range(2)]
    assert [trace.parts[0].answer for trace in traces] == [trace.answer for trace in traces]
    assert [trace.answer for trace in traces] == [Answer.NO_DECISION, Answer.YES]


def test_windows_are_shown_on_the_readers_own_clock(rule, offers, now):
    text = render(told(rule("[clicks > 5]"), offers().add(1, clicks=9), now), tz="Europe/Berlin")
    assert "window: 2026-03-03 13:00 CET to 2026-03-04 13:00 CET; data 0 s old" in text


WHOLE = """\
offer=42: no
  Conversion rate 0.00% (0 of 500 clicks) is not below 0.40% with 95% confidence.
  It would change with 174 more clicks at this rate, about 8 h 21 min.
  Held back: the hold of other-rule is still running
├─ all: no
│  │    would be yes with 174 more clicks at this rate, about 8 h 21 min
│  └─ cr < 0.40% @95%: no
│          conversion rate 0.00% (0 of 500 clicks) is not below 0.40% with 95% confidence
│          made from: conversions 0, clicks 500
│          window: 2026-03-03 12:00 UTC to 2026-03-04 12:00 UTC; data 0 s old
│          would be yes with 174 more clicks at this rate, about 8 h 21 min
└─ unless: no
   └─ advertiser.conversions = 0 over 1h: no
           the advertiser's conversions are not 0 but 3
           made from: advertiser.conversions 3
           window: 2026-03-04 11:00 UTC to 2026-03-04 12:00 UTC; data 0 s old"""


def test_the_whole_explanation(rule, offers, now):
    found = rule("[cr < 0.40% @95%]", more="unless: [advertiser.conversions = 0 over 1h]")
    facts = offers().add(42, clicks=500, conversions=0)
    facts.coarse[("advertiser",)] = {"conversions": [(timedelta(minutes=5), 3)]}
    text = render(told(found, facts, now), stopped_by=["the hold of other-rule is still running"])
    assert text == WHOLE


def test_the_reason_of_a_negation_beside_another_condition_names_what_held(rule, offers, now):
    found = rule("[not clicks > 100 and payout > 5]")
    verdict = evaluate(found, offers().add(1, clicks=5, payout=9), now).explain(0)
    assert verdict.reason == "clicks 5 are not above 100; payout 9.00 is above 5.00"


def test_more_clicks_are_promised_only_where_they_would_make_a_yes(rule, offers, now):
    found = rule("[cr down 50% vs 7d]", data="{need: {clicks: 500}}")
    without_baseline = offers(horizon=timedelta(hours=24)).add(1, clicks=300, conversions=1)
    assert evaluate(found, without_baseline, now).explain(0).trace.flip is None


def test_a_remark_is_no_missing_value(rule, offers, now):
    verdict = told(rule("[clicks > 5]"), offers().add(1, clicks=9), now)
    remarked = replace(verdict, trace=replace(verdict.trace, parts=(Trace(text="click times are unknown"),)))
    assert render(remarked).splitlines()[-1] == "└─ click times are unknown"
