"""LangGraph's checkpointer and store over a gateway."""
