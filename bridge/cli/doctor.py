"""`doctor`: everything from the settings to the permissions of the Integr8 key, with the remedy."""

from datetime import UTC, datetime

import click

from bridge.cli.session import Session, as_json, json_option
from bridge.integr8.errors import ApiError, BudgetError, Forbidden
from bridge.integr8.probe import probe
from bridge.settings import SettingsError
from bridge.store import schema
from bridge.web.health import checks

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
SECTIONS = ("offers", "publishers", "advertisers", "users")


@click.command()
@click.option(
    "--live", is_flag=True, help="Ask the read-only places of each account, and print the routes to override."
)
@json_option
@click.pass_obj
def doctor(session: Session, live: bool, json: bool) -> None:
    """Check everything that the service needs, and say what to do.

    Nothing is changed; Integr8 is asked with reading operations only.
    """
    found = _local(session)
    pastes = []
    for name in session.settings.accounts:
        found += _account(session, name)
        if live:
            report = probe(session.client(name))
            status = "ok" if report.healthy else "warn"
            words = f"{len(report.findings)} places asked, {len(report.overrides)} differ"
            found.append({"name": f"routes of {name}", "status": status, "detail": words})
            if report.overrides:
                pastes.append(report.paste(name))
    if json:
        click.echo(as_json({"checks": found, "paste": pastes}))
    else:
        for one in found:
            click.secho(f"{one['status']:<5}", fg=COLOURS[one["status"]], nl=False)
            click.echo(f"{one['name']:<24} {one['detail']}" + (f"; {one['remedy']}" if one.get("remedy") else ""))
        for text in pastes:
            click.echo(f"\nPaste into bridge.yaml:\n{text}")
    raise SystemExit(1 if any(one["status"] == "fail" for one in found) else 0)


def _local(session: Session) -> list[dict[str, str]]:
    house = session.house
    try:
        sources = {"name": "sources", "status": "ok", "detail": f"{len(house.sources)} configured"}
    except SettingsError as error:
        sources = {"name": "sources", "status": "fail", "detail": "; ".join(error.problems)}
    found = [sources]
    if session.settings.redis_url is None:
        found.append(
            {"name": "redis", "status": "warn", "detail": "REDIS_URL is not set", "remedy": "`up` starts one by itself"}
        )
        if schema.pending(house.store.engine):
            remedy = "run `integr8-bridge db upgrade`"
            found.append({"name": "database", "status": "fail", "detail": "migrations are missing", "remedy": remedy})
        return found
    return found + checks(house, datetime.now(UTC))


def _account(session: Session, name: str) -> list[dict[str, str]]:
    """Which sections of Integr8 the key may read."""
    client = session.client(name)
    found = []
    for section in SECTIONS:
        check = f"{name}: {section}"
        try:
            next(getattr(client, section).list(size=1), None)
            found.append({"name": check, "status": "ok", "detail": "can be read"})
        except Forbidden as error:
            found.append({"name": check, "status": "warn", "detail": str(error)})
        except (ApiError, BudgetError) as error:
            found.append({"name": check, "status": "fail", "detail": str(error)})
            break
    return found
