"""Callers of mem0's open server against the gateway."""
