"""From a rule file to revisions: load, warn, run its own tests, check rules together, print the reference."""
