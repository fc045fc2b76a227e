"""Channels: their state, a test message, re-enabling and muting."""

from typing import Any

from flask import g

from bridge.config.errors import SettingsError
from bridge.notifications.deliver import deliver_test, request_of
from bridge.operations import NotThere, OperationError, mutes
from bridge.operations.channel_entry import add_channel, tell_of_service
from bridge.outbound.channels import Channel
from bridge.store import audit_log, notifications
from bridge.store.notifications import Notice
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api import schemas_out_service
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, newest, one, picked, refusing
from bridge.web.api.schemas_in import ChannelBody, ChannelMuteBody, NoticeQuery, PageQuery, ServiceAlertsBody
from bridge.web.api.words import must_be_known
from bridge.web.request_context import services

blueprint = Blueprint("channels", "channels", description="Where notices go")


def _channels() -> dict[str, Channel]:
    try:
        return dict(sorted(services().channels.items()))
    except SettingsError as error:
        raise OperationError(str(error)) from error


def _known(name: str) -> Channel:
    found = _channels().get(name)
    if found is None:
        raise NotThere(f"channel {name}: not found; channels are in bridge.yaml")
    return found


@blueprint.get("/channels")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.ChannelRow))
@refusing
def list_channels(query: dict[str, Any]) -> dict[str, Any]:
    """List all channels, with their waiting and sent messages and their state."""
    with services().store.read() as session:
        counts = notifications.counts(session)
        found = [
            {"channel": name, "kind": channel.kind}
            | {state: counts.get((name, state), 0) for state in ("waiting", "sent", "failed")}
            | _health(notifications.health(session, name))
            for name, channel in _channels().items()
        ]
    return listed(found, "channel", query)


def _health(row: notifications.ChannelHealth | None) -> dict[str, Any]:
    if row is None:
        return {"failures": 0, "disabled_at": None, "disabled_why": None}
    return {"failures": row.failures, "disabled_at": row.disabled_at, "disabled_why": row.disabled_why}


@blueprint.post("/channels")
@needs(Role.ADMIN, secret=True)
@blueprint.arguments(ChannelBody)
@blueprint.response(201, thing(schemas_out_service.AddedChannelRow))
@refusing
def make_channel(body: dict[str, Any]) -> dict[str, Any]:
    """Add a channel to bridge.yaml and its address to .env. Only this answer shows the key of a webhook."""
    made = add_channel(services(), body["channel"], body["kind"], body["address"], who=g.who, now=services().clock())
    return one({"channel": made.name, "entry": made.line, "secret": made.secret})


@blueprint.get("/notices")
@needs(Role.VIEWER)
@blueprint.arguments(NoticeQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.MessageRow))
def list_notices(query: dict[str, Any]) -> dict[str, Any]:
    """List messages to channels, newest first."""
    must_be_known(rule=query.get("rule"), channel=query.get("channel"))
    equal = {"channel": Notice.channel, "rule": Notice.rule_id, "state": Notice.state}
    return newest(Notice, schemas_out_service.MessageRow, query, equal=equal)


@blueprint.get("/notices/<int:number>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_service.MessageStory))
@refusing
def show_notice(number: int) -> dict[str, Any]:
    """Show one message: the request, the last answer, the next try."""
    with services().store.read() as session:
        found = session.get(Notice, number)
    if found is None:
        raise NotThere(f"message {number}: not found, or it is forgotten by now")
    request = request_of(found, services().channels.get(found.channel))
    return one(picked(found, schemas_out_service.MessageRow) | {"request": request})


@blueprint.post("/notices/<int:number>/again")
@needs(Role.OPERATOR)
@blueprint.response(202, thing(schemas_out_service.NoticeRow))
@refusing
def send_notice_again(number: int) -> dict[str, Any]:
    """Send a message of a channel again now, whatever its state."""
    with services().store.write() as session:
        found = mutes.send_again(session, number, who=g.who, now=services().clock())
        told = picked(found, schemas_out_service.NoticeRow)
    services().queue.wake("notices.deliver")
    return one(told)


@blueprint.post("/channels/<name>/test")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_service.SentRow))
@refusing
def send_test(name: str) -> dict[str, Any]:
    """Send one test message now."""
    now = services().clock()
    result = deliver_test(_known(name), now)
    with services().store.write() as session:
        audit_log.note(session, who=g.who, what="test channel", about=name, now=now, detail={"result": result.result})
    return one({"channel": name, "result": result.result, "words": result.words})


@blueprint.post("/channels/<name>/service-alerts")
@needs(Role.ADMIN)
@blueprint.arguments(ServiceAlertsBody)
@blueprint.response(200, thing(schemas_out_service.ServiceChannelsRow))
@refusing
def tell_channel_of_service(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Start or stop notices to a channel about problems of the service itself. Changes bridge.yaml."""
    told = tell_of_service(services(), name, told=body["told"], who=g.who, now=services().clock())
    return one({"channels": list(told)})


@blueprint.post("/channels/<name>/enable")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_service.EnabledRow))
@refusing
def enable_channel(name: str) -> dict[str, Any]:
    """Enable a channel that was disabled, and repeat what it missed in the last five days."""
    now = services().clock()
    _known(name)
    with services().store.write() as session:
        again = mutes.enable(session, name, who=g.who, now=now)
    return one({"channel": name, "repeated": again})


@blueprint.get("/channel-mutes")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.ChannelMuteRow))
def list_channel_mutes(query: dict[str, Any]) -> dict[str, Any]:
    """List the mutes of notices that have not ended."""
    with services().store.read() as session:
        found = [
            picked(each, schemas_out_service.ChannelMuteRow)
            for each in notifications.channel_mutes(session, services().clock())
        ]
    return listed(found, "id", query)


@blueprint.post("/channel-mutes")
@needs(Role.OPERATOR)
@blueprint.arguments(ChannelMuteBody)
@blueprint.response(201, thing(schemas_out_service.ChannelMuteRow))
@refusing
def mute_channel(body: dict[str, Any]) -> dict[str, Any]:
    """Mute notices about a rule or a topic, or to a channel, until then; they are recorded as muted."""
    now = services().clock()
    if body["until"] <= now:
        raise OperationError("until: it lies in the past")
    if body["channel"] is not None:
        _known(body["channel"])
    with services().store.write() as session:
        rules = services().library.current(session).revisions
        made = mutes.mute_channel(session, **body, rules=rules, who=g.who, now=now)
        return one(picked(made, schemas_out_service.ChannelMuteRow))
