"""Integr8's API as an OpenAPI 3.1 document, made from the catalogue."""

from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from bridge.integr8.catalogue import OPERATIONS, Kind, Operation
from bridge.integr8.errors import BY_STATUS
from bridge.integr8.query_schemas import ListQuery

SERVER = "https://api.app.integr8.co"


def document(server: str = SERVER) -> dict[str, Any]:
    """Return the whole document, as plain values ready for JSON."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="Integr8",
        version="2",
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": "Made from Integr8 Bridge's operation catalogue; inferred parts say so."},
        servers=[{"url": server}],
        tags=[{"name": name} for name in dict.fromkeys(one.resource for one in OPERATIONS.values())],
    )
    spec.components.security_scheme("ApiKeyAuth", {"type": "apiKey", "in": "header", "name": "API-KEY"})
    for status, kind in BY_STATUS.items():
        spec.components.response(_error_name(status), _error((kind.__doc__ or "").partition(": ")[2].strip()))
    spec.components.response("ServerError", _error("Something went wrong on the server's end."))
    assert plugin.converter is not None
    for operation in OPERATIONS.values():
        spec.path(operation.path, operations={operation.verb.lower(): _operation(operation, plugin.converter)})
    found: dict[str, Any] = spec.to_dict()
    return found


def _name(schema: type[Schema] | Schema | str) -> str:
    if isinstance(schema, str):
        return schema
    return schema.__name__ if isinstance(schema, type) else type(schema).__name__


def _error_name(status: int) -> str:
    return f"Status{status}"


def _error(description: str) -> dict[str, Any]:
    return {"description": description or "An error.", "content": {"application/json": {"schema": {}}}}


def _operation(operation: Operation, converter: OpenAPIConverter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.title,
        "description": f"Evidence: {operation.evidence}.",
        "tags": [operation.resource],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, converter)],
        "responses": _responses(operation),
        "security": [{"ApiKeyAuth": []}] if operation.authenticated else [],
    }
    if operation.request is not None:
        content = {"application/json": {"schema": operation.request}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in operation.parameters
    ]


def _query_parameters(operation: Operation, converter: OpenAPIConverter) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    parameters = [
        {
            "name": field.data_key or name,
            "in": "query",
            "required": field.required,
            "schema": converter.field2property(field),
        }
        for name, field in operation.query().fields.items()
    ]
    if operation.query is ListQuery:
        parameters.append(_any_filter())
    return parameters


def _any_filter() -> dict[str, Any]:
    return {
        "name": "filter",
        "in": "query",
        "style": "deepObject",
        "explode": True,
        "description": "`filter[field]=value` or `filter[field][operator]=value`; fields inside an object with dots.",
        "schema": {"type": "object", "additionalProperties": True},
    }


def _responses(operation: Operation) -> Mapping[str, Any]:
    good = {"description": operation.title, "content": {"application/json": {"schema": operation.response}}}
    # The reference lists 200 only; a sibling product answers 201 to creates and 204 to deletes.
    successes: dict[str, Any] = {"200": good}
    if operation.kind is Kind.CREATED:
        successes["201"] = good
    if operation.kind is Kind.EMPTY:
        successes["204"] = {"description": operation.title}
    errors = {str(code): _error_name(code) for code in BY_STATUS if operation.authenticated or code not in {401, 403}}
    return {**successes, **errors, "5XX": "ServerError"}
