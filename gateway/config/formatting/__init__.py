"""One way to write a configuration: layout, quotes and the order of keys. Never what it means, and never its comments."""
