"""Sources: who may send webhooks, their addresses, and test events."""

from typing import Any

from flask import g

from bridge.operations import source_secrets, source_setup
from bridge.store import audit_log
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api import schemas_out_service
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, one, refusing
from bridge.web.api.schemas_in import AddressQuery, PageQuery, RotateBody
from bridge.web.request_context import services

blueprint = Blueprint("sources", "sources", description="Who may send webhooks")


@blueprint.get("/sources")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.SourceRow))
def list_sources(query: dict[str, Any]) -> dict[str, Any]:
    """List who may send webhooks, and how their requests are authenticated."""
    found = [
        {"source": name, "authentication": found.method, "proof": found.method, "format": found.format,
         "path": f"/hooks/{name}", "warnings": list(found.warnings)}
        for name, found in sorted(services().sources.items())
    ]  # fmt: skip
    return listed(found, "source", query)


@blueprint.get("/sources/<name>/url")
@needs(Role.ADMIN)
@blueprint.arguments(AddressQuery, location="query")
@blueprint.response(200, thing(schemas_out_service.AddressRow))
@refusing
def source_url(query: dict[str, Any], name: str) -> dict[str, Any]:
    """Show the address to paste at the sender, with its token: the answer is as secret as bridge.yaml's environment."""
    found = source_setup.address(services(), name, query["kind"], base_url=query["base_url"])
    return one({"source": name, "url": found})


@blueprint.get("/sources/<name>/sample")
@needs(Role.ADMIN)
@blueprint.arguments(AddressQuery(only=["base_url"]), location="query")
@blueprint.response(200, thing(schemas_out_service.SampleRow))
@refusing
def source_sample(query: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a curl command with a correct signature or token, which may be the secret itself.

    The event's type is `test`.
    """
    return one({"source": name, "curl": source_setup.example(services(), name, base_url=query["base_url"]).curl})


@blueprint.post("/sources/<name>/rotate")
@needs(Role.ADMIN, secret=True)
@blueprint.arguments(RotateBody)
@blueprint.response(200, thing(schemas_out_service.RotatedRow))
@refusing
def rotate_source(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Accept a second secret beside the present one. Only this answer shows the new one."""
    base = source_setup.BASE_URL if body["base_url"] is None else body["base_url"]
    base = services().settings.public_url or base
    made = source_secrets.rotate(
        services(), name, value=body["secret"], base_url=base, who=g.who, now=services().clock()
    )
    return one({"source": made.source, "url": made.address, "secret": made.secret})


@blueprint.post("/sources/<name>/end-old-secret")
@needs(Role.ADMIN)
@blueprint.response(200, thing(schemas_out_service.SourceName))
@refusing
def end_old_secret(name: str) -> dict[str, Any]:
    """Accept only the newest secret of a source."""
    source_secrets.end_old(services(), name, who=g.who, now=services().clock())
    return one({"source": name})


@blueprint.post("/sources/<name>/test")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_service.TriedRow))
@refusing
def try_source(name: str) -> dict[str, Any]:
    """Send that event to `public_url`, through any proxy in front of the service, and return the answer."""
    answer = source_setup.send(source_setup.example(services(), name))
    now, detail = services().clock(), {"status": answer.status_code}
    with services().store.write() as session:
        audit_log.note(session, who=g.who, what="test source", about=name, now=now, detail=detail)
    return one({"source": name, "status": answer.status_code, "answer": answer.text})
