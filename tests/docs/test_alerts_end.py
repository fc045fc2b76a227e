"""An alert that began must be able to end: a gauge forgets what is over."""

from bridge import metrics
from bridge.store.ledger import EffectState
from bridge.web import health


def test_the_last_unknown_effect_settles_and_the_gauge_says_so(network):
    metrics.EFFECTS_OPEN.labels(EffectState.UNKNOWN).set(3)
    health.collect(network.house, network.now)
    assert metrics.EFFECTS_OPEN.labels(EffectState.UNKNOWN)._value.get() == 0
