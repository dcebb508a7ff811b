"""FastAgentic."""
