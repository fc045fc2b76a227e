"""The common parts of the OpenAPI document: Idempotency-Key on writes, and error answers."""

from typing import Any

from apispec import BasePlugin

KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "1 to 200 characters of your choice. The same request with the same key within 24 hours is done "
    "once and answered again with `Idempotency-Replayed: true`; the key with another request is refused with 422.",
    "examples": {"uuid": {"value": "0d9c1c1e-5b7e-4d0a-9b5f-0d7f6a0e6c55"}},
}
PROBLEM = {
    "type": "object",
    "description": "What happened, where, and what to do about it (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Not done"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["run 99: not found"]},
        "errors": {"type": "object", "description": "faults field by field, where the request was not as described"},
    },
}
REFUSAL = {
    "description": "A problem document",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
OTHERS = ("401", "403", "404", "409", "422", "default")
WRITES = frozenset({"post", "put", "patch", "delete"})
SECRETS = ("/tokens", "/users", "/password", "/secret")  # a POST to these answers with a secret, which is not kept


class InCommon(BasePlugin):
    """Adds to each operation the parts that all have in common."""

    def init_spec(self, spec: Any) -> None:
        spec.components.schema("Problem", PROBLEM)

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:  # what apispec calls
        del kwargs
        for verb, operation in (operations or {}).items():
            secret = verb == "post" and str(path).endswith(SECRETS)
            if verb in WRITES and not secret:
                operation.setdefault("parameters", []).append(KEY)
            answers = operation.setdefault("responses", {})
            for status in (*OTHERS, *(["415"] if "requestBody" in operation else [])):
                answers[status] = REFUSAL
