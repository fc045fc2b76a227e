"""Finding out where a real account has its operations."""

from bridge.integr8 import OPERATIONS, Route
from bridge.integr8.catalogue import places
from bridge.integr8.route_probe import Verdict, probe


def test_an_account_like_ours_needs_no_override(client, integr8):
    report = probe(client)
    assert report.healthy
    assert report.overrides == {}
    assert report.paste("main") == ""
    assert len(integr8.seen) == 10


def test_only_reading_verbs_are_ever_sent(client, integr8, double):
    integr8.script = lambda _: double.says({}, 404)
    probe(client)
    assert {seen.verb for seen in integr8.seen} == {"GET"}


def test_what_is_found_elsewhere_becomes_an_override_of_the_whole_resource(make_client, integr8, double):
    moved = "/api/v2/offers/dhkwd4izck"

    def script(seen):
        ours = "/integrations/" in seen.path or seen.path.startswith("/api/v2/dhkwd4izck/")
        if ours or (seen.verb == "GET" and seen.path == moved):
            return double.says({}, 404) if ours else double.sample("offers_page.json")
        return None

    integr8.script = script
    report = probe(make_client())
    assert report.overrides["offers.list"] == "GET /api/v2/offers/{integrationID}"
    assert report.overrides["offers.update"] == "PATCH /api/v2/offers/{integrationID}/{offerID}"
    assert report.overrides["landing_pages.get"].startswith("GET /api/v2/offers/{integrationID}/{offerID}/landing")
    assert places(report.overrides)  # what is printed can be pasted
    client = make_client(routes=report.overrides)
    client.offers.delete("42")
    assert integr8.lines[-1] == f"DELETE {moved}/42"
    assert probe(client).healthy is True


def test_the_paste_is_a_piece_of_bridge_yaml(make_client, integr8, double):
    import yaml

    integr8.script = lambda seen: double.says({}, 404) if seen.path == "/api/v2/users" else None
    pasted = yaml.safe_load(probe(make_client()).paste("main"))
    assert pasted["accounts"]["main"]["routes"]["users.get"] == "GET /api/v2/organization/users/{userID}"


def test_a_key_without_permission_still_shows_the_place(client, integr8, double):
    integr8.script = lambda seen: double.says({}, 403) if seen.path == "/api/v2/users" else None
    (finding,) = [one for one in probe(client).findings if one.operation == "users.list"]
    assert finding.verdict is Verdict.NO_PERMISSION
    assert finding.status == 403


def test_a_refused_key_ends_it(client, integr8, double):
    integr8.script = lambda _: double.says({}, 401)
    report = probe(client)
    assert [one.verdict for one in report.findings] == [Verdict.KEY_REFUSED]
    assert len(integr8.seen) == 1


def test_something_else_at_a_place_is_not_the_operation(client, integr8, double):
    integr8.script = lambda seen: double.says({"data": {"id": "x"}}) if seen.path == "/api/v2/users" else None
    verdicts = [one.verdict for one in probe(client).findings if one.operation == "users.list"]
    assert verdicts == [Verdict.OTHER, Verdict.FOUND]


def test_without_an_offer_there_is_nothing_to_look_below(client, integr8, double):
    empty = double.says({"data": [], "meta": {"total_count": 0, "total_page": 0}})
    integr8.script = lambda seen: empty if seen.path.endswith("/offers") else None
    verdicts = {one.operation: one.verdict for one in probe(client).findings}
    assert verdicts["landing_pages.list"] is Verdict.NOT_ASKED


def test_every_candidate_is_a_place_of_the_catalogue():
    assert Route("GET", "/api/v2/organization/users") in OPERATIONS["users.list"].alternates
