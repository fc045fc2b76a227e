"""The ways in over HTTP: the door for webhooks, the API, the console, health and metrics."""
