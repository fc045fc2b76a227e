"""The rule language and what follows from it: rules decide. No I/O, no clock, nothing of `bridge`."""
