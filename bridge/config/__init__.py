"""Read BRIDGE_HOME and the environment: settings, rules, look-up tables, login."""
