"""Check whether Integr8 can be reached before work is claimed, so that no worker waits while it holds work.

During an outage effects and feeds stay where they are, as rows that are due. One cheap call every second or two finds
out when Integr8 is back, and the work then begins at once, in its own order. A server that reads nothing is sent next
to nothing: it would count all of that together when it goes on.
"""

from bridge.integr8 import Client
from bridge.integr8.errors import BudgetUnavailable

MAX_PAUSE_TO_CALL_IN = 2.0  # s; for a pause of this length a call may be begun, it waits for its slot
AGAIN = 1.0  # s until it is worth asking again
PING, PING_MAX = 2.0, 30.0  # s that an answer may take; after some minutes of outage longer, in case it is only slow
STEADY = 100  # probes with the short time
UNREAD = 30  # each 30th probe is sent whether the server reads or not: there may be servers that ignore a greeting


def seconds_away(client: Client) -> float:
    """Return the seconds until a call makes sense; 0.0: now. Makes one cheap call if the breaker waits for a probe."""
    try:
        state = client.budget.state()
        if state.closed_for > MAX_PAUSE_TO_CALL_IN:
            return state.closed_for
        if not state.trips:
            return 0.0
        if state.breaker_open_for > 0:
            return state.breaker_open_for
        return 0.0 if _answers(client, state.trips) else AGAIN
    except BudgetUnavailable:
        return AGAIN


def _answers(client: Client, trips: int) -> bool:
    return client.answers(timeout=_ping(trips), unread=trips % UNREAD == 0)


def _ping(trips: int) -> float:
    return min(PING_MAX, PING + max(0, trips - STEADY) / 2)
