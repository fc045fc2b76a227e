"""`doctor`: check everything that the service needs, from settings to the permissions of the API key.

Nothing is changed, and Integr8 is asked with reading operations only. Whether the key may write cannot be asked
that way; what Integr8 refused lately is in the ledger.
"""

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from bridge.config import rules_directory, time_zones
from bridge.config.errors import SettingsError
from bridge.integr8 import Client
from bridge.integr8.catalogue import OPERATIONS
from bridge.integr8.errors import ApiError, BudgetError, BudgetUnavailable, Forbidden, Unauthorized, Unreachable
from bridge.integr8.route_probe import probe
from bridge.operations import answer_sizes
from bridge.operations.stale_names import configured_names, stale_names
from bridge.reports.chunk_cache import place_of
from bridge.services.container import Services
from bridge.store import feeds, free_space, journal, observations, partitions
from bridge.store import revisions as stored_revisions
from bridge.store.clock import asked, own
from bridge.store.engine import needs_no_prepared_statements
from bridge.store.feeds import Kind
from bridge.store.journal import EventState
from bridge.store.ledger import Call, Effect, EffectState
from bridge.store.observations_away import ObservationsAway
from rules.model.formatting import counted

Check = dict[str, str]

OLD_REPORTS = timedelta(hours=1)  # reports come every few minutes
LATELY = timedelta(days=7)
NOTICEABLE = timedelta(seconds=10)  # the Date header has whole seconds, and an answer takes some
TOLERATED = timedelta(minutes=5)  # beyond it signed webhooks of senders with a right clock are refused
READ_OPERATIONS = ("offers.list", "publishers.list", "advertisers.list", "users.list", "reports.clicks")
OPTIONAL = frozenset({"users.list"})  # only provisioning of logins needs it
FORBIDDEN = 403
MUCH_WRITTEN = 500_000_000  # bytes in 24 hours: a disk of 100 GB is full in half a year
NTP = "let NTP set the clocks (`timedatectl set-ntp true`)"
REDIS = "start Redis; the rate budget that all processes share is there"
BUSY = "wait; Integr8 asked for a pause, or other work uses the budget up"


def check(name: str, status: str, detail: str, remedy: str = "") -> Check:
    found = {"name": name, "status": status, "detail": detail}
    return found | {"remedy": remedy} if remedy else found


def examine(
    services: Services,
    now: datetime,
    *,
    health: Callable[[Services, datetime], list[Check]],
    files: Callable[[Services, Session], Check] | None = None,
) -> list[Check]:
    """Check everything on this side: settings, files, database, Redis, workers, rules, data, quarantined events.

    `health` are the checks of /readyz; they belong to the web and come from there. `files` compares the rule files with
    the live ones; a frequent caller passes a cached function.
    """
    found = [_settings(services), _sources(services), _channels(services), _secret_key(services)]
    found += [_home(services), _room(services), _time_zones(now)]
    well = health(services, now)
    found += well
    if any(one["name"] == "database" and one["status"] == "fail" for one in well):
        return found  # whatever else there is to know stands in it
    with services.store.read() as session:
        found += [
            (files or rule_files)(services, session),
            _quarantined(session),
            _failed(session, now),
            _written(session, now),
            *_feeds(session, now),
            *_places(services, session),
            *_stale(services, session),
        ]
        found += _refused(session, now)
    return found + _months(services, now) + _machine_clock(services) + _pooler(services)


def _months(services: Services, now: datetime) -> list[Check]:
    """Check the partitions by month on PostgreSQL. A row without a month of its own is not lost, only kept longer."""
    engine = services.store.engine
    if engine.dialect.name != "postgresql":
        return []
    with engine.connect() as connection:
        found = partitions.states(connection)
    beyond = ", ".join(one.table for one in found if one.beyond)
    missing = ", ".join(one.table for one in found if partitions.month_of(now) not in one.months)
    if not found or beyond:
        words = f"of {beyond} rows lie beyond the prepared months" if beyond else "there are none"
        return [check("months", "warn", words, "nothing is lost; these rows are deleted one by one, which is slower")]
    if missing:
        words = f"of {missing} this month has none; rows lie with an earlier month and are kept for longer"
        return [check("months", "warn", words, "see that `worker` runs: its retention makes them each hour")]
    sizes = ", ".join(f"{one.table} {answer_sizes.megabytes(one.bytes)}" for one in found)
    first, last = min(min(one.months) for one in found), max(max(one.months) for one in found)
    return [check("months", "ok", f"partitions from {first:%Y-%m} to {last:%Y-%m}: {sizes}")]


def _pooler(services: Services) -> list[Check]:
    """Check for transaction pooling, under which one call in twenty meets a server without the prepared statements."""
    if services.store.engine.dialect.name != "postgresql":
        return []
    with services.store.engine.connect() as connection:
        if not needs_no_prepared_statements(connection):
            return []
    words = "a pooler such as PgBouncer stands before the database, and statements are prepared"
    return [check("pooler", "warn", words, "add ?prepare_threshold=none to DATABASE_URL")]


def permissions(services: Services, account: str, now: datetime) -> list[Check]:
    """Check what the API key of an account may read, one small page for each section."""
    try:
        client = services.client(account, _integration(services, account))
    except SettingsError as error:
        return [check(account, "fail", "; ".join(error.problems))]
    found = []
    for name in READ_OPERATIONS:
        one = _may_read(client, account, name, now)
        found.append(one)
        if one["status"] == "fail" and "Read on" not in one.get("remedy", ""):
            break  # the next question would get the same answer
    return [*found, *_clock(client, account)]


def reachable(services: Services, account: str, now: datetime) -> list[Check]:
    """Make one small read: whether the key is accepted, and the time of Integr8's clock."""
    try:
        client = services.client(account, _integration(services, account))
    except SettingsError as error:
        return [check(account, "fail", "; ".join(error.problems))]
    return [_may_read(client, account, READ_OPERATIONS[0], now), *_clock(client, account)]


def _machine_clock(services: Services) -> list[Check]:
    """Compare the machine's clock with the database's, which the service uses.

    Beat's messages expire by the machine's.
    """
    engine = services.store.engine
    if engine.dialect.name == "sqlite":
        return []
    ahead = (own() - asked(engine)).total_seconds()
    if abs(ahead) < NOTICEABLE.total_seconds():
        return [check("clock", "ok", "agrees with the database's")]
    words = f"this machine's is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's, which counts"
    return [check("clock", "warn", f"{words}; ticks may be thrown away as too old here", NTP)]


def _clock(client: Client, account: str) -> list[Check]:
    """Compare our clock with Integr8's: windows use ours, rows carry theirs, signatures expire after minutes."""
    if client.skew is None:
        return []
    seconds = client.skew.total_seconds()
    if abs(seconds) < NOTICEABLE.total_seconds():
        return [check(f"{account}: clock", "ok", "agrees with Integr8's")]
    words = f"ours is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} Integr8's"
    return [check(f"{account}: clock", "fail" if abs(seconds) >= TOLERATED.total_seconds() else "warn", words, NTP)]


def routes(services: Services, account: str, now: datetime) -> tuple[Check, str]:
    """Check Integr8's routes, and return the piece of bridge.yaml to paste if they differ."""
    try:
        client = services.client(account, _integration(services, account))
    except SettingsError as error:
        return check(f"{account}: routes", "fail", "; ".join(error.problems)), ""
    report = probe(client, now=now)
    paste = report.paste(account)
    remedy = "" if report.healthy else "paste the routes below into bridge.yaml" if paste else "see what each answered"
    words = f"{len(report.findings)} places asked, {len(report.overrides)} differ"
    odd = [f"{one.operation}: {one.verdict.value}" for one in report.findings if not one.good]
    detail = f"{words}; {'; '.join(odd)}" if odd and not report.healthy else words
    return check(f"{account}: routes", "ok" if report.healthy else "warn", detail, remedy), paste


def _integration(services: Services, account: str) -> str:
    known = services.settings.accounts[account].integrations
    return "default" if "default" in known else next(iter(known), "default")


def _may_read(client: Client, account: str, name: str, now: datetime) -> Check:
    section = OPERATIONS[name].section
    title = f"{account}: {section}"
    query: dict[str, object] = {"page[size]": 1}
    if section == "reports":
        query |= {"start_time": now - timedelta(hours=1), "end_time": now}
    try:
        client.call(name, query=query)
    except Forbidden as error:
        status = "warn" if name in OPTIONAL else "fail"
        return check(title, status, str(error), f"give the API key Read on {section.title()} in Integr8")
    except Unauthorized as error:
        return check(title, "fail", str(error), "put a valid key into the variable that bridge.yaml names as api_key")
    except Unreachable as error:
        return check(title, "fail", str(error), f"check accounts.{account}.base_url and the way out of this network")
    except BudgetError as error:
        lost = isinstance(error, BudgetUnavailable)
        return check(title, "fail", str(error), REDIS if lost else BUSY)
    except ApiError as error:
        return check(title, "fail", str(error), "`integr8-bridge doctor --live` asks where the operations are")
    return check(title, "ok", "can be read")


# --- this side -------------------------------------------------------------------------------------


def _settings(services: Services) -> Check:
    warnings = services.settings.warnings
    if warnings:
        return check("settings", "warn", "; ".join(warnings), "write the new names; the old ones stop to work later")
    return check("settings", "ok", "every name is a current one")


def _time_zones(now: datetime) -> Check:
    rules = time_zones.IN_USE
    words = f"version {rules.version or 'unknown'} of {rules.origin}"
    if rules.version is None or rules.is_old(now.date()):
        remedy = "install a newer `tzdata` package, or update the machine's; schedules may be an hour off"
        return check("time zones", "warn", f"{words}, which may be older than a year", remedy)
    return check("time zones", "ok", words)


def _sources(services: Services) -> Check:
    try:
        return check("sources", "ok", f"{len(services.sources)} configured")
    except SettingsError as error:
        return check("sources", "fail", "; ".join(error.problems), "run `integr8-bridge check`")


def _channels(services: Services) -> Check:
    try:
        return check("channels", "ok", f"{len(services.channels)} configured")
    except SettingsError as error:
        return check("channels", "fail", "; ".join(error.problems), "run `integr8-bridge check`")


def _secret_key(services: Services) -> Check:
    if services.settings.secret_key:
        return check("secret key", "ok", "is set")
    remedy = "export BRIDGE_SECRET_KEY; `openssl rand -hex 32` makes one"
    return check("secret key", "warn", "is missing: no password can be generated, nobody stays signed in", remedy)


def _home(services: Services) -> Check:
    """Check who can write to the home.

    Only `up`, SQLite and generated keys do; in production it should be read-only.
    """
    if services.settings.database_url.startswith("sqlite") and not os.access(
        _existing(_database_of(services)), os.W_OK
    ):
        remedy = "make it writable for the user of this process, or set DATABASE_URL"
        return check("home", "fail", f"{_database_of(services)} cannot be written", remedy)
    return check("home", "ok", str(services.settings.home))


def _database_of(services: Services) -> Path:
    """Return the directory of the SQLite file."""
    return Path((make_url(services.settings.database_url).database or "").removeprefix("file:")).parent


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _room(services: Services) -> Check:
    if not services.settings.database_url.startswith("sqlite"):
        return check("disk", "ok", "the database is elsewhere")
    place = _existing(_database_of(services))
    free = shutil.disk_usage(place).free
    if free < free_space.LITTLE:
        return check(
            "disk",
            "fail",
            f"{free // 1_000_000} MB left in {place}",
            "make room; no report is read until then",
        )
    return check("disk", "ok", f"{free // 1_000_000_000} GB left")


def rule_files(services: Services, session: Session) -> Check:
    """Compare the present rule files with the live generation."""
    if not services.settings.rules_dir.is_dir():
        words = f"{services.settings.rules_dir} is not a directory"
        return check("rule files", "fail", words, "set BRIDGE_HOME to the directory that holds rules/, or put it back")
    try:
        reading = rules_directory.read(services.settings)
    except OSError as error:
        return check("rule files", "fail", str(error), "let the user of this process read the directory")
    if reading.errors:
        first = reading.errors[0]
        return check(
            "rule files", "warn", f"{counted(len(reading.errors), 'error')}: {first}", "run `integr8-bridge check`"
        )
    newest = stored_revisions.newest(session)
    if newest is None or newest.digest != reading.digest:
        return check("rule files", "warn", "differ from what is live", "run `integr8-bridge rules reload`")
    return check("rule files", "ok", f"{counted(len(reading.files), 'file')}, as they are live")


def _quarantined(session: Session) -> Check:
    counts = journal.counts(session, (EventState.DEAD, EventState.QUARANTINED))
    waiting = {state: counts.get(state, 0) for state in (EventState.DEAD, EventState.QUARANTINED)}
    if not any(waiting.values()):
        return check("events", "ok", "none is quarantined or dead")
    words = ", ".join(f"{number} {state}" for state, number in waiting.items() if number)
    shown = " and ".join(f"`integr8-bridge events list --state {state}`" for state, number in waiting.items() if number)
    return check("events", "warn", words, f"{shown}, then accept or discard them")


def _stale(services: Services, session: Session) -> list[Check]:
    """Find uses of names that bridge.yaml or the rules no longer have."""
    names = configured_names(services.settings, services.library.current(session))
    found = stale_names(session, names, services.clock())
    if not found:
        return [check("names", "ok", "nothing uses a name that is gone")]
    return [
        check(f"{one.kind} {one.name}", "warn", f"is gone, and still used by {one.uses}", one.remedy) for one in found
    ]


def _failed(session: Session, now: datetime) -> Check:
    day = now - timedelta(days=1)
    failed = session.scalar(select(func.count()).where(Effect.state == EffectState.FAILED, Effect.ended_at >= day))
    if failed:
        words = f"{failed} failed in 24 hours"
        return check("effects", "warn", words, "`integr8-bridge runs list` and `runs show RUN` say why")
    return check("effects", "ok", "none failed in 24 hours")


def _written(session: Session, now: datetime) -> Check:
    """Check how much rules write about their answers, because it can fill the disk."""
    sizes = answer_sizes.written(session, now)
    if not sizes:
        return check("answers", "ok", "no rule wrote any in 24 hours")
    most, size = next(iter(sizes.items()))
    whole = answer_sizes.megabytes(sum(sizes.values()))
    words = f"{whole} were written in 24 hours, {answer_sizes.megabytes(size)} of it by {most}"
    if sum(sizes.values()) < MUCH_WRITTEN:
        return check("answers", "ok", words)
    return check("answers", "warn", words, f"give {most} a longer `every` or a narrower `scope`")


def _feeds(session: Session, now: datetime) -> list[Check]:
    found = []
    for feed in feeds.everything(session):
        name = f"data {feed.name}"
        if feed.kind == Kind.POSTBACKS:  # they come when something is sold: silence is no fault
            found.append(check(name, "ok", _last_postback(feed.as_of, now)))
        elif feed.as_of is None or now - feed.as_of > OLD_REPORTS:
            age = "never read" if feed.as_of is None else f"{(now - feed.as_of).total_seconds() / 60:.0f} min old"
            why = f"; {feed.problem}" if feed.problem else ""
            found.append(check(name, "warn", f"{age}{why}", "see that `worker` runs and the API key may read reports"))
        else:
            found.append(check(name, "ok", f"{(now - feed.as_of).total_seconds() / 60:.0f} min old"))
    return found


def _last_postback(at: datetime | None, now: datetime) -> str:
    return "none came yet" if at is None else f"the last came {(now - at).total_seconds() / 60:,.0f} min ago"


def _places(services: Services, session: Session) -> list[Check]:
    """Count the facts in the database and in ClickHouse, and check that all are there."""
    if services.observation_rows is None:
        return []
    facts = {place.in_clickhouse: place.facts for place in observations.places(session)}
    words = f"{counted(facts.get(True, 0), 'fact')} in ClickHouse, {facts.get(False, 0):,} in the database"
    try:
        for feed in feeds.everything(session):
            infos = [one for one in observations.overlapping(session, [feed.id]) if one.batch is not None]
            services.observation_rows.prove(place_of(feed), infos)
    except ObservationsAway as error:
        remedy = "put the data of ClickHouse back, or run `integr8-bridge reports repair`, which reads it again"
        return [check("rows of reports", "warn", f"{words}; {error}", remedy)]
    return [check("rows of reports", "ok", words)]


def _refused(session: Session, now: datetime) -> list[Check]:
    """Find operations that Integr8 refused lately: a missing write permission shows only there."""
    rows = session.execute(
        select(Call.account, Call.operation, func.count())
        .where(Call.started_at >= now - LATELY, Call.status == FORBIDDEN)
        .group_by(Call.account, Call.operation)
        .order_by(Call.account, Call.operation)
    )
    found = []
    for account, name, number in rows:
        operation = OPERATIONS.get(name)
        right = (
            f"{'Write' if operation.verb != 'GET' else 'Read'} on {operation.section.title()}" if operation else "it"
        )
        words = f"{name} was forbidden {counted(number, 'time')} in {LATELY.days} days"
        found.append(check(f"{account}: refused", "warn", words, f"give the API key {right} in Integr8"))
    return found
