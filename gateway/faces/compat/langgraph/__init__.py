"""The store of LangGraph's server, as LangGraph's SDK speaks to it."""
