"""Answer a chat assistant over the Model Context Protocol; the extra `mcp`."""
