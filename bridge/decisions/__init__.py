"""From an event or a due time to a recorded run: match, evaluate, plan, save."""
