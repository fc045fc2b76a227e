"""What the service remembers. One module per noun: its table, its states, its queries by name."""
