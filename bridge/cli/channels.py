"""`channels`: list notification channels, send a test message, mute and re-enable them."""

import getpass

import click
from marshmallow import ValidationError
from sqlalchemy import select

from bridge.cli.choice import Choice
from bridge.cli.groups import RenamedGroup
from bridge.cli.renames import rename_command
from bridge.cli.session import ROW_ID, Session, as_json, cell, json_option, outcome, show
from bridge.notifications.deliver import deliver_test, request_of
from bridge.operations import mutes
from bridge.operations.channel_entry import add_channel, tell_of_service
from bridge.outbound.event_types import catalogue
from bridge.sources.strict_schema import Duration
from bridge.store import notifications
from bridge.store.notifications import Notice

#: What is told of a message.
MESSAGE = (
    "created_at", "channel", "topic", "rule_id", "text", "state", "attempts", "due_at", "ended_at", "error",
)  # fmt: skip


@click.group(cls=RenamedGroup)
def channels() -> None:
    """List, test, enable and mute notification channels."""


@channels.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show all channels and their state.

    \b
    Example:
      integr8-bridge channels list
    """
    with session.services.store.read() as reading:
        counts = notifications.counts(reading)
        health = {name: notifications.health(reading, name) for name in session.services.channels}
    rows = [
        {
            "channel": name,
            "kind": one.kind,
            "waiting": counts.get((name, "waiting"), 0),
            "sent": counts.get((name, "sent"), 0),
            "failed": counts.get((name, "failed"), 0),
            "health": _health(health[name]),
        }
        for name, one in sorted(session.services.channels.items())
    ]
    columns = ("channel", "kind", "waiting", "sent", "failed", "health")
    show(rows, columns, json=json, empty="no channels; add them under `channels:`")


def _health(row: notifications.ChannelHealth | None) -> str:
    if row is None or not (row.failures or row.disabled_at):
        return "ok"
    return f"off: {row.disabled_why}" if row.disabled_at else f"{row.failures} failures in a row"


@channels.command("add")
@click.argument("channel")
@click.option("--kind", type=Choice(["apprise", "webhook"]), default="apprise", show_default=True)
@click.option("--address", prompt=True, hide_input=True, help="Address of the channel; without it you are asked.")
@json_option
@click.pass_obj
def add(session: Session, channel: str, kind: str, address: str, json: bool) -> None:
    """Add a channel to bridge.yaml, and its address to .env. It is used at once.

    \b
    Example:
      integr8-bridge channels add traffic
    """
    with session.operating() as services:
        made = add_channel(services, channel, kind, address, who=getpass.getuser(), now=services.clock())
    lines = [f"bridge.yaml: {made.line}", *([f"secret, shown once: {made.secret}"] if made.secret else [])]
    outcome({"channel": made.name, "entry": made.line, "secret": made.secret}, lines, json=json)


@channels.command("service")
@click.argument("channel")
@click.option("--off", is_flag=True, help="Stop the notices.")
@json_option
@click.pass_obj
def service(session: Session, channel: str, off: bool, json: bool) -> None:
    """Start or stop notices to a channel about problems of the service itself. Changes bridge.yaml.

    \b
    Examples:
      integr8-bridge channels service traffic
      integr8-bridge channels service traffic --off
    """
    name = _known(session, channel)
    with session.operating() as services:
        told = tell_of_service(services, name, told=not off, who=getpass.getuser(), now=services.clock())
    names = ", ".join(told) or "no channel"
    outcome({"channels": list(told)}, [f"told of problems of the service: {names}"], json=json)


@channels.command("messages")
@click.argument("channel", required=False)
@click.option("--state", type=Choice(["waiting", "sent", "silenced", "failed"]), help="Only messages in this state.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@click.pass_obj
def messages(session: Session, channel: str | None, state: str | None, limit: int, json: bool) -> None:
    """Show the messages to channels, newest first.

    \b
    Examples:
      integr8-bridge channels messages
      integr8-bridge channels messages traffic --state failed
    """
    session.refuse_unknown(channel=channel)
    wanted = [*([Notice.channel == channel] if channel else []), *([Notice.state == state] if state else [])]
    query = select(Notice).where(*wanted).order_by(Notice.id.desc()).limit(limit)
    with session.read() as database:
        rows = [{name: getattr(one, name) for name in MESSAGE} | {"message": one.id} for one in database.scalars(query)]
    columns = ("message", "created_at", "channel", "topic", "rule_id", "text", "state", "attempts", "error")
    show(rows, columns, json=json, empty="no message of that kind is kept")


@channels.command("message")
@click.argument("message", type=ROW_ID)
@json_option
@click.pass_obj
def message_(session: Session, message: int, json: bool) -> None:
    """Show one message: the request, the last answer, the next try.

    \b
    Example:
      integr8-bridge channels message 1207
    """
    with session.read() as database:
        found = database.get(Notice, message)
    if found is None:
        raise click.ClickException(f"message {message}: not found, or it is forgotten by now")
    request = request_of(found, session.services.channels.get(found.channel))
    told = {"message": found.id} | {name: getattr(found, name) for name in MESSAGE} | {"request": request}
    lines = [f"{name.replace('_', ' ')}: {cell(value)}" for name, value in told.items() if value and name != "request"]
    outcome(told, [*lines, *(["request:", as_json(request)] if request else [])], json=json)


@channels.command("again")
@click.argument("message", type=ROW_ID)
@json_option
@click.pass_obj
def again(session: Session, message: int, json: bool) -> None:
    """Send a message again now, whether or not it was delivered.

    \b
    Example:
      integr8-bridge channels again 1207
    """
    with session.operating() as services, services.store.write() as writing:
        found = mutes.send_again(writing, message, who=getpass.getuser(), now=services.clock())
        told = {"id": found.id, "channel": found.channel, "state": found.state}
    outcome(told, [f"message {message} goes out with the next round"], json=json)


@channels.command("test")
@click.argument("channel")
@json_option
@click.pass_obj
def test(session: Session, channel: str, json: bool) -> None:
    """Send one test message now.

    \b
    Example:
      integr8-bridge channels test traffic
    """
    result = deliver_test(session.services.channels[_known(session, channel)], session.services.clock())
    if result.result != "taken":
        raise click.ClickException(f"{channel}: {result.words}")
    outcome({"channel": channel, "result": result.result}, [f"{channel} took the message"], json=json)


@channels.command("enable")
@click.argument("channel")
@json_option
@click.pass_obj
def enable(session: Session, channel: str, json: bool) -> None:
    """Enable a channel that was disabled, and deliver what it missed in the last five days.

    \b
    Example:
      integr8-bridge channels enable traffic
    """
    now = session.services.clock()
    with session.services.store.write() as writing:
        again = mutes.enable(writing, _known(session, channel), who=getpass.getuser(), now=now)
    said = f"{channel} is on; {again} notices are tried again"
    outcome({"channel": channel, "repeated": again}, [said], json=json)


@channels.command("mute")
@click.option("--for", "length", required=True, help="How long: 30m, 12h, 2d.")
@click.option("--rule", help="Only notices of this rule.")
@click.option("--topic", help="Only notices of this topic, for example no_decision.")
@click.option("--channel", help="Only for this channel.")
@click.option("--why", required=True, help="Reason for the audit log.")
@json_option
@click.pass_obj
def mute(
    session: Session, length: str, rule: str | None, topic: str | None, channel: str | None, why: str, json: bool
) -> None:
    """Mute notices for a while. They are recorded as muted.

    \b
    Example:
      integr8-bridge channels mute --for 2h --rule offer-cr-collapse --why "known outage"
    """
    try:
        duration = Duration().deserialize(length)
    except ValidationError as error:
        raise click.BadParameter("; ".join(map(str, error.messages)), param_hint="--for") from error
    now = session.services.clock()
    name = None if channel is None else _known(session, channel)
    with session.operating() as services, services.store.write() as writing:
        until, who, rules = now + duration, getpass.getuser(), services.library.current(writing).revisions
        mutes.mute_channel(
            writing, channel=name, rule_id=rule, topic=topic, rules=rules, until=until, why=why, who=who, now=now
        )
    outcome({"until": until, "why": why}, [f"muted until {until:%Y-%m-%d %H:%M} UTC"], json=json)


@channels.command("events")
@click.option("--former", is_flag=True, help="Use the names that channels get without `event_names: current`.")
def events(former: bool) -> None:
    """Print the events that outgoing webhooks carry, as JSON Schema.

    \b
    Example:
      integr8-bridge channels events > events.schema.json
    """
    click.echo(as_json(catalogue(former_names=former)))


def _known(session: Session, name: str) -> str:
    if name not in session.services.channels:
        known = ", ".join(sorted(session.services.channels)) or "none"
        raise click.BadParameter(f"there is no channel {name!r}; known: {known}", param_hint="CHANNEL")
    return name


channels.add_command(rename_command("channel"))
