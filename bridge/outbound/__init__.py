"""Requests and messages to servers that are not Integr8: safe HTTP, channels, signed webhooks."""
