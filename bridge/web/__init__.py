"""Everything over HTTP: the webhook endpoint, the API, the console, health and metrics."""
