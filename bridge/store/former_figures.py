"""Names that figures of stored backtests had in earlier versions: former name → present name."""

from collections.abc import Mapping

FORMER_FIGURES: Mapping[str, str] = {
    "kept": "loss_avoided",
    "lost": "profit_forgone",
    "looks": "evaluations",
}
