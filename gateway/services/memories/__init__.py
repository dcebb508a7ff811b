"""Memories: what agents know. Each file here is one thing that can be done with them."""
