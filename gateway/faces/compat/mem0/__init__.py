"""mem0's platform as its own clients speak it: `/v1`, `/v2` and `/v3`, every path with a slash at its end."""
