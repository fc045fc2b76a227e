"""Every list of the console as a file: whole, exact, and nothing in it is run by a spreadsheet."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from console_users import new_app
from rule_texts import pause_rule
from sqlalchemy import insert, update

from bridge.store.audit_log import Audit
from bridge.store.entities import Entity, EntityChange
from bridge.store.holds import Hold, Mute
from bridge.store.journal import Event
from bridge.store.runs import Run
from bridge.web.console import lists

LONG_ID = "238512345678901234"
FORMULAS = (
    '=HYPERLINK("http://evil.example")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+a",
    "\uff20SUM(A1)",
)
NUMBERS = ("-5.00", "+7", "-0.30000000000000004", "123456789012.123456", LONG_ID)
RULE = pause_rule(mode="approve")
PAGES = ("/activity", "/changes", "/holds", "/mutes", "/audit", "/events", "/items", "/approvals")


def cells(answer):
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.get_data(as_text=True), newline="")))


def pages_that_are_files(network, browser):
    """The pages of the console without parameters in their address that answer with CSV where it is asked for."""
    rules = new_app(network.services).url_map.iter_rules()
    addresses = {one.rule for one in rules if one.endpoint.startswith("console.") and not one.arguments}
    gets = {one.rule for one in new_app(network.services).url_map.iter_rules() if "GET" in one.methods}
    asking = browser()
    return {one for one in addresses & gets if asking.get(f"{one}?csv=1").mimetype == "text/csv"}


def test_no_list_that_is_a_file_is_missing_here(network, browser):
    assert pages_that_are_files(network, browser) == set(PAGES)


@pytest.fixture
def full(network):
    """Ten of everything, each with a text that a spreadsheet would run, and some with a number."""
    network.now = now = datetime.now(UTC)
    for number in range(3):
        network.world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    network.work()
    texts = [*FORMULAS, *NUMBERS]
    with network.services.store.write() as session:
        session.execute(update(Entity).where(Entity.kind == "offer").values(name=FORMULAS[0]))
        for place, text in enumerate(texts):
            session.add(
                Entity(
                    account="main", integration="default", kind="offer", ref=f"{LONG_ID}{place}", number=None,
                    name=text, first_seen=now, last_seen=now, changed_at=now,
                )
            )  # fmt: skip
            session.add(
                Hold(
                    rule_id=text, account="main", integration="default", kind="offer", target_id=f"{LONG_ID}{place}",
                    subject=text, since=now,
                )
            )  # fmt: skip
            session.add(
                Mute(
                    rule_id=text, account="main", kind="offer", target_id=f"{LONG_ID}{place}", why=text,
                    until=now + timedelta(days=1),
                )
            )  # fmt: skip
            session.add(
                EntityChange(
                    account="main", integration="default", kind="offer", ref=f"{LONG_ID}{place}", field=text,
                    before=text, after=text, after_at=now, seen_at=now, cause="person",
                )
            )  # fmt: skip
            session.add(Audit(at=now, who=text, what=text, about=text, detail={"why": text}))
            session.add(
                Run(
                    rule_id=text, revision="r", mode="live", cause="hand", cause_key=f"hand:{place}", due_at=now,
                    started_at=now, outcome="error", error=text, by=text,
                )
            )  # fmt: skip
    for place, text in enumerate(texts):
        network.crm({"type": text, "id": str(place), "email": text})
    return network


@pytest.mark.parametrize("page", PAGES)
def test_nothing_in_a_file_is_run_and_numbers_stay_numbers(browser, full, page):
    table = cells(browser().get(f"{page}?csv=1&all=1"))
    found = {cell for line in table for cell in line}
    assert not found & set(FORMULAS)
    assert f"'{FORMULAS[0]}" in found
    if page != "/approvals":
        assert found >= set(NUMBERS)
    if page in {"/holds", "/mutes", "/items"}:
        assert f"{LONG_ID}3" in found


@pytest.fixture
def many(network):
    """More of everything than a file holds at once, and not a multiple of it."""
    network.now = now = datetime.now(UTC)
    count = 2 * lists.ROWS_AT_ONCE + 3
    held = {"account": "main", "integration": "default", "kind": "offer"}
    with network.services.store.write() as session:
        for model, row in {
            Hold: lambda one: held | {"rule_id": "a", "target_id": str(one), "subject": f"offer={one}", "since": now},
            Mute: lambda one: {
                "account": ("main", "other")[one % 2], "kind": "offer", "rule_id": "a", "target_id": str(one // 2),
                "why": "", "until": now + timedelta(days=1),
            },
            EntityChange: lambda one: (
                held
                | {"ref": f"r{one}", "field": "active", "before": True, "after": False, "cause": "person"}
                | dict.fromkeys(("after_at", "seen_at"), now)
            ),
            Audit: lambda one: {"at": now, "who": str(one), "what": "looked", "about": ""},
            Entity: lambda one: (
                held
                | {"ref": f"r{one}", "number": str(one), "name": ""}
                | dict.fromkeys(("first_seen", "last_seen", "changed_at"), now)
            ),
            Run: lambda one: {
                "rule_id": "a", "revision": "r", "mode": "live", "cause": "hand", "cause_key": f"hand:{one}",
                "due_at": now, "started_at": now, "outcome": "error",
            },
            Event: lambda one: {
                "id": f"01{one:024d}", "source": "crm", "dedupe_key": str(one), "method": "POST", "body": b"{}",
                "received_at": now, "state": "done",
            },
        }.items():  # fmt: skip
            session.execute(insert(model), [row(one) for one in range(count)])
    return count


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/approvals"])
def test_a_file_holds_the_whole_list_each_row_once_and_in_order(browser, many, page):
    table = cells(browser().get(f"{page}?csv=1&all=1"))[1:]
    of_test = [line for line in table if page != "/audit" or "looked" in line]
    assert len(of_test) == many
    assert len(set(map(tuple, of_test))) == many
    match page:
        case "/items":
            assert [line[1] for line in of_test] == [str(one) for one in range(many)]
        case "/mutes":
            assert [line[1] for line in of_test] == sorted(str(one // 2) for one in range(many))
        case "/audit":
            assert [line[1] for line in of_test] == [str(one) for one in reversed(range(many))]
        case _:
            assert [line[0] for line in of_test] == sorted((line[0] for line in of_test), key=int, reverse=True)


@pytest.mark.parametrize("page", ["/activity", "/audit", "/holds", "/items"])
def test_no_more_than_a_part_is_read_before_the_first_line_leaves(browser, network, many, monkeypatch, page):
    read = []
    monkeypatch.setattr(lists, "safe_cell", lambda value: read.append(value) or value)
    answer = browser().http.get(f"{page}?csv=1&all=1", buffered=False)
    heading = next(iter(answer.response)).decode().splitlines()[0].split(",")
    assert len(read) <= 2 * lists.ROWS_AT_ONCE * len(heading)
    answer.close()
    with network.services.store.write() as session:  # nothing of the database is kept busy
        session.execute(update(Audit).values(about="seen"))


def test_what_goes_wrong_at_the_beginning_is_a_page_and_no_broken_file(browser, network):
    assert browser().get("/activity?csv=1&outcome=nonsense").status_code == 422
