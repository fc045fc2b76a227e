"""Run the whole service on one machine: the supervisor, the stack, and the demo with its final check."""
