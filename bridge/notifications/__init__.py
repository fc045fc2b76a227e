"""Collect and deliver notifications, and alert people about problems with the service itself."""
