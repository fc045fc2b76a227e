"""What BRIDGE_HOME and the environment say: settings, rules, look-up tables, login."""
