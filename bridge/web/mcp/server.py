"""Answer questions of a chat assistant over the Model Context Protocol. It may look at everything and change nothing.

One tool proposes a change: as a plan that waits for a person in console or command line. There is no tool that
approves, halts, resumes, releases, undoes or reads a secret. Every call is in the audit.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from anyio import to_thread
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ContentBlock, ToolAnnotations
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.operations.errors import OperationError
from bridge.operations.proposals import Proposal, propose
from bridge.services.container import Services
from bridge.sources.request import readable
from bridge.store import audit_log
from bridge.store.roles import Role
from bridge.web.access import InvalidToken, check
from bridge.web.mcp import answers

CALLER = "bridge.caller"  # in the scope of a request: who asks
MAX_ARGUMENT_CHARS = 200  # characters in the audit; a draft is longer and need not be kept twice
MAX_ARGUMENTS = 20  # in the audit; no tool takes as many
INSTRUCTIONS = (
    "Integr8 Bridge automates an affiliate network by rules. You can explain decisions, list what waits and what is "
    "held, show rules and check drafts. You can propose a change, which a person then approves or rejects; you cannot "
    f"approve anything. {answers.NOTICE}"
)
LOOKING = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)
PROPOSING = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=False)

Ctx = Context[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, and the role of its token."""

    name: str
    role: Role


_reached: ContextVar[bool] = ContextVar("the call reached its tool, which notes it", default=False)


class AuditedServer(FastMCP[Any]):
    """Also records calls that reach no tool. `tools` is set once the server is created."""

    tools: "Tools"

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Sequence[ContentBlock] | dict[str, Any]:
        _reached.set(False)
        try:
            return await super().call_tool(name, arguments)
        except ToolError as error:
            if not _reached.get():
                await self.tools.turned_away(self.get_context(), name, arguments, str(error))
            raise


class Tools:
    """The tools of one server. One question at a time: facts in memory belong to one thread."""

    def __init__(self, services: Services, local: Caller | None) -> None:
        """Create them. `local`: the caller over stdin; without it every request has its own token."""
        self._services = services
        self._local = local
        self._lock = Lock()

    async def ask(self, ctx: Ctx, tool: str, arguments: Mapping[str, Any], answer: Callable[[], Any]) -> dict[str, Any]:
        """Handle one call: check, record in the audit, answer; an error says why."""
        caller = self._caller(ctx)
        _reached.set(True)
        return await to_thread.run_sync(partial(self._answered, caller, tool, arguments, answer))

    async def turned_away(self, ctx: Ctx, tool: str, arguments: Mapping[str, Any], why: str) -> None:
        """Record a call that reached no tool: there is none of that name, or it takes other arguments."""
        caller = self._caller(ctx)
        await to_thread.run_sync(partial(self._note, caller, tool[:MAX_ARGUMENT_CHARS], arguments, why))

    def now(self) -> datetime:
        """Return the moment of the call."""
        return self._services.clock()

    @property
    def services(self) -> Services:
        return self._services

    def who(self, ctx: Ctx) -> str:
        """Return the caller's name in the audit."""
        return f"{self._caller(ctx).name} (mcp)"

    def _caller(self, ctx: Ctx) -> Caller:
        request = ctx.request_context.request
        found = request.scope.get(CALLER) if isinstance(request, Request) else self._local
        if not isinstance(found, Caller):
            raise ToolError("nobody is signed in; send a token of `integr8-bridge tokens create`")
        return found

    def _answered(
        self, caller: Caller, tool: str, arguments: Mapping[str, Any], answer: Callable[[], Any]
    ) -> dict[str, Any]:
        with self._lock:
            refused = ""
            try:
                if tool == "propose_change" and not caller.role.covers(Role.OPERATOR):
                    refused = "a token with the role operator may propose; yours may look"
                    raise ToolError(refused)
                if odd := sorted(name for name, value in arguments.items() if _is_odd(value)):
                    refused = f"{', '.join(odd)}: holds NUL or half of a character; send plain text"
                    raise ToolError(refused)
                return answers.answer(answer())
            except (OperationError, ValueError) as error:
                refused = str(error)
                raise ToolError(refused) from error
            finally:
                self._note(caller, tool, arguments, refused)

    def _note(self, caller: Caller, tool: str, arguments: Mapping[str, Any], refused: str) -> None:
        given = {name: str(value)[:MAX_ARGUMENT_CHARS] for name, value in arguments.items() if value is not None}
        said = {
            readable(name[:MAX_ARGUMENT_CHARS]): readable(text) for name, text in list(given.items())[:MAX_ARGUMENTS]
        }
        detail = {"arguments": said, "role": str(caller.role), **({"refused": readable(refused)} if refused else {})}
        with self._services.store.write() as session:
            who = f"{caller.name} (mcp)"
            audit_log.note(
                session, who=who, what=f"mcp {readable(tool)}", about="assistant", now=self.now(), detail=detail
            )


def _is_odd(value: Any) -> bool:
    """Return whether a value contains a text that no database and no file can hold."""
    if isinstance(value, dict):
        return any(_is_odd(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(_is_odd(one) for one in value)
    return isinstance(value, str) and readable(value) != value


def make(services: Services, *, local: Caller | None = None) -> FastMCP[Any]:
    """Return the server with its tools."""
    # Whoever asks over HTTP brings a token, which no page in a browser has: the host need not be guessed as well.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server = AuditedServer(
        "integr8-bridge",
        instructions=INSTRUCTIONS,
        stateless_http=True,
        json_response=True,
        transport_security=security,
    )
    server.tools = tools = Tools(services, local)
    _add_looking(server, tools)
    _add_proposing(server, tools)
    return server


def _add_looking(server: FastMCP[Any], tools: Tools) -> None:
    services = tools.services

    @server.tool(annotations=LOOKING)
    async def explain_decision(ctx: Ctx, rule: str, subject: str, at: str | None = None) -> dict[str, Any]:
        """Say why a rule did or did not act on an item: each condition with its numbers, and what stood in the way.

        subject: offer=42, or offer=42,publisher=7, or event=ID. at: a moment in ISO 8601, for the past.
        """
        asked = {"rule": rule, "subject": subject, "at": at}

        def explained() -> Any:
            moment = datetime.fromisoformat(at).astimezone() if at else None
            return answers.decision(services, rule, subject, moment, tools.now())

        return await tools.ask(ctx, "explain_decision", asked, explained)

    @server.tool(annotations=LOOKING)
    async def list_waiting(ctx: Ctx, plan: int | None = None) -> dict[str, Any]:
        """List plans that wait for a person, or show one of them with every effect."""
        asked = {"plan": plan}
        return await tools.ask(ctx, "list_waiting", asked, lambda: answers.waiting(services, plan, tools.now()))

    @server.tool(annotations=LOOKING)
    async def list_held(ctx: Ctx, target: str | None = None) -> dict[str, Any]:
        """List what rules keep paused: by which rule, since, until and why. target: offer=42."""
        return await tools.ask(ctx, "list_held", {"target": target}, lambda: answers.held(services, target))

    @server.tool(annotations=LOOKING)
    async def list_rules(ctx: Ctx) -> dict[str, Any]:
        """List the live rules with mode, title and owner."""
        return await tools.ask(ctx, "list_rules", {}, lambda: answers.rules(services))

    @server.tool(annotations=LOOKING)
    async def show_rule(ctx: Ctx, rule: str) -> dict[str, Any]:
        """Show a rule's text and what its last backtest came to."""
        return await tools.ask(ctx, "show_rule", {"rule": rule}, lambda: answers.rule(services, rule))

    @server.tool(annotations=LOOKING)
    async def check_draft(ctx: Ctx, text: str) -> dict[str, Any]:
        """Check the YAML text of a rule and run its own tests. Nothing is saved."""
        return await tools.ask(ctx, "check_draft", {"text": text}, lambda: answers.draft(services, text))


def _add_proposing(server: FastMCP[Any], tools: Tools) -> None:
    services = tools.services

    @server.tool(annotations=PROPOSING)
    async def propose_change(  # noqa: PLR0917 - the parameters are the tool's schema; a client names each
        ctx: Ctx,
        action: str,
        kind: str,
        ids: list[str],
        why: str,
        hold: str | None = None,
        values: dict[str, Any] | None = None,
        account: str | None = None,
    ) -> dict[str, Any]:
        """Propose a change. It becomes a plan that waits: a person approves or rejects it, you cannot.

        action: pause, activate or update. kind: offer, publisher or advertiser. hold: for a pause, 12h or manual.
        values: for an update, the fields to set. account: whose items, where there are several accounts.
        """
        asked = {"action": action, "kind": kind, "ids": ids, "why": why, "hold": hold, "values": values}
        asked["account"] = account
        wanted = Proposal(action=action, kind=kind, ids=ids, why=why, hold=hold, values=values, account=account)

        def proposed() -> dict[str, Any]:
            found = propose(services, wanted, who=tools.who(ctx), now=tools.now())
            return {
                "plan": found.plan_id,
                "run": found.run_id,
                "state": "waiting for a person",
                "effects": list(found.effects),
                "left_out": list(found.left),
            }

        return await tools.ask(ctx, "propose_change", asked, proposed)


class WithToken:
    """Admits requests with a valid token, and remembers its holder."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind, _, text = Request(scope).headers.get("authorization", "").partition(" ")
        given = text.strip() if kind.lower() == "bearer" else ""
        try:
            token = await to_thread.run_sync(lambda: check(self._services.store, given, self._services.clock()))
        except InvalidToken as error:
            refusal = JSONResponse({"title": str(error)}, 401, {"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        scope[CALLER] = Caller(token.name, Role(token.role))
        await self._app(scope, receive, send)


def http_app(services: Services) -> ASGIApp:
    """Return the server as an ASGI application at /mcp."""
    return WithToken(make(services).streamable_http_app(), services)
