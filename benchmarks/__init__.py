"""Benchmarks of the service, run by `python -m benchmarks [NAME ...]`. Speed is never asserted in tests."""
