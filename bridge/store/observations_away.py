"""What is raised where observations cannot be read. Alone here: the command line knows it, and loads nothing by it."""


class ObservationsAway(RuntimeError):
    """ClickHouse, where observations are kept, does not answer or does not hold what it should."""
