"""The page of one's own account: name, role, and a new password."""

from flask import Response, flash, g, redirect, request

from bridge.operations import OperationError
from bridge.store.roles import Role
from bridge.store.sessions import Principal
from bridge.web.access import needs, passwords, sessions
from bridge.web.access.users import change_own
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services


@blueprint.get("/account")
@needs(Role.VIEWER, page=True)
def account() -> str:
    return show("account.html", least=passwords.MIN_LENGTH)


@blueprint.post("/account")
@needs(Role.VIEWER, page=True)
def change_password() -> Response | str:
    principal: Principal = g.principal
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if principal.user_id is None or not principal.has_password:
        flash("There is no password here to change.", "bad")
    elif new != request.form.get("again", ""):
        flash("The two new passwords differ; write the same one twice.", "bad")
    else:
        now = services().clock()
        try:
            change_own(services(), principal.user_id, old=old, new=new, now=now)
        except OperationError as error:
            flash(str(error), "bad")
        else:
            with services().store.write() as database:  # all sessions ended; this browser has just proved itself anew
                sessions.begin(database, now, user_id=principal.user_id)
            flash("The password is changed. Everywhere else you are signed out.", "good")
            return redirect("/", code=303)  # type: ignore[return-value]
    return redirect(sessions.ACCOUNT, code=303)  # type: ignore[return-value]
