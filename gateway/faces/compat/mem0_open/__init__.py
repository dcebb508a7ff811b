"""mem0's open server as its callers speak it: `/memories`, `/search`, `/entities`, no prefix and no slash at the end."""
