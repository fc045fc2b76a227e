"""Plain values that pass between the packages of `rules`: revisions, facts, verdicts, plans, state."""
