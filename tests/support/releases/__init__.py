"""Databases as released versions left them, with data, so that every later migration is tried on them."""
