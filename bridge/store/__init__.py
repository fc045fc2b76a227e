"""The database. One module per noun: its table, its states, its named queries."""
