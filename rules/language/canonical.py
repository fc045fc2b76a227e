"""The canonical document of a revision: its hash is made from it, and `render` prints it.

Defaults are left out, durations, shares and conditions have one spelling each, and the order of keys is the
language's reading order. Two texts with the same canonical document are the same revision.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from hashlib import sha256
from typing import Any

from rules.language import unparse
from rules.language.actions import destructive
from rules.language.triggers import SCOPE_ALL
from rules.model import durations
from rules.model.local_time import DAYS
from rules.model.revision import (
    Action,
    Approve,
    Canary,
    Cron,
    Data,
    Every,
    Group,
    Guards,
    HoldFor,
    KeepActive,
    LoseAtMost,
    Notify,
    Quiet,
    Release,
    Revision,
    Scope,
    Silence,
    Test,
    Trigger,
    Webhook,
    Window,
)
from rules.model.syntax import Template
from rules.model.verbs import VERBS

_PLURAL = {"offer": "offers", "publisher": "publishers", "advertiser": "advertisers"}


def digest(revision: Revision) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 over the canonical document."""
    document = json.dumps(document_of(revision), sort_keys=True, ensure_ascii=True, default=_scalar)
    return sha256(document.encode()).hexdigest()[:16]


def _scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": f"{durations.plain(value):f}"}  # 1.5 and "1.5" are not the same
    raise TypeError(f"{type(value).__name__} in a canonical document")


def document_of(revision: Revision) -> dict[str, Any]:
    """Return the canonical document: dicts, lists, texts, booleans, ints and Decimals."""
    header = {
        name: getattr(revision, name) for name in ("schema", "id", "title", "owner", "note") if getattr(revision, name)
    }
    rest = {
        "priority": revision.priority or None,
        "account": _unless(revision.account, "main"),
        "integration": _unless(revision.integration, "default"),
        "trigger": _trigger(revision.trigger),
        "scope": _scope(revision.scope),
        "data": _data(revision.data, stated=destructive(revision.then)),
        "when": _when(revision),
        "unless": None if revision.unless is None else _group(revision.unless),
        "lose_at_most": None if revision.lose_at_most is None else _loss_limit(revision.lose_at_most),
        "then": [_action(number, step) for number, step in enumerate(revision.then, 1)],
        "inhibits": _inhibits(revision),
        "release": _release(revision.release),
        "guards": _guards(revision.guards),
        "approve": _approve(revision.approve),
        "notify": [_notice(item) for item in revision.notify],
        "on_failure": _unless(revision.on_failure, "ask"),
        "tests": [_test(item) for item in revision.tests],
    }
    return {**header, "mode": revision.mode.value, **_present(rest)}


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value not in ([], {})}


def _unless(value: Any, default: Any) -> Any:
    return None if value == default else value


def _trigger(found: Trigger) -> dict[str, Any]:
    match found:
        case Every():
            return _present(
                {"every": durations.written(found.interval), "missed": _unless(found.missed.value, "run_once")}
            )
        case Cron():
            return _present(
                {"cron": found.expression, "tz": found.tz, "missed": _unless(found.missed.value, "run_once")}
            )
        case Webhook():
            return {"webhook": _webhook(found)}
        case Silence():
            length = durations.written(found.duration)
            return {"silence": _present({"source": found.source, "for": length, "event": found.event})}


def _webhook(found: Webhook) -> dict[str, Any]:
    texts = {
        name: None if part is None else unparse.condition(part)
        for name, part in (("dedupe", found.dedupe), ("order_by", found.order_by), ("order_per", found.order_per))
    }
    return _present({"source": found.source, "event": found.event, **texts})


def _scope(scope: Scope) -> dict[str, Any]:
    return _present(
        {
            "per": [dimension for dimension in scope.per if dimension != "event"],
            "from": {dimension: unparse.template(part) for dimension, part in scope.origin.items()},
            "where": _where(scope),
            "except": {name: list(values) for name, values in scope.exclude.items()},
            "join": {table: keys[0] if len(keys) == 1 else list(keys) for table, keys in scope.join.items()},
        }
    )


def _where(scope: Scope) -> Any:
    if scope.conditions is not None:
        return _group(scope.conditions)["all"]
    return SCOPE_ALL if scope.everything else {name: list(values) for name, values in scope.where.items()}


def window(found: Window) -> str:
    return unparse.window(found)


def _data(data: Data, *, stated: bool) -> dict[str, Any]:
    default = Data()
    found = _present(
        {
            "window": None if data.window == default.window else window(data.window),
            "settle": "auto" if data.settle == "auto" else durations.written(data.settle) if data.settle else None,
            "need": _amounts(data.need),
            "fresh": None if data.fresh is None else durations.written(data.fresh),
            "tz": data.tz,
        }
    )
    if stated:
        found.setdefault("need", {})  # that nothing is needed must be said where traffic is taken away
    return found


def _amounts(amounts: Mapping[str, Decimal]) -> dict[str, Any]:
    return {name: _number(amount) for name, amount in amounts.items()}


def _number(amount: Decimal) -> int | Decimal:
    whole = durations.plain(amount)
    return int(whole) if whole == whole.to_integral_value() else whole


def _when(revision: Revision) -> dict[str, Any] | None:
    lasting = revision.lasting
    found: dict[str, Any] = {} if revision.when is None else _group(revision.when)
    if lasting and lasting.checks is not None:
        found["for"] = f"{lasting.checks} check{'s' if lasting.checks != 1 else ''}"
    elif lasting and lasting.duration is not None:
        found["for"] = durations.written(lasting.duration)
    return found or None


def _group(group: Group) -> dict[str, Any]:
    items = [_group(item) if isinstance(item, Group) else unparse.condition(item) for item in group.items]
    return {group.kind: [_spelled(item) for item in items]}


def _spelled(item: Any) -> Any:
    return {"true": True, "false": False}.get(item, item) if isinstance(item, str) else item


def _loss_limit(limit: LoseAtMost) -> Any:
    amount = _money(limit.amount, limit.currency)
    rest = {
        "then": _unless(limit.then, "ask"),
        "clicks_per_day": limit.clicks_per_day,
        "hold": None if limit.hold is None else _hold(limit.hold),
        "worth": None if limit.worth is None else _money(limit.worth, limit.currency),
    }
    return {"amount": amount, **_present(rest)} if _present(rest) else amount


def _money(amount: Decimal, currency: str | None) -> Any:
    return _number(amount) if currency is None else f"{durations.plain(amount):f} {currency}"


def _action(number: int, step: Action) -> dict[str, Any]:
    request = VERBS[step.verb].object == "request"
    return _present(
        {
            "id": _unless(step.id, str(number)),
            step.verb: _value(step.values) if request else step.target,
            "which": None if step.which is None else unparse.template(step.which),
            "key": {name: unparse.template(part) for name, part in step.key.items()},
            "with": None if request else _value(step.values),
            "hold": None if step.hold is None else _hold(step.hold),
            "deliver_secret_to": step.deliver_secret_to,
        }
    )


def _inhibits(revision: Revision) -> dict[str, Any] | None:
    found = revision.inhibits
    if found is None:
        return None
    per = None if found.per == revision.scope.per else list(found.per) or SCOPE_ALL
    return _present({"rules": list(found.rules), "per": per})


def _hold(hold: HoldFor) -> str:
    return durations.written(hold.duration) if hold.duration is not None else hold.kind


def _value(value: Any) -> Any:
    if isinstance(value, Template):
        return unparse.template(value)
    if isinstance(value, Mapping):
        return {key: _value(item) for key, item in value.items()}
    return [_value(item) for item in value] if isinstance(value, list | tuple) else value


def _release(release: Release) -> dict[str, Any]:
    early = None if release.early is None else _group(release.early)
    return _present({"early": early, "probation": _amounts(release.probation)})


def _guards(guards: Guards) -> dict[str, Any]:
    default = Guards()
    writers: dict[str, Callable[[Any], Any]] = {
        "at_most": lambda most: _present(
            {
                "targets": most.targets,
                "share": None if most.share is None else durations.as_percent(most.share),
                "revenue_24h": None if most.revenue_24h is None else durations.as_percent(most.revenue_24h),
            }
        ),
        "cooldown": durations.written,
        "budgets": lambda items: [item.name for item in items],
        "respect_people": durations.written,
        "keep_active": lambda items: [_keep(item) for item in items],
        "quiet": lambda items: [_hours(item) for item in items],
        "active": lambda items: [_hours(item) for item in items],
        "canary": _canary,
    }
    changed = [item.name for item in fields(guards) if getattr(guards, item.name) != getattr(default, item.name)]
    return {name: writers.get(name, lambda value: value)(getattr(guards, name)) for name in changed}


def _keep(item: KeepActive) -> dict[str, Any]:
    return _present({_PLURAL[item.kind]: item.count, "per": item.per})


def _hours(item: Quiet) -> dict[str, Any]:
    days = None if len(item.days) == len(DAYS) else [DAYS[day] for day in item.days]
    return _present({"from": f"{item.start:%H:%M}", "to": f"{item.end:%H:%M}", "tz": item.tz, "days": days})


def _canary(item: Canary) -> dict[str, Any]:
    return {
        "targets": item.targets,
        "wait": durations.written(item.wait),
        "revenue_drop": durations.as_percent(item.revenue_drop),
    }


def _approve(approve: Approve) -> dict[str, Any]:
    default = Approve()
    return {
        item.name: _plain(getattr(approve, item.name))
        for item in fields(approve)
        if getattr(approve, item.name) != getattr(default, item.name)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str | bool) else durations.written(value)


def _notice(item: Notify) -> dict[str, Any]:
    return {"about": list(item.about), "to": list(item.to)}


def _test(test: Test) -> dict[str, Any]:
    effects = None if test.effects is None else list(test.effects)
    given = [_value(one) for one in (test.given, *test.more)]
    found = {
        "name": test.name,
        "given": given if test.more else given[0],
        "expect": _value(test.expect),
        "effects": effects,
        "state": _value(test.state) or None,
    }
    return {key: value for key, value in found.items() if value is not None}
