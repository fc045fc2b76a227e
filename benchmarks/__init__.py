"""What is measured, and with what: `python -m benchmarks [NAME ...]`. Speed is never asserted in tests."""
