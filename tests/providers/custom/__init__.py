"""A provider named by its import path."""
