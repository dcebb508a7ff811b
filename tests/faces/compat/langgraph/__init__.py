"""LangGraph's SDK, unmodified, against the gateway as its store."""
