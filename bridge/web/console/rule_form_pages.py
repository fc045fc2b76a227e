"""Make and change rules on a page: a sentence with numbers, the text, and what it would do, while one types."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Response, abort, flash, g, jsonify, redirect, request

from bridge.operations.check_text import Checked, examine
from bridge.operations.confirmation import display_names
from bridge.operations.errors import OperationError, TooMany
from bridge.operations.rule_save import save, why_not_written
from bridge.operations.rule_templates import ACTIONS, ITEMS, METRICS, blank, from_library, library
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.rule_sentence import fields_of, sentence
from bridge.web.console.show import show
from bridge.web.long_questions import answered
from bridge.web.request_context import services
from rules.language.completion import complete
from rules.language.edit import with_header, with_notice, with_numbers, without_tests
from rules.language.rewrite import NotRewritable
from rules.model.revision import Webhook
from rules.model.topics import FOR_RULES

MAX_RULE_CHARS = 50_000  # characters of one rule; to check that many takes less than a second


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of the form: the text, the rule that it began from, and what could not be written into it."""

    text: str
    rule: str  # the rule that is changed; empty for a new one
    base: str  # its revision
    note: str
    wrong: str = ""


@blueprint.get("/rules/new")
@needs(Role.VIEWER, page=True)
def new_rule() -> str:
    """Show the library, and a blank form."""
    return show(
        "rule_new.html", library=library(), items=ITEMS, metrics={name: one[0] for name, one in METRICS.items()},
        actions=ACTIONS, channels=sorted(services().settings.channels), taken=_taken(),
    )  # fmt: skip


@blueprint.get("/rules/new/form")
@needs(Role.VIEWER, page=True)
def new_form() -> Response | str:
    """Show the form with a rule of the library, or with one from a few choices."""
    asked = request.args
    try:
        if asked.get("from"):
            text = from_library(asked["from"], _taken())
        else:
            text = blank(
                _taken(), item=asked.get("item", "offer"), metric=asked.get("metric", "cr"),
                above=asked.get("side") == "above", action=asked.get("action", "pause"), channel=asked.get("channel"),
            )  # fmt: skip
    except OperationError as error:
        flash(str(error), "bad")
        return redirect("/rules/new", code=303)  # type: ignore[return-value]
    return _page(Draft(text, "", "", ""))


@blueprint.get("/rules/<rule_id>/edit")
@needs(Role.VIEWER, page=True)
def edit_rule(rule_id: str) -> str:
    with services().store.read() as session:
        live = services().library.current(session).revisions.get(rule_id)
    if live is None:
        abort(404, f"there is no rule {rule_id} to change")
    return _page(Draft(live.text, rule_id, live.hash, ""))


@blueprint.get("/channels/<name>/tell")
@needs(Role.VIEWER, page=True)
def tell_channel(name: str) -> Response | str:
    """Show the form of a rule with more notices for this channel. Nothing is saved yet."""
    rule, topics = request.args.get("rule", ""), [one for one in request.args.getlist("about") if one in FOR_RULES]
    with services().store.read() as session:
        live = services().library.current(session).revisions.get(rule)
    if live is None or name not in services().settings.channels:
        abort(404, f"there is no rule {rule}, or no channel {name}")
    if not topics:
        flash("Nothing is selected that the channel is to be told of.", "bad")
        return redirect(f"/channels/{name}", code=303)  # type: ignore[return-value]
    try:
        return _page(Draft(with_notice(live.text, name, topics), rule, live.hash, f"tell {name}"))
    except NotRewritable as error:
        return _page(Draft(live.text, rule, live.hash, "", str(error)))


@blueprint.post("/rules/form")
@needs(Role.VIEWER, page=True)
def rule_form() -> Response | str:
    """Handle the buttons of the form that change nothing: check again, show the past, drop failing tests."""
    draft = _draft()
    match request.form.get("act", "look"):
        case "drop" if not draft.wrong:
            draft = _without_failing(draft)
        case "past":
            return _page(draft, with_past=True)
    return _page(draft)


@blueprint.post("/rules/form/save")
@needs(Role.OPERATOR, page=True)
def save_rule() -> Response | str:
    """Write the rule, or show the patch; after an error the form shows it."""
    draft = _draft()
    return _page(draft) if draft.wrong else _save(draft, force=request.form.get("act") == "write")


@blueprint.post("/rules/form/look")
@needs(Role.VIEWER, page=True)
def look() -> str:
    """Return a fragment of the form while somebody types: the faults, the result, and the other half of the form."""
    draft = _draft()
    return show(
        "rule_looked.html", **_looked(draft, _checked(draft)), typed=request.form.get("typed", ""), **_form(draft)
    )


@blueprint.post("/rules/form/past")
@needs(Role.VIEWER, page=True)
def look_back() -> str:
    """Return a fragment of the form that loads after the rest: the last 30 days."""
    draft = _draft()
    return show("rule_past.html", **_past(draft, _checked(draft)))


@blueprint.post("/rules/form/costs")
@needs(Role.VIEWER, page=True)
def look_ahead() -> str:
    """Return a fragment of the form that loads last: pauses by chance, and how long a collapse stays unnoticed."""
    draft = _draft()
    return show("rule_costs.html", **_costs(draft, _checked(draft)))


@blueprint.post("/rules/form/complete")
@needs(Role.VIEWER, page=True)
def complete_text() -> Response:
    """Return the keys and words that may be at the cursor of the raw editor, from the schema."""
    text = _text()
    try:
        at = int(request.form.get("at", ""))
    except ValueError:
        abort(400, "at is not a whole number; give the place of the cursor in the text")
    found = complete(text, at)
    options = [{"word": one.word, "insert": one.insert, "meaning": one.meaning} for one in found.options]
    return jsonify(begun=max(0, at - found.start), options=options)


def _page(draft: Draft, *, with_past: bool = False) -> str:
    checked = _checked(draft)
    more = _past(draft, checked) | _costs(draft, checked) if with_past else {"past": None, "costs": None}
    return show("rule_form.html", **_form(draft), **_looked(draft, checked), **more, with_past=with_past)


def _form(draft: Draft) -> dict[str, Any]:
    return {
        "draft": draft, "rows": sentence(draft.text), "fields": fields_of(draft.text),
        "patch_only": why_not_written(services()), "file": _file(draft.rule),
        "rows_of_text": min(max(draft.text.count("\n") + 2, 14), 44),
    }  # fmt: skip


def _checked(draft: Draft) -> Checked:
    return examine(services(), draft.text)


def _looked(draft: Draft, checked: Checked) -> dict[str, Any]:
    told: dict[str, Any] = {"checked": checked, "said": None, "unsaid": "", "told_lines": _lines(draft.text, checked)}
    if _usable(checked) and not isinstance(checked.revisions[0].trigger, Webhook):
        try:
            told["said"] = answered("said now", text=draft.text)
        except OperationError as error:
            told["unsaid"] = str(error)
    return told


def _past(draft: Draft, checked: Checked) -> dict[str, Any]:
    told: dict[str, Any] = {"past": None, "busy": False, "no_past": "", "names": {}, "account": ""}
    if not _usable(checked):
        return told | {"no_past": "the text has to be mended first"}
    try:
        found = answered("past", text=draft.text)
    except TooMany:
        return told | {"busy": True}
    except OperationError as error:
        return told | {"no_past": str(error)}
    items = [(one["kind"], one["id"], one["why"], one["judged"]) for one in found["items"]]
    money = {name: Decimal(found[name]) for name in ("loss_avoided", "profit_forgone")}
    with services().store.read() as session:
        account = checked.revisions[0].account
        names = display_names(session, {(account, kind, target) for kind, target, _, _ in items})
    unit = formatting.currency_of(services(), account)
    return told | {"past": found | money | {"items": items}, "names": names, "account": account, "currency": unit}


def _costs(draft: Draft, checked: Checked) -> dict[str, Any]:
    if not _usable(checked):
        return {"costs": []}
    try:
        found = answered("chances", text=draft.text)
    except TooMany:
        return {"costs": [], "costs_wait": True}
    except OperationError as error:
        return {"costs": [], "no_costs": str(error)}
    return {"costs": found, "currency": formatting.currency_of(services(), checked.revisions[0].account)}


def _usable(checked: Checked) -> bool:
    """Return whether the text is one readable rule."""
    return len(checked.revisions) == 1 and not checked.errors


def _text() -> str:
    text = request.form.get("text", "").replace("\r\n", "\n")
    if len(text) > MAX_RULE_CHARS:
        abort(413, f"a rule of more than {MAX_RULE_CHARS:,} characters")
    return text


def _draft() -> Draft:
    """Return the submitted draft.

    A number that was changed in the sentence is written into the text; the rest stays.
    """
    form, text = request.form, _text()
    wrong = ""
    changed = {
        name.removeprefix("set:"): new
        for name, new in form.items()
        if name.startswith("set:") and new.strip() != form.get(f"was:{name.removeprefix('set:')}", "")
    }
    heads = {
        name: form[name]
        for name in ("id", "title", "owner")
        if name in form and form[name].strip() != form.get(f"was:{name}", "")
    }
    for change in [{name: new} for name, new in changed.items()]:
        try:
            text = with_numbers(text, change)
        except NotRewritable as error:
            wrong = wrong or str(error)
    try:
        text = with_header(text, heads)
    except NotRewritable as error:
        wrong = wrong or str(error)
    return Draft(text, form.get("rule", ""), form.get("base", ""), form.get("note", "").strip()[:500], wrong)


def _save(draft: Draft, *, force: bool) -> Response | str:
    try:
        done = save(
            services(), draft.text, who=g.who, note=draft.note, now=services().clock(), base=draft.base or None,
            force=force,
        )  # fmt: skip
    except OperationError as error:
        return _page(Draft(draft.text, draft.rule, draft.base, draft.note, f"Not saved. {error}"))
    if not done.written:
        return show("rule_patch.html", draft=draft, done=done)
    flash(f"{done.file} is saved and loaded. If rules are kept elsewhere too, commit it there.", "good")
    return redirect(f"/rules/{done.rule}", code=303)  # type: ignore[return-value]


def _without_failing(draft: Draft) -> Draft:
    failed = {one.test.place.line for one in _checked(draft).failed}
    if not failed:
        return draft
    try:
        text = without_tests(draft.text, failed)
    except NotRewritable as error:
        return Draft(draft.text, draft.rule, draft.base, draft.note, str(error))
    return Draft(text, draft.rule, draft.base, draft.note)


def _lines(text: str, checked: Checked) -> list[tuple[int, str, list[str]]]:
    """Return the lines with faults, and the faults."""
    lines = text.split("\n")
    told: dict[int, list[str]] = {}
    for one in checked.errors:
        told.setdefault(one.place.line, []).append(one.message)
    for result in checked.failed:
        told.setdefault(result.test.place.line, []).append(f"this test fails: {result.message}")
    return [
        (number, lines[number - 1] if number <= len(lines) else "", words) for number, words in sorted(told.items())
    ]


def _file(rule: str) -> str:
    """Return the file of a rule's text; empty for a new one."""
    if not rule:
        return ""
    with services().store.read() as session:
        live = services().library.current(session).revisions.get(rule)
    return live.place.file if live else ""


def _taken() -> frozenset[str]:
    with services().store.read() as session:
        return frozenset(services().library.current(session).revisions)
