"""Floor 2: YAML text becomes a checked, typed, frozen Config, or diagnostics with their places."""
