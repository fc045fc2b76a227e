"""What a chat assistant may ask, over the Model Context Protocol; the extra `mcp`."""
