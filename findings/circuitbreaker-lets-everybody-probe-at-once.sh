#!/usr/bin/env bash
# After an outage one circuit breaker lets a single call try the server, another lets all twenty that wait.
#
# Packages: circuitbreaker 2.1.3, pybreaker 1.4.1.
#
# Expected: a breaker that is half open lets one call through and decides by it; that is what half open is for.
# Seen: pybreaker lets one of twenty threads through. circuitbreaker lets all twenty: half open is only what it says about
# itself once the time is over, and nothing is reserved for the first.
#
# Why it matters here: workers that pause offers wait by the dozen for an API to come back, and that API counts requests.
# The first second after the outage is then over the rate, and the account is shut out again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check circuitbreaker==2.1.3 pybreaker==1.4.1
"$folder/venv/bin/python" - <<'PY'
import sys
import threading
import time

import pybreaker
from circuitbreaker import CircuitBreaker

CALLERS = 20


def probes(guarded):
    """How many of twenty callers reach a server that is still away, a second after it was found to be away."""
    reached, lock, together = [], threading.Lock(), threading.Barrier(CALLERS)
    inside = threading.Event()

    def server():
        with lock:
            reached.append(1)
        inside.wait(0.5)  # an answer takes a while: the others come meanwhile
        raise OSError("no answer")

    def call():
        together.wait()
        try:
            guarded(server)
        except Exception:
            pass

    try:
        guarded(server)
    except OSError:
        pass
    except pybreaker.CircuitBreakerError:
        pass
    reached.clear()
    time.sleep(1.2)
    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    return len(reached)


seen = {
    "circuitbreaker": probes(CircuitBreaker(failure_threshold=1, recovery_timeout=1, expected_exception=OSError).call),
    "pybreaker": probes(pybreaker.CircuitBreaker(fail_max=1, reset_timeout=1).call),
}
for name, number in seen.items():
    print(f"{name:15} lets {number} of {CALLERS} callers through")
sys.exit(0 if seen["pybreaker"] == 1 and seen["circuitbreaker"] > CALLERS // 2 else 1)
PY
