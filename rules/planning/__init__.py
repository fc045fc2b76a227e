"""From verdicts to plans: desired effects, guards, holds, release, conflicts, approval, undo."""
