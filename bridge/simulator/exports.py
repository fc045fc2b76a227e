"""The download centre: four starts, list, get, delete, signed addresses, and the files behind them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask, Response, request, send_file

from bridge.simulator.api_call import Answer, Call
from bridge.simulator.broken_answers import refused
from bridge.simulator.columns import CLICKS, COLUMN_SPELLINGS, CONVERSIONS, Eye
from bridge.simulator.errors import Refusal, bad
from bridge.simulator.files import FILES_PREFIX
from bridge.simulator.jobs import Job
from bridge.simulator.list_query import one, page_of, words
from bridge.simulator.postback_log import COLUMNS as LOG_COLUMNS
from bridge.simulator.reports import Choice, choose, required
from bridge.simulator.tables import Table
from bridge.simulator.validation import read_query
from bridge.simulator.world import World

STORED = "filter[reports_query_option"
FILTERS = {"offer_id": "filter[offer_id]", "publisher": "filter[publisher]", "advertiser": "filter[advertiser]"}


def handlers() -> Mapping[str, Callable[[Call], Answer]]:
    return {
        "downloads.clicks": lambda call: _start_table(call, "click_logs", call.world.tracker.clicks, CLICKS),
        "downloads.impressions": lambda call: _start_table(
            call, "impression_logs", call.world.tracker.impressions, CLICKS
        ),
        "downloads.conversions": lambda call: _start_table(
            call, "conversion_logs", call.world.tracker.conversions, CONVERSIONS
        ),
        "downloads.postback_logs": _start_log,
        "exports.list": _list,
        "exports.get": lambda call: Answer(200, {"data": call.world.jobs.find(call.path["exportID"]).view()}),
        "exports.delete": _delete,
        "exports.url": _url,
        "exports.shared_url": _shared_url,
    }


def _start_table(call: Call, kind: str, table: Table[Any], columns: Mapping[str, Any]) -> Answer:
    world, query = call.world, call.query
    read_query(query, call.operation, remarks=call.remarks, strict=world.options.strict)
    integration = world.directory.integration(call.path["integrationID"])
    choice = choose(query, world, integration)
    extra = words(query, "extra_parameters")
    asked = [(name, columns[COLUMN_SPELLINGS.get(name, name)]) for name in _columns(query, columns)]
    eye = Eye(world.directory, choice.zone, world.options.report_ids)

    def rows() -> Iterator[Sequence[Any]]:
        for row in table.between(choice.start, choice.end, offer=choice.offer):
            if choice.wanted(row):
                yield [read(eye, row) for _, read in asked] + [""] * len(extra)

    return _started(call, kind, choice, [name for name, _ in asked] + extra, rows)


def _start_log(call: Call) -> Answer:
    world, query = call.world, call.query
    read_query(query, call.operation, remarks=call.remarks, strict=world.options.strict)
    choice = choose(query, world, world.directory.integration(call.path["integrationID"]))
    asked = _columns(query, LOG_COLUMNS)

    def rows() -> Iterator[Sequence[Any]]:
        for line in world.postback_log.between(choice.start, choice.end):
            yield [line[COLUMN_SPELLINGS.get(name, name)] for name in asked]

    return _started(call, "postback_logs", choice, asked, rows)


def _columns(query: Mapping[str, Sequence[str]], known: Mapping[str, Any] | Sequence[str]) -> list[str]:
    required(query, "fields")
    asked = words(query, "fields")
    unknown = [name for name in asked if COLUMN_SPELLINGS.get(name, name) not in known]
    if unknown or not asked:
        raise bad("fields", f"unknown column {unknown[0]!r}" if unknown else "names no column")
    return asked


def _started(
    call: Call, kind: str, choice: Choice, columns: Sequence[str], rows: Callable[[], Iterator[Sequence[Any]]]
) -> Answer:
    world, query = call.world, call.query
    filters = {name: {"equalvalues": words(query, key)} for name, key in FILTERS.items() if key in query}
    filters["integration_id"] = {"equalvalues": [call.path["integrationID"]]}
    start, end = (one(query, f"{edge}_time") or one(query, f"{edge}_date") or "" for edge in ("start", "end"))
    job = world.jobs.start(
        world.options,
        world.clock.now(),
        type=kind,
        integration=call.path["integrationID"],
        organization=world.directory.organization,
        requested_by=call.key.name if call.key else "",
        columns=tuple(columns),
        delimiter=one(query, "delimiter") or ",",
        rows=rows,
        query={"start_date": start[:10], "end_date": end[:10], "timezone": str(choice.zone), "filters": filters},
        list_options={
            "fields": words(query, "fields"),
            "extra_parameters": words(query, "extra_parameters"),
            "filters": {"date_time_range": {"start": start, "end": end}},
        },
    )
    return Answer(200, job.view())


def _list(call: Call) -> Answer:
    """List exports. The reference lists its filters; an array filter matches when any of the values was used."""
    query = call.query
    world = call.world
    read_query(query, call.operation, remarks=call.remarks, strict=world.options.strict)
    plain = {name: values for name, values in query.items() if not name.startswith(STORED)}
    kept = [job for job in world.jobs.newest() if _stored_filters_hold(job, query)]
    size = world.options.default_page_size
    return Answer(200, page_of(kept, plain, default_size=size, view=lambda job: job.view()))


def _stored_filters_hold(job: Job, query: Mapping[str, Sequence[str]]) -> bool:
    for name, values in query.items():
        if not name.startswith(STORED):
            continue
        path = name.removeprefix(STORED).strip(".]").removesuffix(".equalvalues")
        if path in {"start_date", "end_date"}:
            if job.query[path] != values[0]:
                return False
            continue
        used = job.query["filters"].get(path.removeprefix("filters."), {}).get("equalvalues", [])
        if not set(words(query, name)) & set(used):
            return False
    return True


def _delete(call: Call) -> Answer:
    call.world.jobs.remove(call.world.jobs.find(call.path["exportID"]))
    return Answer(204)


def _url(call: Call) -> Answer:
    job = call.world.jobs.named(required(call.query, "artifact_name"))
    return _address(call, job)


def _shared_url(call: Call) -> Answer:
    """Return the URL. A guest shows the export's token; a caller with a key needs none."""
    name = required(call.query, "artifact_name")
    token = one(call.query, "token")
    if call.key is None and token is None:
        raise Refusal(401, "token: is required for guest access", field="token")
    job = call.world.jobs.named(name)
    if call.key is None and token != job.guest_token:
        raise Refusal(403, "token: is not that of this export", field="token")
    return _address(call, job)


def _address(call: Call, job: Job) -> Answer:
    world = call.world
    expires = world.clock.now() + timedelta(seconds=world.options.link_seconds)
    return Answer(200, {"url": world.files.address(call.host, job.artifact_name, expires=int(expires.timestamp()))})


def add_files(app: Flask, world: World) -> None:
    app.add_url_rule(f"{FILES_PREFIX}<name>", endpoint="files", view_func=partial(_file, world), methods=["GET"])


def _file(world: World, name: str) -> Response:
    try:
        with world.lock:
            path = world.files.check(
                name,
                request.args.get("expires", ""),
                request.args.get("signature", ""),
                now=world.clock.now().timestamp(),
            )
        return send_file(path, mimetype="text/csv", as_attachment=True, download_name=name)
    except Refusal as refusal:
        return refused(world, refusal.status, refusal.words)
