"""Execute what was decided: claim effects, call Integr8, verify, record the outcomes."""
