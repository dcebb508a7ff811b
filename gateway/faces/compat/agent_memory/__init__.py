"""The agent-memory server, version 1 of its API, as its clients speak it."""
