"""The language itself: strict YAML, parser, names, types, and back to text; its JSON Schema."""
