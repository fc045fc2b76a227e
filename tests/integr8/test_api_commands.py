"""`integr8-bridge api`: what a person types and what a program reads."""

import csv
import io
import json
import shlex
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bridge.cli.api import api
from bridge.integr8 import OPERATIONS

OFFER = "/api/v2/integrations/dhkwd4izck/offers"


@pytest.fixture
def shell(client, tmp_path, sqlite_store):
    """Runs `api ...` and returns the result; the account's client talks to the double."""
    services = SimpleNamespace(store=sqlite_store)
    session = SimpleNamespace(client=lambda *_: client, services=services, migrated=lambda: None)

    def run(*arguments, code=0, stdin=None):
        result = CliRunner().invoke(api, [str(one) for one in arguments], obj=session, input=stdin)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


# --- shape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_every_operation_has_a_command_with_a_help_text(shell, operation):
    result = shell(*(part.replace("_", "-") for part in operation.name.split(".")), "--help")
    assert operation.title.split()[0] in result.stdout


def _file_here(integr8, double):
    """The file of an export lies on the same server."""

    def script(seen):
        if seen.path.endswith("/artifact-url"):
            return double.says({"url": f"{integr8.url}/file.csv"})
        return double.Answer(body=b"a,b\n1,2\n") if seen.path == "/file.csv" else None

    return script


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_the_examples_of_its_help_text_run(shell, operation, monkeypatch, tmp_path, integr8, double):
    monkeypatch.chdir(tmp_path)
    integr8.script = _file_here(integr8, double)
    command = [part.replace("_", "-") for part in operation.name.split(".")]
    shown = [line.strip() for line in shell(*command, "--help").stdout.splitlines()]
    examples = [line for line in shown if line.startswith("integr8-bridge api ")]
    assert examples
    for line in examples:
        shell(*shlex.split(line.partition(" > ")[0])[2:], stdin="y\n")


def test_postback_logs_take_no_columns_and_filters_that_integr8_has_not(shell):
    shown = shell("downloads", "postback-logs", "--help").stdout
    assert "--extra-parameters" not in shown
    assert "--offer-id" not in shown


def test_operations_are_listed_for_programs(shell):
    rows = json.loads(shell("operations", "--json").stdout)
    assert {row["operation"] for row in rows} == set(OPERATIONS)


def test_the_document_is_printed(shell):
    assert json.loads(shell("openapi").stdout)["openapi"].startswith("3.1")


# --- reading ---------------------------------------------------------------------------------------


def test_a_listing_is_a_table_for_people(shell, integr8):
    result = shell("offers", "list", "--filter", "active=true", "--filter", "a.b[gte]=3", "--sort", "-name")
    assert "Summer" in result.stdout
    assert integr8.seen[0].query["filter[active]"] == ["true"]
    assert integr8.seen[0].query["filter[a.b][gte]"] == ["3"]
    assert integr8.seen[0].query["sort"] == ["-name"]


def test_a_listing_is_json_for_programs(shell):
    assert json.loads(shell("offers", "list", "--json").stdout)[0]["id"] == "wvv9f89xio"


def test_a_table_leaves_out_what_is_empty_or_does_not_fit(shell, integr8, double):
    row = {"id": "1", "address": "", "nested": {"a": 1}, "name": "Ann", "long": "x" * 200}
    integr8.will(double.says({"data": [row], "meta": {"total_page": 1}}))
    assert shell("publishers", "list").stdout.splitlines()[0].split() == ["id", "name"]


def test_a_limit_makes_the_page_no_larger_than_needed(shell, integr8):
    shell("reports", "clicks", "--since", "24h", "--limit", 7)
    assert integr8.seen[0].query["page[size]"] == ["7"]


def test_an_empty_listing_is_still_json(shell, integr8, double):
    integr8.will(double.says({"data": [], "meta": {"total_count": 0, "total_page": 0}}))
    assert json.loads(shell("offers", "list", "--json").stdout) == []


def test_no_more_pages_are_asked_for_than_the_limit_needs(shell, integr8, double):
    integr8.script = lambda _: double.says({"data": [{"id": "1"}, {"id": "2"}], "meta": {"total_page": 9}})
    shell("publishers", "list", "--limit", 2, "--json")
    assert len(integr8.seen) == 1


def test_one_object_is_shown(shell):
    assert json.loads(shell("offers", "get", "42", "--json").stdout)["default_payout"]["payout"] == 1.1


def test_what_hangs_below_an_offer_takes_the_offer_first(shell, integr8):
    shell("landing-pages", "get", "42", "l1")
    assert integr8.lines == [f"GET {OFFER}/42/landing-pages/l1"]


# --- writing ---------------------------------------------------------------------------------------


def test_many_are_switched(shell, integr8):
    result = shell("offers", "set-status", "42", "43", "--inactive", "--json")
    assert json.loads(result.stdout) == {"active": False, "ids": ["42", "43"]}
    assert integr8.seen[0].json == {"active": False, "data": ["42", "43"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ("offers", "set-status", "42", "--inactive"),
        ("offers", "bulk-delete", "42"),
        ("offers", "update", "42", "--name", "Autumn"),
        ("offers", "delete", "42"),
        ("offers", "create", "--name", "Summer", "--advertiser-id", "7"),
        ("users", "create", "--email", "a@b.example", "--role", "admin"),
    ],
)
def test_a_dry_run_sends_nothing_and_shows_what_it_would(shell, integr8, arguments):
    result = shell(*arguments, "--dry-run")
    assert integr8.seen == []
    assert "/api/v2/" in result.stdout
    assert "nothing was sent" in result.stderr


def test_an_object_is_created_from_options(shell, integr8):
    shell("publishers", "create", "--name", "Ann", "--countries", "DE", "--countries", "FR", "--no-active")
    assert integr8.seen[0].json == {"name": "Ann", "countries": ["DE", "FR"], "active": False}


def test_a_password_is_asked_for_and_never_shown(shell, integr8):
    result = shell("users", "create", "--email", "a@b.example", "--role", "admin", stdin="hunter2hunter2\n" * 2)
    assert integr8.seen[0].json["password"] == "hunter2hunter2"
    assert "hunter2" not in result.output


def test_a_password_may_come_from_a_pipe(shell, integr8):
    arguments = ("users", "create", "--email", "a@b.example", "--role", "admin", "--password-file", "-")
    shell(*arguments, stdin="hunter2hunter2\n")
    assert integr8.seen[0].json["password"] == "hunter2hunter2"


def test_what_is_wrong_is_wrong_usage(shell, integr8):
    result = shell("offers", "create", "--name", "Summer", code=2)
    assert "advertiser_id" in result.stderr
    assert integr8.seen == []


def test_a_refusal_by_integr8_is_a_failure_in_one_line(shell, integr8, double):
    integr8.will(double.says({"error": "no Write"}, 403))
    result = shell("offers", "set-status", "42", "--active", code=1)
    assert "the API key lacks the permission: no Write" in result.stderr
    assert "Traceback" not in result.output


def test_a_delete_asks_first(shell, integr8):
    shell("offers", "delete", "42", stdin="n\n", code=1)
    assert integr8.seen == []
    shell("offers", "delete", "42", "--yes")
    assert integr8.lines == [f"DELETE {OFFER}/42"]


def test_any_call_can_be_made_as_it_is(shell, integr8):
    result = shell("call", "offers.get", "--path", "offerID=42")
    assert json.loads(result.stdout)["name"] == "Summer"


def test_rejecting_is_off_until_configured(shell):
    assert "rejection_url" in shell("reject", "01HV", "--reason", "x", "--yes", code=2).stderr


# --- creating from a file --------------------------------------------------------------------------

NEW = "name,email,active,promotional_method,phone\nAnn,ann@b.example,true,Email;SMS,\nBob,bob@b.example,,,+49\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text(NEW)
    return path


def _results(path):
    with path.open(newline="") as file:
        return [(row["line"], row["status"], row["id"]) for row in csv.DictReader(file)]


def test_a_file_is_created_row_by_row_and_written_down(shell, integr8, file):
    result = shell("publishers", "create", "--from-file", file)
    posted = [seen.json for seen in integr8.seen if seen.verb == "POST"]
    assert posted == [
        {"name": "Ann", "email": "ann@b.example", "active": True, "promotional_method": ["Email", "SMS"]},
        {"name": "Bob", "email": "bob@b.example", "phone": "+49"},
    ]
    assert _results(file.with_name("new.csv.result.csv")) == [
        ("2", "started", ""), ("2", "created", "wvv9f89xio"), ("3", "started", ""), ("3", "created", "wvv9f89xio"),
    ]  # fmt: skip
    assert "2 created" in result.stdout


def test_a_file_with_a_mistake_sends_nothing_and_names_them_all(shell, integr8, file):
    file.write_text("name,emial,active\nAnn,a,yes\n,b,true\nCid,c\n")
    result = shell("publishers", "create", "--from-file", file, code=1)
    assert integr8.seen == []
    for words in (
        "unknown column 'emial'",
        ":2: active: must be true or false",
        ":3: name",
        ":4: 2 cells under 3 columns",
    ):
        assert words in result.stderr


def test_running_it_again_creates_nothing_twice(shell, integr8, file):
    shell("publishers", "create", "--from-file", file)
    count = len(integr8.seen)
    shell("publishers", "create", "--from-file", file)
    assert len(integr8.seen) == count


def test_it_goes_on_where_it_broke_off(shell, integr8, double, file):
    integr8.will(double.sample("created.json", 201), double.sample("offer.json"), double.says({}, 401))
    assert "run the same command again" in shell("publishers", "create", "--from-file", file, code=1).stderr
    shell("publishers", "create", "--from-file", file)
    assert [seen.json["name"] for seen in integr8.seen if seen.verb == "POST"] == ["Ann", "Bob", "Bob"]


def test_a_refused_row_does_not_stop_the_others(shell, integr8, double, file):
    integr8.will(double.says({"error": "taken"}, 400))
    result = shell("publishers", "create", "--from-file", file, code=1)
    assert "1 failed, 1 created" in result.stdout


def test_a_row_in_doubt_is_looked_for_before_it_is_created(shell, integr8, double, file):
    there = []

    def script(seen):
        if seen.verb == "POST" and seen.json["name"] == "Ann":
            there.append({"id": "p1", "email": "ann@b.example"})
            return double.Answer(drop=True)
        if seen.verb == "GET" and seen.path == "/api/v2/publishers":
            return double.says({"data": there, "meta": {"total_count": len(there), "total_page": 1}})
        return None

    integr8.script = script
    shell("publishers", "create", "--from-file", file)
    assert [seen.json["name"] for seen in integr8.seen if seen.verb == "POST"] == ["Ann", "Bob"]
    assert ("2", "created", "p1") in _results(file.with_name("new.csv.result.csv"))


def test_a_process_that_died_between_sending_and_noting_doubles_nothing(shell, integr8, double, file):
    shell("publishers", "create", "--from-file", file)
    result = file.with_name("new.csv.result.csv")
    result.write_text(
        "".join(line for line in result.read_text().splitlines(True) if "3," not in line or "started" in line)
    )
    there = [{"id": "p2", "email": "BOB@b.example"}]
    integr8.script = lambda seen: (
        double.says({"data": there, "meta": {"total_page": 1}}) if seen.path == "/api/v2/publishers" else None
    )
    shell("publishers", "create", "--from-file", file)
    assert [seen.json["name"] for seen in integr8.seen if seen.verb == "POST"] == ["Ann", "Bob"]
    assert _results(result)[-1] == ("3", "exists", "p2")


def test_a_file_that_was_changed_under_way_is_refused(shell, file):
    shell("publishers", "create", "--from-file", file)
    file.write_text(NEW.replace("Ann", "Anna"))
    assert "line 2 has changed" in shell("publishers", "create", "--from-file", file, code=1).stderr


def test_passwords_of_a_file_stay_out_of_the_result(shell, tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("email,role,password\na@b.example,admin,hunter2hunter2\n")
    shell("users", "create", "--from-file", path)
    assert "hunter2" not in path.with_name("users.csv.result.csv").read_text()


def test_a_dry_run_of_a_file_reads_it_all(shell, integr8, file):
    assert "2 valid rows, 2 to create" in shell("publishers", "create", "--from-file", file, "--dry-run").stderr
    assert integr8.seen == []
    assert not file.with_name("new.csv.result.csv").exists()


# --- reports and exports ---------------------------------------------------------------------------


def test_a_report_is_csv(shell, integr8):
    result = shell("reports", "conversions", "--since", "24h", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["payout"] for row in rows] == ["1.10", "2.20"]
    assert integr8.seen[0].query["timezone"] == ["UTC"]


def test_numbers_are_exact_and_formulas_are_text_in_a_report(shell, integr8, double):
    """Each number as Integr8 wrote it: ids of 17 and 18 digits, amounts that no float holds, a sum of floats."""
    numbers = ["23851234567890123", "238512345678901234", "-5.00", "123456789012.123456", "0.30000000000000004", "0.10"]
    formulas = ["=1+1", "+1+a", "-2+3", "@SUM(A1)", "\\t=1", "\\r=1", "\uff1d1", "\uff0b1+a", "\uff0d1+a", "\uff20A1"]
    row = [f'"n{place}": {text}' for place, text in enumerate(numbers)]
    row += [f'"t{place}": "{text}"' for place, text in enumerate([*formulas, "-5.00", "+7", "23851234567890123"])]
    info = '{"startCursor": "A", "endCursor": "A", "hasNextPage": false, "hasPreviousPage": false}'
    body = f'{{"data": {{"data": [{{"real_tx_id": "A", {", ".join(row)}}}], "pageInfo": {info}}}}}'
    integr8.will(double.Answer(body=body.encode()))
    result = shell("reports", "conversions", "--since", "24h", "--csv")
    [found] = csv.DictReader(io.StringIO(result.stdout, newline=""))
    assert [found[f"n{place}"] for place in range(len(numbers))] == numbers
    assert [found[f"t{place}"] for place in range(len(formulas))] == [
        "'" + text.replace("\\t", "\t").replace("\\r", "\r") for text in formulas
    ]
    assert [found[f"t{place}"] for place in range(len(formulas), len(formulas) + 3)] == [
        "-5.00",
        "+7",
        "23851234567890123",
    ]


def test_a_report_needs_one_beginning(shell, integr8):
    shell("reports", "conversions", code=2)
    shell("reports", "conversions", "--since", "24h", "--start", "2026-03-01", code=2)
    shell("reports", "conversions", "--since", "yesterday", code=2)
    assert integr8.seen == []


def test_a_report_cannot_be_sorted(shell, integr8):
    shell("reports", "conversions", "--since", "24h", "--sort", "payout", code=2)
    assert integr8.seen == []


def test_a_report_that_breaks_off_says_where_to_go_on(shell, integr8, double):
    info = {"startCursor": "B", "endCursor": "A", "hasNextPage": True, "hasPreviousPage": False}
    integr8.will(double.says({"data": {"data": [{"real_tx_id": "B"}, {"real_tx_id": "A"}], "pageInfo": info}}))
    integr8.script = lambda _: double.says({}, 403)
    result = shell("reports", "clicks", "--since", "24h", "--csv", code=1)
    assert "go on with --after A" in result.stderr


def test_an_export_is_counted_and_the_budget_shown(shell):
    result = shell("downloads", "clicks", "--since", "7d", "--fields", "payout")
    assert "9 of 10 left in 24 hours" in result.stderr
    assert json.loads(shell("budget", "--json").stdout)[0]["exports_left"] == 9


def test_an_eleventh_export_is_refused_here(shell, integr8):
    for _ in range(10):
        shell("downloads", "clicks", "--since", "7d", "--fields", "payout")
    result = shell("downloads", "clicks", "--since", "7d", "--fields", "payout", code=1)
    assert "the next is free at" in result.stderr
    assert len(integr8.seen) == 10


def test_an_export_is_fetched_and_deleted(shell, integr8, double, tmp_path):
    def script(seen):
        if seen.path.endswith("/artifact-url"):
            return double.says({"url": f"{integr8.url}/files/exp1.csv"})
        return double.Answer(200, b"payout\n1.10\n") if seen.path.startswith("/files/") else None

    integr8.script = script
    target = tmp_path / "week.csv"
    shell("downloads", "clicks", "--since", "7d", "--fields", "payout", "--output", target, "--delete")
    assert target.read_text() == "payout\n1.10\n"
    assert integr8.lines[-1] == "DELETE /api/v2/download-center/exports/exp1"


def test_a_signed_address_is_printed(shell):
    assert shell("exports", "url", "exp1.csv").stdout.startswith("http://")
