"""Say in one sentence what keeps a command from its files or its database. What is nobody's fault but ours stays."""


def sentence(error: BaseException) -> str | None:
    """Return the problem and its remedy; None for an error that is a bug, because then the traceback is worth more."""
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"{error.filename}: may not be written or read by this user; run as the user of the service"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if type(error).__module__.partition(".")[0] != "sqlalchemy":
        return None
    from sqlalchemy.exc import InterfaceError, OperationalError  # noqa: PLC0415 - only where it has been imported anyway

    if not isinstance(error, OperationalError | InterfaceError):
        return None
    said = str(error.orig).strip().splitlines()
    return (
        f"the database cannot be used: {said[0] if said else 'no answer'}; check DATABASE_URL, and that the server runs"
    )
