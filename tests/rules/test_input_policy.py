"""Every way in reads moments and numbers alike: what one takes, all take; what one calls missing, none takes."""

from datetime import UTC, datetime
from decimal import Decimal

import click
import pytest
from marshmallow import ValidationError

from bridge.cli import cli
from bridge.cli.api_options import Number
from bridge.cli.session import MOMENT
from bridge.config import lookup_tables
from bridge.decisions.event_order import rank
from bridge.operations.backtest import Thresholds
from bridge.operations.errors import OperationError
from bridge.reports import report_rows
from bridge.sources import spreadsheet
from bridge.sources.expects import Expected, fit
from bridge.web.api.schemas_in import EventQuery
from bridge.web.console.explain_pages import _moment as asked_in_the_console
from rules.evaluation import columns
from rules.loading import test_facts
from rules.loading.load import load
from tests.sources.signed_requests import request, source

MEANT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
NEVER = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z"),
    *("2100-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-14:00", "0000-00-00T00:00:00Z"),
)
NO_NUMBER = ("Infinity", "-inf", "NaN", "1e400", "1e18", "0x10", "1_000", "٣")
NUMBERS = (("1e+06", "1000000"), ("1E6", "1000000"), ("1e-05", "0.00001"), (".5", "0.5"), ("150.", "150"))
POSTBACK = {"verify": "none", "format": "integr8-postback"}


def of_a_webhook(text):
    timed = source({"verify": "none", "event_time": "at"})
    return timed.read(request(f'{{"at": "{text}"}}'.encode(), "application/json")).event_time


def of_a_postback(text):
    return source(POSTBACK).read(request(b"", "", query=(("tx", "t1"), ("ct", text)))).event_time


def of_an_expected_field(text):
    body, faults = fit({"at": text}, (Expected("at", "time"),))
    return None if faults else datetime.fromisoformat(body["at"])


def of_a_report(text):
    seconds = int(report_rows._moments([text])[0])
    return None if seconds == report_rows.NOT_A_TIME else datetime.fromtimestamp(seconds, UTC)


def of_an_option(text):
    try:
        return MOMENT.convert(text, None, None)
    except click.BadParameter:
        return None


def of_the_api(text):
    try:
        return EventQuery().load({"since": text})["since"]
    except ValidationError:
        return None


def of_the_console(text):
    try:
        return asked_in_the_console(text, UTC)
    except ValueError:
        return None


def of_an_order(text):
    kind, value = rank(text, UTC)
    return value if kind == "time" else None


def of_a_rule_test(text):
    found = test_facts.moment({"now": text})
    return None if found == test_facts.NOW else found


MOMENTS = {
    "webhook": of_a_webhook,
    "postback": of_a_postback,
    "expects": of_an_expected_field,
    "report": of_a_report,
    "CSV": lambda text: spreadsheet.moment(text, UTC),
    "condition": columns.moment,
    "rule test": of_a_rule_test,
    "command line": of_an_option,
    "API": of_the_api,
    "console": of_the_console,
    "order_by": of_an_order,
}


@pytest.mark.parametrize("way", MOMENTS)
@pytest.mark.parametrize("text", ["2026-03-02T10:30:00Z", "2026-03-02T11:30:00+01:00"])
def test_every_way_in_reads_a_moment(way, text):
    assert MOMENTS[way](text) == MEANT


@pytest.mark.parametrize("way", MOMENTS)
@pytest.mark.parametrize("text", NEVER)
def test_no_way_in_takes_a_moment_that_nobody_means(way, text):
    assert MOMENTS[way](text) is None


def amount_of_a_postback(text):
    return source(POSTBACK).read(request(b"", "", query=(("tx", "t1"), ("payout", text)))).body.get("payout")


def amount_of_an_expected_field(text):
    body, faults = fit({"value": text}, (Expected("value", "decimal"),))
    return None if faults else body["value"]


def amount_of_a_report(text):
    micros = report_rows._micro(text)
    return None if micros is None else Decimal(micros) / 1_000_000


def amount_of_a_table(text):
    found = lookup_tables.cell(text)
    return found if isinstance(found, Decimal) else None


def amount_of_an_option(text):
    try:
        return Number().convert(text, None, None)
    except click.BadParameter:
        return None


def amount_of_a_sweep(text):
    try:
        return Thresholds.parse(f"cr=1..{text}").values[-1]
    except OperationError:
        return None


def amount_of_an_order(text):
    kind, value = rank(text, UTC)
    return value if kind == "number" else None


AMOUNTS = {
    "postback": amount_of_a_postback,
    "expects": amount_of_an_expected_field,
    "report": amount_of_a_report,
    "table": amount_of_a_table,
    "rule test": test_facts.amount,
    "command line": amount_of_an_option,
    "sweep": amount_of_a_sweep,
    "order_by": amount_of_an_order,
}


@pytest.mark.parametrize("way", AMOUNTS)
@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_every_way_in_reads_a_number(way, text, number):
    assert AMOUNTS[way](text) == Decimal(number)


@pytest.mark.parametrize("way", AMOUNTS)
@pytest.mark.parametrize("text", NO_NUMBER)
def test_no_way_in_takes_what_is_no_number(way, text):
    assert AMOUNTS[way](text) is None


def options(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from options(command, (*path, name))
        else:
            yield from ((" ".join((*path, name)), one) for one in command.params)


def is_row(option):
    return isinstance(option.type, click.IntRange)  # `api offers list --start 51`


LIBRARY = "rules new"  # its --from names a rule of the library
NAMES_OF_MOMENTS = {"--from", "--to", "--at", "--until", "--start", "--end"}


def names_a_moment(command, option):
    return bool(NAMES_OF_MOMENTS & set(option.opts)) and not is_row(option) and command != LIBRARY


@pytest.mark.parametrize(
    ("command", "option"),
    [(command, one) for command, one in options(cli) if names_a_moment(command, one)],
    ids=lambda value: value if isinstance(value, str) else value.opts[0],
)
def test_every_option_of_the_command_line_that_takes_a_moment_is_read_in_this_way(command, option):
    assert option.type is MOMENT


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{clicks: 9, now: '9999-12-31T00:00'}", "`now`: '9999-12-31T00:00' is not a time from 2000 to 2100"),
        ("{clicks: 9, now: tomorrow}", "`now`: 'tomorrow' is not a time"),
        ("{clicks: Infinity}", "'clicks' is 'Infinity', no number"),
        ("{clicks: many}", "'clicks' is 'many', no number"),
        ("{clicks: 9, data_age: old}", "`data_age` is 'old', no duration"),
    ],
)
def test_a_rule_test_says_which_of_its_values_cannot_be_used(environment, given, words):
    text = f"""schema: 1
id: a
title: A
trigger: {{every: 1h}}
scope: {{per: [offer]}}
when: [clicks > 5]
then: [{{pause: offer, hold: 1h}}]
tests:
  - {{given: {given}, expect: yes}}
"""
    assert words in "; ".join(str(one) for one in load(text, name="f", environment=environment).errors)
