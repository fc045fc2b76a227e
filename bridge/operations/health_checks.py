"""Check whether the service can work, for /readyz, `doctor`, starting workers and the console."""

from collections.abc import Callable
from datetime import datetime, timedelta

import redis
from sqlalchemy.exc import SQLAlchemyError

from bridge.config.errors import SettingsError
from bridge.operations.halt import halted_parts
from bridge.services.container import Services
from bridge.services.queue import BY_ACCOUNT, QUEUES, queue_of
from bridge.store import failing_items, heartbeats, observations, revisions, schema_version
from bridge.store.observations_away import ObservationsAway
from rules.model.formatting import counted

WRITE_EVERY = timedelta(seconds=10)  # a probe writes no oftener than this, whoever asks
WORKER_SILENT = timedelta(seconds=60)  # the heartbeat comes with every tick

Check = dict[str, str]


def _check(name: str, status: str, detail: str, remedy: str = "") -> Check:
    found = {"name": name, "status": status, "detail": detail}
    return found | {"remedy": remedy} if remedy else found


class WriteProbe:
    """Finds out by a write whether the database is writable: at most once in a while, however often it is called."""

    def __init__(self) -> None:
        self._last: tuple[datetime, Check] | None = None

    def __call__(self, services: Services, now: datetime) -> Check:
        if self._last is None or self._last[1]["status"] != "ok" or not now - WRITE_EVERY < self._last[0] <= now:
            self._last = now, _writable(services, now)
        return self._last[1]


def checks(
    services: Services, now: datetime, *, writable: Callable[[Services, datetime], Check] | None = None
) -> list[Check]:
    """Return every check with ok, warn or fail. /readyz, `doctor` and the console use it."""
    database = _database(services)
    found = [database, _redis(services)]
    if database["status"] == "ok":
        found[0] = database = (writable or _writable)(services, now)
    if database["status"] == "ok":
        found += [_worker(services, now), *_accounts(services), _rules(services), _failing(services), _halt(services)]
        found += _observations(services)
    return found


def _database(services: Services) -> Check:
    try:
        if schema_version.pending(services.store.engine):
            return _check("database", "fail", "migrations are missing", "run `integr8-bridge db upgrade`")
    except SQLAlchemyError as error:
        return _check("database", "fail", _reason(error), "check DATABASE_URL, and that the server runs")
    return _check("database", "ok", services.store.engine.dialect.name)


def _writable(services: Services, now: datetime) -> Check:
    """Check by writing a row: a read-only, full or locked database answers every query and stores no webhook."""
    try:
        with services.store.write() as session:
            heartbeats.beat(session, "writable", now)
    except SQLAlchemyError as error:
        words = f"cannot be written: {_reason(error)}"
        remedy = "make it writable again, give its disk room, or end what locks it; nothing has to be repaired"
        return _check("database", "fail", words, remedy)
    return _check("database", "ok", services.store.engine.dialect.name)


def _reason(error: SQLAlchemyError) -> str:
    """Return the database's own message in one line."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


PROBE = "bridge:health"  # a key of Redis that is written to see whether it takes writes


def _redis(services: Services) -> Check:
    """Check Redis. It may lose everything without harm, but work flows only while it answers.

    A full or read-only one answers every query and accepts no work, so a key is written.
    """
    try:
        services.redis.set(PROBE, "", px=1000)
    except SettingsError as error:
        return _check("redis", "warn", str(error))
    except redis.ResponseError as error:
        words = f"accepts no writes ({error}): webhooks are journalled, effects wait"
        remedy = "give it room (maxmemory), or remove what fills it; nothing of ours is lost by FLUSHALL"
        return _check("redis", "fail", words, remedy)
    except (redis.RedisError, OSError) as error:
        return _check("redis", "warn", f"{type(error).__name__}: webhooks are journalled, effects wait", "start Redis")
    return _check("redis", "ok", "answers; persistence is not needed, the database is the truth")


def _worker(services: Services, now: datetime) -> Check:
    with services.store.read() as session:
        beats = heartbeats.last_beats(session)
    last = beats.get("tick")
    if last is None or now - last > WORKER_SILENT:
        seen = "never" if last is None else f"{_seconds(now, last)} s ago"
        return _check("worker", "warn", f"the last tick was {seen}", "start the processes `worker` and `beat`")
    return _check("worker", "ok", f"ticked {_seconds(now, last)} s ago")


def _accounts(services: Services) -> list[Check]:
    """Check whether a worker serves each account, if accounts have their own queues."""
    own = services.settings.own_queues
    if not own:
        return []
    whose: dict[str, str] = {}
    for account in (None, *sorted(own)):
        name = "the accounts that share queues" if account is None else f"account {account}"
        whose |= {queue_of(QUEUES[task], account): name for task in BY_ACCOUNT}
    missing = services.queue.unserved(list(whose))
    if not missing:
        return [_check("accounts", "ok", f"{counted(len(own), 'account')} with queues of their own")]
    words = "; ".join(
        f"no worker serves {name}: {', '.join(queue for queue in missing if whose[queue] == name)}"
        for name in dict.fromkeys(whose[queue] for queue in missing)
    )
    remedy = "start a worker without BRIDGE_WORKER_ACCOUNTS, or with the account in it; its work waits in the database"
    return [_check("accounts", "warn", words, remedy)]


def _seconds(now: datetime, last: datetime) -> int:
    """Return the age; never negative, because two processes read the clock at different moments."""
    return max(0, round((now - last).total_seconds()))


def _rules(services: Services) -> Check:
    with services.store.read() as session:
        generation = revisions.newest(session)
        live = revisions.live(session, generation.id) if generation else []
    if generation is None:
        return _check("rules", "warn", "no rules have been loaded yet", "put *.yaml files into rules/")
    errors = [one for one in generation.problems if one["severity"] == "error"]
    stale = sorted(link.rule_id for link, _ in live if link.stale)
    if errors:
        first = errors[0]
        words = f"{first['file']}:{first['line']}:{first['column']}: {first['message']}"
        kept = f"; the last good revision stays live of {', '.join(stale)}" if stale else ""
        return _check("rules", "warn", f"{len(errors)} broken: {words}{kept}", "run `integr8-bridge check`")
    return _check("rules", "ok", f"{counted(len(live), 'rule')}, generation {generation.id}")


def _failing(services: Services) -> Check:
    with services.store.read() as session:
        rows = failing_items.failing(session)
    if not rows:
        return _check("items", "ok", "nothing fails by itself")
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    return _check("items", "warn", f"{rows[0].sentence}{more}; everything else goes on", "see the worker's log")


def _observations(services: Services) -> list[Check]:
    """Check ClickHouse, if it keeps observations. Webhooks are journalled without it, so it is never a failure."""
    name, rows = "observations", services.observation_rows
    if rows is None:
        with services.store.read() as session:
            away = observations.some_in_clickhouse(session)
        words = "some lie in ClickHouse, and OBSERVATIONS_URL is not set: rules that look at them decide nothing"
        remedy = "set OBSERVATIONS_URL again; `integr8-bridge reports move database` brings them back"
        return [_check(name, "warn", words, remedy)] if away else []
    try:
        rows.server.columns("SELECT 1")
    except ObservationsAway as error:
        words = f"{error}: rules that look at observations decide nothing, and no report is read"
        return [_check(name, "warn", words, "start ClickHouse, or fix OBSERVATIONS_URL; nothing has to be repaired")]
    return [_check(name, "ok", f"ClickHouse at {rows.server.address.place} answers")]


def _halt(services: Services) -> Check:
    with services.store.read() as session:
        halted = halted_parts(services, session)
    if not halted:
        return _check("halt", "ok", "not halted")
    names = ["" if one.scope == "all" else f"{one.about} is " for one in halted]
    words = [f"{name}halted by {one.by}: {one.why}; {one.waiting}" for name, one in zip(names, halted, strict=True)]
    remedies = ", ".join(one.remedy for one in halted)
    return _check("halt", "warn", ". ".join(words), f"{remedies} lets it go on")
