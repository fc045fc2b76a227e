"""The error that is raised when observations cannot be read.

Alone here: the command line knows it, and loads nothing by it.
"""

#: In the `info` of a session: a function that gives `bridge.reports.clickhouse_rows.ClickHouseRows`.
WHERE_ROWS_ARE = "clickhouse"


class ObservationsAway(RuntimeError):
    """ClickHouse, where observations are kept, does not answer or does not hold what it should."""
