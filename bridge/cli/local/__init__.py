"""The demo: the whole stack against the simulator, with a story to watch and a proof at the end."""
