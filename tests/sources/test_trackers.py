"""Postbacks of other trackers: the address that we print reads back, and their own names mean ours."""

from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.sources import problems, tracker_url
from bridge.sources.trackers import TRACKERS
from tests.sources.signed_requests import request, source

HALF_PAST = {"conversion_time": "2026-03-02T12:30:00+00:00"}
each = pytest.mark.parametrize("name", TRACKERS)


def read(name, query):
    config = {"verify": "none", "format": "postback", "dialect": name}
    return source(config).read(request(b"", "", method="GET", query=tuple(query.items())))


def filled(macros):
    values = {"conversion_time": "1772452800", "payout": "1.50", "revenue": "2.50", "purchase_value": "3"}
    return {ours: values.get(ours, "7") for ours in macros}


@each
def test_the_address_for_a_tracker_reads_back(name):
    url = tracker_url("https://bridge.example.com/hooks/x/token", TRACKERS[name])
    query = dict(parse_qsl(urlsplit(url).query))
    parsed = read(name, query | filled(TRACKERS[name].macros))
    assert (parsed.event_type, parsed.quarantine) == ("conversion", None)
    assert all(ours in parsed.body for ours in TRACKERS[name].macros)


@each
def test_an_address_whose_macros_nobody_filled_is_quarantined_and_has_no_literal_text(name):
    parsed = read(name, dict(parse_qsl(urlsplit(tracker_url("https://x/hooks/x", TRACKERS[name])).query)))
    assert f"no transaction id: add transaction_id={TRACKERS[name].macros['transaction_id']} to" in parsed.quarantine
    assert set(parsed.body) == {"type"}


@pytest.mark.parametrize(
    ("name", "query", "body"),
    [
        ("everflow", {"transaction_id": "t", "affiliate_id": "9", "sub1": "a"}, {"publisher": "9", "sub_id": "a"}),
        ("tune", {"transaction_id": "t", "aff_sub": "a", "sale_amount": "5"}, {"sub_id": "a", "purchase_value": 5}),
        ("trackier", {"click_id": "t", "txn_id": "x"}, {"transaction_id": "t", "external_transaction_id": "x"}),
        ("affise", {"clickid": "t", "sum": "5", "status": "1"}, {"payout": Decimal(5), "status": "approved"}),
        ("redtrack", {"clickid": "t", "sum": "5", "type": "Lead"}, {"payout": Decimal(5), "event_name": "Lead"}),
        ("voluum", {"cid": "t", "txid": "x"}, {"transaction_id": "t", "external_transaction_id": "x"}),
        ("binom", {"cnv_id": "t", "cnv_status": "rejected"}, {"transaction_id": "t", "status": "rejected"}),
        ("keitaro", {"subid": "t", "status": "sale", "tid": "2"}, {"transaction_id": "t", "status": "approved"}),
        ("appsflyer", {"clickid": "t", "event-name": "af_purchase"}, {"event_name": "af_purchase"}),
        ("adjust", {"label": "t", "revenue_float": "1.5"}, {"revenue": Decimal("1.5")}),
        ("singular", {"cl": "t", "EVTNAME": "sng_buy", "AMOUNT": "2"}, {"event_name": "sng_buy", "revenue": 2}),
    ],
)
def test_a_tracker_s_own_names_mean_ours(name, query, body):
    parsed = read(name, query)
    assert parsed.event_type == "conversion"
    assert {key: parsed.body[key] for key in body} == body
    assert parsed.faults == ()


def test_two_conversions_of_one_click_stay_two():
    one, other = (read("keitaro", {"subid": "t", "status": "sale", "tid": tid}) for tid in "12")
    assert one.dedupe_key != other.dedupe_key


def test_the_dialect_integr8_is_its_own_format():
    assert source({"verify": "none", "format": "postback", "dialect": "integr8"}).format == "integr8-postback"


@pytest.mark.parametrize(
    "more", [{"format": "postback"}, {"dialect": "affise"}, {"format": "postback", "dialect": "x"}]
)
def test_a_postback_without_a_dialect_or_the_reverse_is_a_fault_of_the_settings(more):
    assert [path for path, _ in problems("x", {"verify": "none", **more})] == ["sources.x.dialect"]


@pytest.mark.parametrize(
    ("name", "query", "body"),
    [
        # Beside the id of the click `transaction_id` is that of the sale, in whichever order they come.
        ("redtrack", {"clickid": "c", "transaction_id": "s"}, {"transaction_id": "c", "external_transaction_id": "s"}),
        ("redtrack", {"transaction_id": "s", "clickid": "c"}, {"transaction_id": "c", "external_transaction_id": "s"}),
        ("redtrack", {"transaction_id": "c"}, {"transaction_id": "c"}),
        ("redtrack", {"transaction_id": "c", "clickid": "{clickid}"}, {"transaction_id": "c"}),
        ("everflow", {"transaction_id": "c"}, {"transaction_id": "c"}),
        # Of two ids of a click the surest is meant, and the other one is kept under its own name.
        ("keitaro", {"external_id": "x", "subid": "k"}, {"transaction_id": "k", "external_id": "x"}),
        ("voluum", {"cid": "v", "externalid": "x"}, {"transaction_id": "x", "cid": "v"}),
        ("voluum", {"cid": "v", "externalid": ""}, {"transaction_id": "v"}),
        ("affise", {"clickid": "a", "click_id": "a"}, {"transaction_id": "a"}),
        # A date and a time that come apart are one moment.
        ("affise", {"clickid": "a", "date": "2026-03-02", "time": "12:30:00"}, HALF_PAST),
        ("tune", {"transaction_id": "t", "time": "12:30:00", "date": "2026-03-02"}, HALF_PAST),
        # A tracker's own words for what was rejected.
        ("adjust", {"label": "l", "activity_kind": "rejected_install"}, {"status": "rejected"}),
        ("adjust", {"label": "l", "activity_kind": "install"}, {"event_name": "install"}),
        ("appsflyer", {"clickid": "c", "blocked-reason": "bots"}, {"status": "rejected", "rejection_reason": "bots"}),
        ("everflow", {"transaction_id": "t", "conversion_status": "invalid"}, {"status": "rejected"}),
        ("voluum", {"externalid": "x", "offer.id": "o"}, {"offer": "o"}),
        ("voluum", {"externalid": "x", "transaction.id": "s"}, {"external_transaction_id": "s"}),
        ("adjust", {"label": "l", "created_at_milli": "1772454600000"}, HALF_PAST),
        ("adjust", {"label": "l", "activity_kind": "install", "rejection_reason": "too_many"}, {"status": "rejected"}),
        # Affise's {date} has the time of day, its {date_only} has not, and its {time} is no more than that.
        ("affise", {"clickid": "a", "date": "2026-03-02 12:30:00", "time": "12:30:00"}, HALF_PAST),
        ("affise", {"clickid": "a", "date_only": "2026-03-02", "time": "12:30:00"}, HALF_PAST),
        ("affise", {"clickid": "a", "date_only": "{date_only}", "date": "2026-03-02 12:30:00"}, HALF_PAST),
        (
            "affise",
            {"clickid": "a", "date": "2026-03-02 12:30:00", "date_only": "2026-03-02", "time": "12:30:00"},
            HALF_PAST,
        ),
        # The partner's own id of the click, where TUNE's is not asked for.
        ("tune", {"aff_click_id": "mine"}, {"transaction_id": "mine"}),
        ("tune", {"aff_click_id": "mine", "transaction_id": "t"}, {"transaction_id": "t", "aff_click_id": "mine"}),
        ("tune", {"aff_click_id": "mine", "transaction_id": "{transaction_id}"}, {"transaction_id": "mine"}),
        ("redtrack", {"ref_id": "mine"}, {"transaction_id": "mine"}),
        # Trackier's sub1 is the advertiser's, p1 the publisher's.
        ("trackier", {"click_id": "t", "sub2": "a", "p2": "p"}, {"adv_sub_id_2": "a", "sub_id_2": "p"}),
        ("trackier", {"click_id": "t", "payout_usd": "4"}, {"payout": Decimal(4), "currency": "USD"}),
        (
            "trackier",
            {"click_id": "t", "payout_usd": "4", "payout": "3.5", "currency": "eur"},
            {"payout": Decimal("3.5"), "currency": "EUR"},
        ),
        ("appsflyer", {"clickid": "c", "event-revenue-usd": "4"}, {"revenue": Decimal(4), "currency": "USD"}),
        ("appsflyer", {"clickid": "c", "blocked_reason": "bots"}, {"status": "rejected", "rejection_reason": "bots"}),
        (
            "appsflyer",
            {"clickid": "c", "install-unix-ts": "1772450000", "event-time": "2026-03-02 12:30:00"},
            HALF_PAST,
        ),
        ("keitaro", {"subid": "k", "status": "rebill", "tid": "2"}, {"status": "approved"}),
        ("keitaro", {"subid": "k", "date": "2026-03-02 12:30:00"}, {"click_time": HALF_PAST["conversion_time"]}),
    ],
)  # fmt: skip
def test_what_a_tracker_spells_in_its_own_way(name, query, body):
    parsed = read(name, query)
    assert {key: parsed.body.get(key) for key in body} == body
    assert [fault for fault in parsed.faults if "placeholder" not in fault.words] == []


# Addresses that the trackers print in their own pages (the page is named in `fact` of the row or beside it).
PUBLISHED = [
    ("singular", "cl_id={cl?NetworkName}&app_id={{app_id}}&amount={AMOUNT}&event={EVTNAME}&timestamp={UTCM}",
     {"cl_id": "c", "amount": "2.5", "event": "buy", "timestamp": "1772454600000"},
     {"transaction_id": "c", "revenue": Decimal("2.5"), "event_name": "buy", **HALF_PAST}),
    ("affise", "clickid={sub1}&action_id={transactionid}", {"clickid": "c", "action_id": "s"},
     {"transaction_id": "c", "external_transaction_id": "s"}),
    # support.appsflyer.com/hc/en-us/articles/4413892641681
    ("appsflyer", "clickid={clickid}&affiliate_id={af_siteid}&country={county_code}&AppName={app_name}",
     {"clickid": "c", "country": "DE"}, {"transaction_id": "c", "geo_country": "DE"}),
    # developers.everflow.io/api-reference/post-affiliatespixels
    ("everflow", "tid={transaction_id}&amount={revenue}", {"tid": "t", "amount": "9"},
     {"transaction_id": "t", "purchase_value": Decimal(9)}),
    # doc.voluum.com/en/tracking_conversions_postback.html
    ("voluum", "cid=REPLACE&payout=OPTIONAL&txid=OPTIONAL&currency=OPTIONAL&et=OPTIONAL",
     {"cid": "c", "payout": "3", "txid": "s", "currency": "eur", "et": "deposit"},
     {"transaction_id": "c", "external_transaction_id": "s", "currency": "EUR", "event_name": "deposit"}),
    # docs.binom.org/postback-url.php
    ("binom", "cnv_id={NETWORK_TOKEN}&payout={PAYOUT_TOKEN}&cnv_status={CONVERSION_STAUS}",
     {"cnv_id": "c", "payout": "3", "cnv_status": "reject"}, {"transaction_id": "c", "status": "rejected"}),
    # docs.keitaro.io/en/conversions/postback.html
    ("keitaro", "subid={subid}&status={status:lead=0 sale=1 rejected=2}&payout={revenue}&tid={tid}",
     {"subid": "c", "status": "lead", "payout": "3", "tid": "2"},
     {"transaction_id": "c", "status": "pending", "external_transaction_id": "2"}),
    # help.trackier.com/en/articles/8107277-key-parameters-for-setting-up-advertiser-postback
    ("trackier", "click_id={CLICK_ID}&txn_id={TXN}&sale_amount={AMOUNT}&goal_value={GOAL}&status={STATUS}",
     {"click_id": "c", "txn_id": "s", "sale_amount": "7", "goal_value": "sale", "status": "cancelled"},
     {"transaction_id": "c", "external_transaction_id": "s", "purchase_value": Decimal(7), "status": "rejected"}),
    # help.redtrack.io, partnership portal: settings for partners
    ("redtrack", "clickid={ref_id}&payout={payout}", {"clickid": "c", "payout": "3"}, {"transaction_id": "c"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "template", "values", "body"), PUBLISHED)
def test_an_address_that_the_tracker_itself_prints_is_understood(name, template, values, body):
    empty = read(name, dict(parse_qsl(template)))
    assert (set(empty.body), empty.quarantine is None) == ({"type"}, False)
    parsed = read(name, dict(parse_qsl(template)) | values)
    assert parsed.event_type == "conversion"
    assert {key: parsed.body.get(key) for key in body} == body
    assert [fault for fault in parsed.faults if "placeholder" not in fault.words] == []


@pytest.mark.parametrize(
    ("name", "parameter"), [("voluum", "et"), ("adjust", "event_name"), ("singular", "event"), ("binom", "cnv_status2")]
)
def test_a_macro_in_another_tracker_s_spelling_is_no_value_either(name, parameter):
    click = TRACKERS[name].click[0]
    for macro in ("#{event.name}", "!!!clickRef!!!", "##CLICK_ID##", "[[subid]]", "%%x%%", "${name!}", "(event-name)"):
        parsed = read(name, {click: "c", parameter: macro})
        assert "event_name" not in parsed.body
        assert [fault.words.endswith("nobody filled; treated as missing") for fault in parsed.faults] == [True]


@pytest.mark.parametrize(
    ("kind", "event_type"),
    [
        ("install", "conversion"),
        ("event", "conversion"),
        ("click", "click"),
        ("session", "event"),
        ("uninstall", "event"),
    ],
)
def test_an_address_for_all_of_adjust_s_activities_counts_only_conversions_as_such(kind, event_type):
    query = {"type": "conversion", "transaction_id": "t", "activity_kind": kind, "environment": "production"}
    assert read("adjust", query).event_type == event_type


@pytest.mark.parametrize("blocked", ["", "(blocked-reason)"])
def test_a_reason_that_nobody_filled_rejects_nothing(blocked):
    assert "status" not in read("appsflyer", {"clickid": "c", "blocked-reason": blocked}).body


def test_a_sandbox_is_a_test_and_its_revenue_none_of_a_rule_s():
    assert read("adjust", {"label": "l", "environment": "sandbox", "revenue_float": "5"}).event_type == "test"
    assert read("adjust", {"label": "l", "environment": "production"}).event_type == "conversion"


@pytest.mark.parametrize(("name", "parameter"), [("everflow", "event_id"), ("tune", "goal_id")])
def test_the_event_of_the_conversion_itself_is_no_fault(name, parameter):
    parsed = read(name, {"transaction_id": "t", parameter: "0"})
    assert (parsed.faults, "event_id" in parsed.body) == ((), False)


@pytest.mark.parametrize("name", ["voluum", "keitaro", "binom"])
def test_the_words_of_a_template_that_nobody_changed_are_no_values(name):
    click = TRACKERS[name].click[0]
    parsed = read(name, {click: "REPLACE", "payout": "OPTIONAL", "txid": "OPTIONAL", "tid": "REPLACE"})
    assert (set(parsed.body), parsed.quarantine is None) == ({"type"}, False)


def test_json_without_anything_in_it_is_no_placeholder():
    assert read("singular", {"cl": "s", "evtattr": "{}", "list": "[]"}).faults == ()
