"""mem0's own clients against the gateway."""
