"""The agent-memory client, unmodified, against the gateway as its server."""
